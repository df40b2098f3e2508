/* The bus and its virtio devices for host tests: configuration space, registers, rings, lies. */
#include "virtio_device.h"

#include <string.h>

#include "host.h"
#include "host_mmio.h"
#include "tests/unit/test_port.h"

#define BAR4_BASE  0xe000004000ull
#define BAR4_BYTES 0x4000ull

#define AT_COMMON	  0x0000u
#define AT_ISR		  0x1000u
#define AT_DEVICE	  0x2000u
#define AT_NOTIFY	  0x3000u
#define NOTIFY_MULTIPLIER 4u

#define CAP_COMMON  0x40u
#define CAP_ISR	    0x54u
#define CAP_DEVICE  0x68u
#define CAP_NOTIFY  0x7cu
#define CAP_PCI_CFG 0x90u
#define CAP_SECOND  0xa4u
#define CAP_LAST    0xf0u /* room for 16 bytes */

#define CONFIG_POISON_VAL 12u

#define DRIVER_OK   4u
#define FEATURES_OK 8u
#define FAILED	    0x80u

#define VERSION_1  (1ull << 32)
#define OTHER_BITS ((1ull << 28) | (1ull << 29) | (1ull << 40)) /* INDIRECT_DESC, EVENT_IDX, RING_RESET */

#define POLICE(d, cond)                                                                               \
	do {                                                                                          \
		if (cond)                                                                             \
			break;                                                                        \
		(d)->broken_rules++;                                                                  \
		if ((d)->police)                                                                      \
			test_port_fail(__FILE__, __LINE__, "the driver broke a rule: not %s", #cond); \
	} while (0)

static uint64_t offered(const struct virtio_device *d)
{
	if (d->entropy)
		return ((VERSION_1 | OTHER_BITS) | d->with) & ~d->without;
	return ((VERSION_1 | OTHER_BITS | BALLOON_F_STATS_VQ | BALLOON_F_PAGE_POISON | BALLOON_F_REPORTING) | d->with) &
	       ~d->without;
}

static unsigned reporting_index(const struct virtio_device *d)
{
	if (d->entropy)
		return 0;
	switch (d->numbering) {
	case NUMBERING_SPEC:
		return 4;
	case NUMBERING_DENSE:
		return 2 + !!(d->accepted & BALLOON_F_STATS_VQ) + !!(d->accepted & BALLOON_F_FREE_PAGE_HINT);
	default:
		return offered(d) & BALLOON_F_FREE_PAGE_HINT ? 4 : 3;
	}
}

static uint16_t queue_size(const struct virtio_device *d, unsigned index)
{
	bool reporting = index == reporting_index(d) && (offered(d) & BALLOON_F_REPORTING);
	bool there = d->entropy ? index == 0 : reporting || index < 2;

	if (d->lie == LIE_QUEUES_MISSING)
		return 0;
	if (index == 2 && !d->entropy)
		there |= d->numbering == NUMBERING_QEMU || (offered(d) & BALLOON_F_STATS_VQ);
	if (index == 3)
		there |= (offered(d) & BALLOON_F_FREE_PAGE_HINT) != 0;
	if (!there)
		return 0;
	if (d->lie == LIE_QUEUE_SIZE_ODD)
		return 33;
	if (d->lie == LIE_QUEUE_SIZE_HUGE)
		return 0x8000;
	if (d->lie == LIE_QUEUE_SHRINKS)
		return (uint16_t)(128u >> (d->size_reads < 7 ? d->size_reads : 7));
	if (d->queue_size)
		return (uint16_t)d->queue_size;
	if (reporting)
		return 32;
	return index == 3 ? 1024 : 128;
}

/* --- Rings, as the device sees them ---------------------------------------------------------------------------- */

static void *memory(uint64_t addr, uint64_t bytes)
{
	if (addr + bytes < addr || addr + bytes > HOST_FRAMES << FRAME_SHIFT)
		test_port_fail(__FILE__, __LINE__, "DMA to %#llx", (unsigned long long)addr);
	return host_frames + addr;
}

static uint16_t load16(uint64_t addr)
{
	uint16_t v;

	memcpy(&v, memory(addr, sizeof(v)), sizeof(v));
	return v;
}

static void store16(uint64_t addr, uint16_t v)
{
	memcpy(memory(addr, sizeof(v)), &v, sizeof(v));
}

static void store32(uint64_t addr, uint32_t v)
{
	memcpy(memory(addr, sizeof(v)), &v, sizeof(v));
}

static void use(struct virtio_device *d, struct device_queue *q, uint32_t id, uint32_t len)
{
	unsigned times = d->lie == LIE_TWICE ? 2 : 1;

	if (d->lie == LIE_ID_RANGE)
		id = q->size;
	if (d->lie == LIE_ID_UNKNOWN)
		id = (id + q->size - 1u) % q->size;
	if (d->lie == LIE_LENGTH)
		len = ~0u;
	while (times--) {
		uint64_t at = q->device + 4 + 8 * (q->used_idx % q->size);

		store32(at, id);
		store32(at + 4, len);
		q->used_idx++;
	}
	store16(q->device + 2, (uint16_t)(q->used_idx + (d->lie == LIE_INDEX_JUMP ? 5 : 0)));
}

struct descriptor {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static struct descriptor descriptor(const struct device_queue *q, unsigned index)
{
	struct descriptor d;

	memcpy(&d, memory(q->desc + 16ull * index, sizeof(d)), sizeof(d));
	return d;
}

static bool is_zero(uint64_t addr, uint64_t bytes)
{
	const char *p = memory(addr, bytes);

	return bytes == 0 || (p[0] == 0 && memcmp(p, p + 1, bytes - 1) == 0);
}

static void take_report(struct virtio_device *d, struct device_queue *q, unsigned head)
{
	uint64_t bytes = 0;
	unsigned length = 0;

	for (unsigned at = head;; length++) {
		struct descriptor desc;

		POLICE(d, at < q->size && length < q->size);
		if (at >= q->size || length >= q->size)
			return;
		desc = descriptor(q, at);
		POLICE(d, desc.flags & 2);
		POLICE(d, !(desc.flags & ~3u));
		POLICE(d, desc.len != 0);
		POLICE(d, desc.addr % FRAME_SIZE == 0 && desc.len % FRAME_SIZE == 0);
		/* 5.5.6.7.1: what is reported must hold poison_val by then */
		POLICE(d, !(d->accepted & BALLOON_F_PAGE_POISON) || is_zero(desc.addr, desc.len));
		bytes += desc.len;
		if (d->range_count < DEVICE_RANGES_MAX) {
			d->ranges[d->range_count].addr = desc.addr;
			d->ranges[d->range_count].bytes = desc.len;
			d->range_count++;
		}
		at = desc.next;
		if (!(desc.flags & 1)) {
			length++;
			break;
		}
	}
	POLICE(d, bytes <= 1ull << 32);
	d->chains++;
	d->longest_chain = length > d->longest_chain ? length : d->longest_chain;
	d->longest_bytes = bytes > d->longest_bytes ? bytes : d->longest_bytes;
}

static void take_stats(struct virtio_device *d, struct device_queue *q, unsigned head)
{
	struct descriptor desc = descriptor(q, head);

	POLICE(d, !(desc.flags & 3));
	POLICE(d, desc.len % 10 == 0 && desc.len % 6 == 0);
	d->stats_buffers++;
	d->stats_entries = 0;
	for (uint32_t at = 0; at + 10 <= desc.len; at += 10) {
		uint64_t value;

		memcpy(&value, memory(desc.addr + at + 2, 8), 8);
		if (load16(desc.addr + at) == 4)
			d->stats_free_bytes = value;
		d->stats_entries++;
	}
}

/* Fills all of a chain that may be written. */
static uint32_t give_entropy(struct virtio_device *d, struct device_queue *q, unsigned head)
{
	struct descriptor desc = descriptor(q, head);

	POLICE(d, desc.flags == 2 && desc.len != 0);
	memset(memory(desc.addr, desc.len), DEVICE_ENTROPY, desc.len);
	return desc.len;
}

/* Takes what the driver made available; answers at once, unless it holds. */
static unsigned run_queue(struct virtio_device *d, unsigned index, unsigned max)
{
	struct device_queue *q = &d->queues[index];
	bool stats = index == 2 && index != d->reporting_index && !d->entropy;
	unsigned count = 0;

	if (!(d->status & DRIVER_OK) || !q->enable || !q->size || q->size > 0x400)
		return 0;
	while (count < max && q->avail_idx != load16(q->driver + 2)) {
		unsigned head = load16(q->driver + 4 + 2ull * (q->avail_idx % q->size));

		POLICE(d, head < q->size);
		if (head >= q->size)
			return count;
		if (stats && !d->wants_stats) {
			/* Keeps it until it wants fresh figures; there must never be a second one. */
			POLICE(d, (uint16_t)(load16(q->driver + 2) - q->avail_idx) == 1);
			take_stats(d, q, head);
			return 0;
		}
		q->avail_idx++;
		if (d->entropy) {
			use(d, q, head, give_entropy(d, q, head));
		} else if (stats) {
			take_stats(d, q, head);
			use(d, q, head, 30); /* as QEMU does: what it read */
		} else {
			take_report(d, q, head);
			if (d->lie == LIE_SILENT)
				continue;
			use(d, q, head, 0);
		}
		count++;
		if (stats)
			break; /* one for each notification, or a device and a driver would never end */
	}
	return count;
}

unsigned virtio_device_answer(struct virtio_device *d, unsigned max)
{
	return run_queue(d, d->reporting_index, max);
}

bool virtio_device_has_memory(const struct virtio_device *d)
{
	for (unsigned i = 0; i < DEVICE_QUEUES; i++) {
		if (d->queues[i].enable)
			return true;
	}
	return false;
}

unsigned virtio_device_reported(const struct virtio_device *d, pfn_t pfn)
{
	unsigned times = 0;

	for (unsigned i = 0; i < d->range_count; i++) {
		if (pfn_to_paddr(pfn) >= d->ranges[i].addr &&
		    pfn_to_paddr(pfn) < d->ranges[i].addr + d->ranges[i].bytes)
			times++;
	}
	return times;
}

/* --- Registers ------------------------------------------------------------------------------------------------- */

static void status_write(struct virtio_device *d, uint8_t value)
{
	if (value == 0) {
		d->resets++;
		if (d->lie == LIE_NEVER_RESETS)
			return;
		d->lie = d->heals ? LIE_NONE : d->lie;
		d->status = 0;
		d->accepted = 0;
		d->poison_writes = 0;
		memset(d->queues, 0, sizeof(d->queues));
		return;
	}
	POLICE(d, d->resets > 0);
	POLICE(d, (value & d->status) == d->status);
	POLICE(d, !(value & FEATURES_OK) || (value & 3) == 3);
	POLICE(d, !(value & DRIVER_OK) || (value & 0xb) == 0xb);
	/* 5.5.6.6.1: poison_val is set before DRIVER_OK */
	if ((value & (DRIVER_OK | FAILED)) == DRIVER_OK && (d->accepted & BALLOON_F_PAGE_POISON))
		POLICE(d, d->poison_writes && d->poison_val == 0);
	d->failed_seen |= (value & FAILED) != 0;
	if ((value & FEATURES_OK) && !(d->status & FEATURES_OK)) {
		POLICE(d, !(d->accepted & ~offered(d)));
		if (d->lie == LIE_REFUSES_FEATURES || !(d->accepted & VERSION_1) || (d->insists & ~d->accepted))
			value = (uint8_t)(value & ~FEATURES_OK);
		d->reporting_index = reporting_index(d);
	}
	d->status = value;
}

static void common_write(struct virtio_device *d, uint64_t at, unsigned size, uint32_t value)
{
	struct device_queue none = {0}, *q = d->queue_select < DEVICE_QUEUES ? &d->queues[d->queue_select] : &none;
	uint64_t *field = NULL;

	switch (at) {
	case 0x00:
		POLICE(d, size == 4 && (d->status & 2));
		d->device_feature_select = value;
		return;
	case 0x08:
		d->driver_feature_select = value;
		return;
	case 0x0c:
		POLICE(d, size == 4 && (d->status & 2) && !(d->status & FEATURES_OK));
		if (d->driver_feature_select == 0)
			d->accepted = (d->accepted & ~0xffffffffull) | value;
		else if (d->driver_feature_select == 1)
			d->accepted = (d->accepted & 0xffffffffull) | (uint64_t)value << 32;
		return;
	case 0x14:
		POLICE(d, size == 1);
		status_write(d, (uint8_t)value);
		return;
	case 0x16:
		POLICE(d, size == 2);
		d->queue_select = (uint16_t)value;
		return;
	case 0x18:
		POLICE(d, size == 2 && value && !(value & (value - 1)) && value <= queue_size(d, d->queue_select));
		q->size = (uint16_t)value;
		return;
	case 0x1c:
		POLICE(d, size == 2 && value == 1 && q->size && q->desc && q->driver && q->device);
		POLICE(d, (d->status & FEATURES_OK) && !(d->status & DRIVER_OK));
		POLICE(d, q->desc % 16 == 0 && q->driver % 2 == 0 && q->device % 4 == 0);
		q->enable = 1;
		return;
	case 0x20:
	case 0x24:
		field = &q->desc;
		break;
	case 0x28:
	case 0x2c:
		field = &q->driver;
		break;
	case 0x30:
	case 0x34:
		field = &q->device;
		break;
	default:
		POLICE(d, !"a register that a driver may write");
		return;
	}
	POLICE(d, size == 4 && !q->enable);
	if (at % 8)
		*field = (*field & 0xffffffffull) | (uint64_t)value << 32;
	else
		*field = (*field & ~0xffffffffull) | value;
}

static uint32_t common_read(struct virtio_device *d, uint64_t at, unsigned size)
{
	if (d->lie == LIE_GONE && d->accepted)
		return ~0u;
	switch (at) {
	case 0x04:
		POLICE(d, size == 4 && (d->status & 2));
		return d->device_feature_select < 2 ? (uint32_t)(offered(d) >> (32 * d->device_feature_select)) : 0;
	case 0x12:
		return DEVICE_QUEUES;
	case 0x14:
		POLICE(d, size == 1);
		return d->status;
	case 0x15:
		if (d->lie == LIE_GENERATION)
			d->generation++;
		return d->generation;
	case 0x18: {
		uint32_t descriptors = queue_size(d, d->queue_select);

		POLICE(d, size == 2);
		d->size_reads++;
		return descriptors;
	}
	case 0x1e:
		POLICE(d, size == 2);
		switch (d->lie) {
		case LIE_NOTIFY_OFFSET:
			return 0xffff;
		case LIE_NOTIFY_END:
			return 0x1000 / NOTIFY_MULTIPLIER;
		case LIE_NOTIFY_WRAPS:
			return 16; /* times 2^28 */
		case LIE_NOTIFY_ODD:
			return 1; /* times 1 */
		default:
			return d->queue_select;
		}
	default:
		POLICE(d, !"a register that a driver may read");
		return ~0u;
	}
}

static uint32_t config_read(const struct virtio_device *d, uint64_t at)
{
	switch (at) {
	case 0:
		return d->num_pages;
	case CONFIG_POISON_VAL:
		return offered(d) & BALLOON_F_PAGE_POISON ? d->poison_val : ~0u;
	default:
		return at < CONFIG_POISON_VAL ? 0 : ~0u;
	}
}

/* 5.5.6.6.1: never after DRIVER_OK. */
static void config_write(struct virtio_device *d, uint64_t at, unsigned size, uint32_t value)
{
	POLICE(d, at == CONFIG_POISON_VAL && size == 4 && d->lie != LIE_CONFIG_SHORT);
	POLICE(d, (d->accepted & BALLOON_F_PAGE_POISON) && (d->status & FEATURES_OK) && !(d->status & DRIVER_OK));
	d->poison_writes++;
	if (at == CONFIG_POISON_VAL && d->lie != LIE_POISON_READ_ONLY)
		d->poison_val = value;
}

static uint32_t bar4_read(void *device, uint64_t at, unsigned size)
{
	struct virtio_device *d = device;
	uint32_t value = ~0u;

	if (at < AT_ISR)
		value = common_read(d, at, size);
	else if (at >= AT_DEVICE && at < AT_NOTIFY)
		value = config_read(d, at - AT_DEVICE);
	return size == 4 ? value : value & ((1u << (8 * size)) - 1);
}

static void bar4_write(void *device, uint64_t at, unsigned size, uint32_t value)
{
	struct virtio_device *d = device;

	if (at < AT_ISR) {
		common_write(d, at, size, value);
		return;
	}
	POLICE(d, at >= AT_DEVICE);
	if (at < AT_NOTIFY) {
		if (at >= AT_DEVICE)
			config_write(d, at - AT_DEVICE, size, value);
		return;
	}
	POLICE(d, size == 2 && value < DEVICE_QUEUES && at == AT_NOTIFY + NOTIFY_MULTIPLIER * value);
	POLICE(d, d->status & DRIVER_OK);
	POLICE(d, d->queues[value].enable);
	POLICE(d, d->functions[d->function_count - 1].config[4] & 4); /* or it couldn't read the rings */
	d->notifications++;
	if (value == d->reporting_index) {
		if (!d->holds)
			run_queue(d, value, ~0u);
	} else if (value == 2) {
		run_queue(d, value, ~0u);
	}
}

/* --- Configuration space --------------------------------------------------------------------------------------- */

static void put16(uint8_t *config, unsigned at, uint16_t v)
{
	memcpy(config + at, &v, sizeof(v));
}

static void put32(uint8_t *config, unsigned at, uint32_t v)
{
	memcpy(config + at, &v, sizeof(v));
}

/* The function at an offset of the window, and sets *d to the device whose it is. */
static struct device_function *function_at(struct virtio_device **d, uint64_t at)
{
	for (struct virtio_device *on = *d; on; on = on->next) {
		for (unsigned i = 0; i < on->function_count; i++) {
			struct device_function *f = &on->functions[i];

			if (at >> 12 != (((uint64_t)f->bus << 8) | (unsigned)(f->device << 3) | f->function))
				continue;
			*d = on;
			return f;
		}
	}
	return NULL;
}

static uint32_t ecam_read(void *device, uint64_t at, unsigned size)
{
	struct virtio_device *d = device;
	struct device_function *f = function_at(&d, at);
	uint32_t value = ~0u;

	if (f && (at & 0xfff) + size <= DEVICE_CONFIG_BYTES) {
		value = 0;
		memcpy(&value, f->config + (at & 0xfff), size);
	}
	return value;
}

static void ecam_write(void *device, uint64_t at, unsigned size, uint32_t value)
{
	struct virtio_device *d = device;
	struct device_function *f = function_at(&d, at);
	unsigned offset = at & 0xfff, index = (offset - 0x10) / 4;

	if (!f)
		return;
	if (offset == 4) {
		POLICE(d, size == 2);
		put16(f->config, offset, (uint16_t)value);
	} else {
		uint32_t old, keep;
		uint64_t mask;

		POLICE(d, offset >= 0x10 && offset < 0x28);
		POLICE(d, size == 4);
		if (offset < 0x10 || offset >= 0x28 || size != 4)
			return;
		POLICE(d, !(f->config[4] & 2)); /* memory decoding must be off meanwhile */
		memcpy(&old, f->config + offset, sizeof(old));
		keep = index && (f->config[offset - 4] & 7) == 4 ? 0 : 0xf;
		mask = keep ? ~(f->bar_bytes[index] - 1) : ~(f->bar_bytes[index - 1] - 1) >> 32;
		if (keep && !f->bar_bytes[index])
			mask = 0;
		if (d->lie == LIE_BAR_SIZE && keep)
			mask &= ~0x100000ull;
		put32(f->config, offset, ((uint32_t)mask & value & ~keep) | (old & keep));
	}
}

/* Ports 0xCF8 to 0xCFF. The address is kept as a PIIX or Q35 does: without the reserved bits. */
static uint64_t ports_target(const struct virtio_device *d, uint64_t at)
{
	return ((uint64_t)(d->config_address >> 8 & 0xffff) << 12) + (d->config_address & 0xfc) + (at & 3);
}

static uint32_t ports_read(void *device, uint64_t at, unsigned size)
{
	struct virtio_device *d = device;

	if (at == 0 && size == 4)
		return d->config_address;
	return at >= 4 && d->config_address >> 31 ? ecam_read(d, ports_target(d, at), size) : ~0u;
}

static void ports_write(void *device, uint64_t at, unsigned size, uint32_t value)
{
	struct virtio_device *d = device;

	if (at == 0 && size == 4)
		d->config_address = value & 0x80fffffcu;
	else if (at >= 4 && d->config_address >> 31)
		ecam_write(d, ports_target(d, at), size, value);
}

struct device_function *virtio_device_function(struct virtio_device *d, uint8_t bus, uint8_t device, uint8_t function,
					       uint16_t vendor_id, uint16_t device_id)
{
	struct device_function *f = &d->functions[d->function_count++];

	*f = (struct device_function){.bus = bus, .device = device, .function = function};
	put16(f->config, 0x00, vendor_id);
	put16(f->config, 0x02, device_id);
	return f;
}

/* 4.1.4 Virtio Structure PCI Capabilities */
struct capability {
	unsigned at, next, length, type, bar;
	uint32_t offset, bytes;
};

static void cap(struct device_function *f, struct capability c)
{
	f->config[c.at] = 9;
	f->config[c.at + 1] = (uint8_t)c.next;
	f->config[c.at + 2] = (uint8_t)c.length;
	f->config[c.at + 3] = (uint8_t)c.type;
	f->config[c.at + 4] = (uint8_t)c.bar;
	put32(f->config, c.at + 8, c.offset);
	put32(f->config, c.at + 12, c.bytes);
}

static void caps(const struct virtio_device *d, struct device_function *f)
{
	unsigned length = d->lie == LIE_CAP_SHORT ? 15 : 16;
	unsigned bar = d->lie == LIE_CAP_BAR ? 6 : d->lie == LIE_CAP_BAR_IO ? 0 : 4;
	uint32_t offset = d->lie == LIE_CAP_OFFSET ? 0xfffff800u : d->lie == LIE_CAP_MISALIGNED ? 2 : AT_COMMON;

	f->config[6] |= 0x10;
	f->config[0x34] = d->lie == LIE_CAP_LOW ? 0x10 : CAP_PCI_CFG;
	/* As QEMU has it: the access through configuration space comes first, with BAR 0 and no length. */
	cap(f, (struct capability){.at = CAP_PCI_CFG, .next = CAP_NOTIFY, .length = 20, .type = 5});
	cap(f, (struct capability){CAP_NOTIFY, CAP_DEVICE, length + 4, 2, bar, AT_NOTIFY, 0x1000});
	put32(f->config, CAP_NOTIFY + 16,
	      d->lie == LIE_NOTIFY_WRAPS ? 1u << 28
	      : d->lie == LIE_NOTIFY_ODD ? 1
					 : NOTIFY_MULTIPLIER);
	if (d->lie == LIE_CAP_END) {
		f->config[CAP_PCI_CFG + 1] = CAP_LAST;
		cap(f, (struct capability){CAP_LAST, CAP_DEVICE, 20, 2, bar, AT_NOTIFY, 0x1000});
	}
	cap(f, (struct capability){.at = CAP_DEVICE,
				   .next = CAP_ISR,
				   .length = length,
				   .type = 4,
				   .bar = bar,
				   .offset = d->lie == LIE_CAP_DEVICE ? AT_DEVICE + 2 : AT_DEVICE,
				   .bytes = d->lie == LIE_CAP_EMPTY	 ? 0
					    : d->lie == LIE_CONFIG_SHORT ? CONFIG_POISON_VAL
									 : 0x1000});
	cap(f, (struct capability){CAP_ISR, CAP_COMMON, length, 3, bar, AT_ISR, 0x1000});
	cap(f, (struct capability){.at = CAP_COMMON,
				   .next = d->lie == LIE_CAP_LOOP ? CAP_NOTIFY
					   : d->lie		  ? 0
								  : CAP_SECOND,
				   .length = length,
				   .type = 1,
				   .bar = bar,
				   .offset = offset,
				   .bytes = d->lie == LIE_CAP_COMMON_SHORT ? 16 : 0x800});
	/* A second of the same type is one that the device likes less; this one leads nowhere. */
	cap(f, (struct capability){CAP_SECOND, 0, length, 1, bar, AT_COMMON + 0x800, 0x800});
	if (d->lie == LIE_CAP_NONE) {
		for (unsigned at = CAP_COMMON; at <= CAP_SECOND; at += CAP_ISR - CAP_COMMON)
			f->config[at] = 1;
	}
}

/* The function that is the device, and the window behind its BAR. */
static void plug_function(struct virtio_device *d, uint8_t bus)
{
	const uint64_t base = BAR4_BASE + d->slot * BAR4_BYTES;
	const struct host_window bar4 = {base, BAR4_BYTES, bar4_read, bar4_write, d};
	struct device_function *f =
		virtio_device_function(d, bus, (uint8_t)(3 + d->slot), 0, 0x1af4, d->device_id ? d->device_id : 0x1002);

	host_mmio_add(&bar4);
	put32(f->config, 0x10, 0xc001); /* the legacy interface: I/O */
	put32(f->config, 0x20, (uint32_t)base | 0xc);
	put32(f->config, 0x24, (uint32_t)(base >> 32));
	f->bar_bytes[4] = BAR4_BYTES;
	if (d->lie == LIE_BAR_UNASSIGNED)
		memset(f->config + 0x20, 0, 8), f->config[0x20] = 0xc;
	f->config[4] = 3; /* as firmware leaves it: decoding, not mastering */
	caps(d, f);
}

void virtio_device_window(struct virtio_device *d, paddr_t base, unsigned buses)
{
	const struct host_window ecam = {base, buses * MIB, ecam_read, ecam_write, d};

	host_mmio_add(&ecam);
}

void virtio_device_plug(struct virtio_device *d)
{
	struct host_window ports = {0xcf8, 8, ports_read, ports_write, d};
	struct device_function *f;
	uint8_t bus = 0;

	host_mmio_reset();
	if (d->by_ports || d->with_ports)
		host_mmio_ports(&ports);
	if (!d->by_ports)
		virtio_device_window(d, DEVICE_ECAM_BASE, DEVICE_BUSES);
	virtio_device_function(d, 0, 0, 0, 0x8086, 0x29c0);
	if (d->behind_bridge) {
		f = virtio_device_function(d, 0, 1, 0, 0x1b36, 0x000c);
		f->config[0x0e] = 1;
		f->config[0x19] = bus = 1;
	}
	plug_function(d, bus);
}

void virtio_device_plug_beside(struct virtio_device *first, struct virtio_device *d)
{
	d->slot = first->slot + 1;
	while (first->next) {
		first = first->next;
		d->slot++;
	}
	first->next = d;
	plug_function(d, 0);
}

struct pci_ecam virtio_device_ecam(void)
{
	return (struct pci_ecam){.base = DEVICE_ECAM_BASE, .bus_first = 0, .bus_last = DEVICE_BUSES - 1};
}
