/* The modern PCI transport of virtio: capabilities, status, the device's configuration. */
#include "drivers/virtio/virtio_pci.h"

#include "lib/bits.h"
#include "port/driver_port.h"

/* 4.1.4 Virtio Structure PCI Capabilities */
#define CAP_LENGTH	      2u /* offsets within the capability */
#define CAP_CFG_TYPE	      3u
#define CAP_BAR		      4u
#define CAP_OFFSET	      8u
#define CAP_BYTES	      12u
#define CAP_SIZE	      16u
#define CAP_NOTIFY_MULTIPLIER 16u
#define CAP_NOTIFY_SIZE	      20u

#define CFG_COMMON 1u
#define CFG_NOTIFY 2u
#define CFG_ISR	   3u
#define CFG_DEVICE 4u
#define CFG_TYPE_MAX \
	CFG_DEVICE /* 5, access through configuration space, has no memory of its own; others aren't ours */

/* 4.1.4.3 Common configuration structure layout */
#define COMMON_STATUS	  0x14u
#define COMMON_GENERATION 0x15u
#define COMMON_BYTES	  0x38u /* with the features' and the queues' registers: virtio_features.c, virtio_queue.c */

#define CONFIG_TRIES	    16u
#define DEVICE_CONFIG_BYTES 0x1000u /* as much of a device's own configuration as is mapped */

/* One structure as its capability places it, checked against its BAR. */
struct structure {
	bool found;
	paddr_t base;
	uint32_t bytes;
};

struct structures {
	struct structure of[CFG_TYPE_MAX + 1];
	bool any;      /* a vendor capability */
	bool unplaced; /* one of them leads to a BAR without an address */
	uint32_t notify_multiplier;
};

static volatile void *common(const struct virtio_pci *v, unsigned offset)
{
	return v->common + offset;
}

uint8_t virtio_pci_status(const struct virtio_pci *v)
{
	return driver_port_read8(common(v, COMMON_STATUS));
}

void virtio_pci_status_add(struct virtio_pci *v, uint8_t bits)
{
	driver_port_write8(common(v, COMMON_STATUS), (uint8_t)(virtio_pci_status(v) | bits));
}

/* What one vendor capability says; -1 when it is of no use here. "The driver MUST ignore" is the specification's word
 * for a reserved type or BAR, so this isn't an error: the device may have another capability of the same type. */
static int cap_read(const struct pci_function *f, unsigned at, struct structures *s)
{
	uint8_t length = pci_read8(f, at + CAP_LENGTH), type = pci_read8(f, at + CAP_CFG_TYPE);
	unsigned want = type == CFG_NOTIFY ? CAP_NOTIFY_SIZE : CAP_SIZE;
	unsigned index;
	uint32_t offset, bytes;
	struct pci_bar bar;

	if (type < CFG_COMMON || type > CFG_TYPE_MAX || s->of[type].found)
		return -1; /* the first of a type is the one that the device prefers */
	if (length < want || at + want > 256)
		return -1;
	index = pci_read8(f, at + CAP_BAR);
	offset = pci_read32(f, at + CAP_OFFSET);
	bytes = pci_read32(f, at + CAP_BYTES);
	if (pci_bar(f, index, &bar)) {
		s->unplaced |= pci_bar_size(f, index, &bar) == 0;
		return -1;
	}
	if (bytes == 0 || (uint64_t)offset + bytes > bar.bytes)
		return -1;
	if (type == CFG_NOTIFY)
		s->notify_multiplier = pci_read32(f, at + CAP_NOTIFY_MULTIPLIER);
	s->of[type] = (struct structure){.found = true, .base = bar.base + offset, .bytes = bytes};
	return 0;
}

static const char *structures_find(const struct pci_function *f, struct structures *s)
{
	struct pci_cap_walk walk;
	unsigned at;
	uint8_t id;

	pci_cap_begin(&walk, f);
	while ((at = pci_cap_next(&walk, &id)) != 0) {
		if (id != PCI_CAP_VENDOR)
			continue;
		s->any = true;
		(void)cap_read(f, at, s);
	}
	if (!s->any)
		return "not a modern virtio device: " VIRTIO_PCI_LEGACY;
	if ((!s->of[CFG_COMMON].found || !s->of[CFG_NOTIFY].found) && s->unplaced)
		return "the firmware has given the BAR with its registers no address";
	if (!s->of[CFG_COMMON].found || !s->of[CFG_NOTIFY].found)
		return "no usable common or notification structure: not a modern virtio device";
	if (s->of[CFG_COMMON].bytes < COMMON_BYTES)
		return "the common structure is too short";
	if (!is_aligned(s->of[CFG_COMMON].base, 4) || !is_aligned(s->of[CFG_DEVICE].base, 4))
		return "a structure isn't aligned to 4 bytes";
	return NULL;
}

static int refuse(const struct virtio_pci *v, const char *why)
{
	driver_port_log("%s %s: %s: left alone", v->name, pci_name(&v->function).text, why);
	return -1;
}

int virtio_pci_open(struct virtio_pci *v, const struct pci_function *f, const char *name)
{
	struct structures s = {0};
	const struct structure *device = &s.of[CFG_DEVICE];
	const char *why;

	*v = (struct virtio_pci){.function = *f, .name = name};
	why = structures_find(f, &s);
	if (why)
		return refuse(v, why);
	v->notify_base = s.of[CFG_NOTIFY].base;
	v->notify_bytes = s.of[CFG_NOTIFY].bytes;
	v->notify_multiplier = s.notify_multiplier;
	v->common = driver_port_map(s.of[CFG_COMMON].base, COMMON_BYTES);
	if (device->found) {
		v->device_bytes = device->bytes < DEVICE_CONFIG_BYTES ? device->bytes : DEVICE_CONFIG_BYTES;
		v->device = driver_port_map(device->base, v->device_bytes);
	}
	if (!v->common || (device->found && !v->device))
		return refuse(v, "its registers can't be mapped");

	return virtio_pci_reopen(v);
}

int virtio_pci_reopen(struct virtio_pci *v)
{
	pci_command(&v->function, PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER | PCI_COMMAND_INTX_DISABLE, 0);
	if (!virtio_pci_reset(v, VIRTIO_PCI_RESET_NS)) {
		virtio_pci_close(v);
		return refuse(v, "it doesn't finish its reset");
	}
	return 0;
}

int virtio_pci_config(struct virtio_pci *v, unsigned offset, uint32_t *words, unsigned count)
{
	if (!v->device || (uint64_t)offset + count * sizeof(*words) > v->device_bytes)
		return -1;
	for (unsigned try = 0; try < CONFIG_TRIES; try++) {
		uint8_t before = driver_port_read8(common(v, COMMON_GENERATION));

		for (unsigned i = 0; i < count; i++)
			words[i] = driver_port_read32(v->device + offset + i * sizeof(*words));
		if (driver_port_read8(common(v, COMMON_GENERATION)) == before)
			return 0;
	}
	return -1;
}

int virtio_pci_config_write(struct virtio_pci *v, unsigned offset, uint32_t word)
{
	if (!v->device || (uint64_t)offset + sizeof(word) > v->device_bytes)
		return -1;
	driver_port_write32(v->device + offset, word);
	return 0;
}

void virtio_pci_live(struct virtio_pci *v)
{
	virtio_pci_status_add(v, VIRTIO_STATUS_DRIVER_OK);
}

void virtio_pci_failed(struct virtio_pci *v)
{
	virtio_pci_status_add(v, VIRTIO_STATUS_FAILED);
}

bool virtio_pci_reset(struct virtio_pci *v, uint64_t timeout_ns)
{
	uint64_t start = driver_port_now_ns();

	driver_port_write8(common(v, COMMON_STATUS), 0);
	while (virtio_pci_status(v) != 0) {
		if (driver_port_now_ns() - start >= timeout_ns)
			return false;
		driver_port_relax();
	}
	return true;
}

void virtio_pci_close(struct virtio_pci *v)
{
	pci_command(&v->function, 0, PCI_COMMAND_BUS_MASTER);
}
