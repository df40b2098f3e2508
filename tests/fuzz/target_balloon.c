/* The balloon's driver, its transport and its queues against a device that lies: drivers/virtio, drivers/pci.c, and
 * mm/report above them.
 *
 * The device is the unit tests' (tests/host/virtio_device.h), which behaves, or has one bad habit of many. On top of
 * that the input says which bytes of its configuration space are something else, what its registers read as now and
 * then, and what it scribbles into the rings while the driver reports and others allocate.
 *
 * Checked: what was handed to the device stays isolated until the device gave it back or was reset; it is given out to
 * nobody meanwhile; every wait ends; mm_check; a driver that gives up says so, resets the device so often at most (or
 * again as long as the device doesn't say that it is reset), gives its rings back, and never touches the device again.
 */
#include <stdlib.h>

#include "drivers/virtio/balloon_parts.h"
#include "host.h"
#include "host_mmio.h"
#include "lib/table.h"
#include "mm/mm.h"
#include "mm/state.h"
#include "tests/fuzz/fuzz.h"
#include "virtio_device.h"

#define FIRST_FRAME GIB_FRAMES
#define FRAMES	    1536u
#define HELD_MAX    256u
#define LIES_MAX    24u
#define STEPS_MAX   200u
#define CALLS_MAX   200000u /* port calls in one operation: waits are bounded by time, 10000 looks a second */

static struct mm mm;
static struct virtio_device device;
static struct balloon balloon;
static _Alignas(64) unsigned char metadata[1u << 20];

/* What registers read as: after so many more reads, one is this. */
static struct lie {
	uint8_t skip, how, value;
} lies[LIES_MAX];
static unsigned lie_count, lie_at;
static uint64_t writes;

/* What the device has, as it and its driver can know: frames, the ranges that they went out in, in no order, and how
 * many of those went out in a chain, by its head. */
static bool with_device[FRAMES];
static struct out {
	pfn_t pfn;
	uint16_t frames, head;
} out[FRAMES];
static unsigned out_count;
static uint16_t out_of_head[VIRTQ_SIZE_MAX];
static unsigned resets_live; /* when it was live; 0: it never was */
static unsigned resets_false;
static uint64_t restarts_before;
static bool matched, was_stuck, lied;

static struct {
	pfn_t pfn;
	unsigned order;
} held[HELD_MAX];
static unsigned held_count;

static uint32_t read_hook(paddr_t paddr, unsigned size, uint32_t value)
{
	struct lie *lie = &lies[lie_at];

	(void)paddr;
	(void)size;
	if (lie_at == lie_count || value == ~0u) /* where there is nothing, nothing lies */
		return value;
	if (lie->skip != 0) {
		lie->skip--;
		return value;
	}
	lie_at++;
	lied = true;
	switch (lie->how % 4) {
	case 0:
		return value ^ (uint32_t)lie->value << 8 * (lie->how >> 6);
	case 1:
		return lie->value;
	case 2:
		return ~0u;
	default:
		return (uint32_t)lie->value << 24 | lie->value;
	}
}

/* Nothing may be written but to the device's BAR and to configuration space, where that is what the device says. */
static void write_hook(paddr_t paddr, unsigned size, uint32_t value)
{
	const struct device_function *f = &device.functions[device.function_count - 1];
	uint64_t bar;

	(void)value;
	writes++;
	memcpy(&bar, f->config + 0x20, sizeof(bar));
	bar &= ~0xfull;
	bool in_bar = paddr >= bar && paddr - bar + size <= f->bar_bytes[4];
	bool in_config = paddr >= DEVICE_ECAM_BASE && paddr - DEVICE_ECAM_BASE + size <= DEVICE_BUSES * MIB;
	FUZZ_CHECK(lied || in_bar || in_config);
}

/* --- what is with the device --- */

static void take_note(pfn_t pfn, uint64_t frames, unsigned head)
{
	FUZZ_CHECK(head < VIRTQ_SIZE_MAX && frames != 0);
	for (pfn_t f = pfn; f < pfn + frames; f++) {
		FUZZ_CHECK(f - FIRST_FRAME < FRAMES);
		FUZZ_CHECK(mm_frame_state(&mm, f) == MM_STATE_ISOLATED);
		FUZZ_CHECK(!with_device[f - FIRST_FRAME]);
		with_device[f - FIRST_FRAME] = true;
	}
	out[out_count++] = (struct out){pfn, (uint16_t)frames, (uint16_t)head};
	out_of_head[head]++;
}

static void forget(unsigned head)
{
	for (unsigned i = 0; out_of_head[head] != 0; i++) {
		while (i < out_count && out[i].head != head)
			i++;
		FUZZ_CHECK(i < out_count);
		memset(with_device + (out[i].pfn - FIRST_FRAME), 0, out[i].frames * sizeof(with_device[0]));
		out_of_head[head]--;
		out[i--] = out[--out_count];
	}
}

static void forget_all(void)
{
	memset(with_device, 0, sizeof(with_device));
	memset(out_of_head, 0, sizeof(out_of_head));
	out_count = 0;
}

/* The driver may believe whatever the used ring says: the entries up to the index are given back. */
static void look_at_used(void)
{
	const struct virtqueue *q = &balloon.reporting.q;
	uint16_t ready;

	if (balloon.state != BALLOON_LIVE || out_count == 0)
		return;
	ready = (uint16_t)(q->used[1] - q->used_idx);
	for (unsigned i = 0; i < ready && i < q->size; i++) {
		uint32_t id = *(const volatile uint32_t *)&q->used[2 + 4 * ((q->used_idx + i) % q->size)];

		if (id < q->size)
			forget(id);
	}
}

static int (*real_submit)(struct report_sink *, const struct report_range *, unsigned, unsigned);
static void (*real_poll)(struct report_sink *);
static bool (*real_reset)(struct report_sink *);

static int submit(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag)
{
	const struct virtqueue *q = &balloon.reporting.q;
	const uint16_t at = q->avail_idx;
	uint32_t head = q->free_head;
	int result;

	for (unsigned i = 0; i < count; i++)
		take_note(ranges[i].pfn, ranges[i].frames, head);
	result = real_submit(sink, ranges, count, tag);
	if (result == 0)
		FUZZ_CHECK(q->avail_idx == (uint16_t)(at + 1)); /* one chain: less than 4 GiB */
	else
		forget(head);
	return result;
}

static void poll(struct report_sink *sink)
{
	look_at_used();
	real_poll(sink);
}

static bool reset(struct report_sink *sink)
{
	bool done = real_reset(sink);

	resets_false += !done;
	if (done)
		forget_all();
	return done;
}

static void check(void)
{
	was_stuck |= balloon.state == BALLOON_STUCK;
	look_at_used();
	if (balloon.state == BALLOON_OFF)
		return;
	for (unsigned i = 0; i < out_count; i++)
		for (pfn_t pfn = out[i].pfn; pfn < out[i].pfn + out[i].frames; pfn++)
			FUZZ_CHECK(mm_frame_state(&mm, pfn) == MM_STATE_ISOLATED);
}

/* --- the device's doings --- */

/* Where a queue's used ring is, as far as the device has memory; NULL: nowhere. */
static uint8_t *used_ring(unsigned index, unsigned *size)
{
	const struct device_queue *q = &device.queues[index % DEVICE_QUEUES];

	*size = q->size;
	if (!q->enable || q->size == 0 || q->size > VIRTQ_SIZE_MAX)
		return NULL;
	return (uint8_t *)host_frames + q->device;
}

static void scribble(struct choices *in, unsigned how)
{
	unsigned size, index = how & 1 ? 2 : device.reporting_index, byte = choice_u8(in);
	uint8_t *used = used_ring(index, &size);
	uint32_t id, length;
	uint16_t idx;

	if (!used)
		return;
	memcpy(&idx, used + 2, 2);
	switch (how >> 1 & 3) {
	case 0: /* an entry */
		id = how & 8 ? choice_u32(in) : byte;
		length = choice_u16(in);
		memcpy(used + 4 + 8 * (idx % size), &id, 4);
		memcpy(used + 8 + 8 * (idx % size), &length, 4);
		idx++;
		break;
	case 1: /* the index jumps */
		idx = (uint16_t)(idx + (int8_t)byte);
		break;
	case 2: /* flags */
		used[0] = (uint8_t)byte;
		break;
	default: /* a byte of the whole frame that the driver has no business to read: descriptors, avail ring */
		if (index == device.reporting_index)
			host_frames[device.queues[index % DEVICE_QUEUES].desc + byte * 8u % (16 * size)] = (char)how;
	}
	memcpy(used + 2, &idx, 2);
}

/* --- others --- */

static void allocate(struct choices *in)
{
	unsigned byte = choice_u8(in), order = byte % 11, want = byte >> 6 ? MM_ANY : MM_ZERO_COLD;
	pfn_t pfn;

	if (held_count == HELD_MAX)
		return;
	pfn = mm_alloc(&mm, order, want);
	look_at_used();
	if (pfn == MM_PFN_NONE)
		return;
	for (pfn_t f = pfn; f < pfn + (1ull << order); f++)
		FUZZ_CHECK(!with_device[f - FIRST_FRAME]);
	held[held_count].pfn = pfn;
	held[held_count++].order = order;
}

static void give_back(unsigned at)
{
	if (held_count == 0)
		return;
	at %= held_count;
	mm_free(&mm, held[at].pfn, held[at].order);
	held[at] = held[--held_count];
}

static void set_knob(const char *name, uint64_t value)
{
	TABLE_FOR_EACH (knob, struct knob_row, row)
		if (strcmp(row->name, name) == 0)
			*row->value = value;
}

/* --- a run --- */

static void plug(struct choices *in)
{
	static const struct mm_range range = {FIRST_FRAME, FIRST_FRAME + FRAMES, MM_FRESH_DIRTY};
	static const unsigned sizes[] = {0, 1, 2, 4, 8, 32, 128, 256};
	unsigned head = choice_u8(in), features = choice_u8(in);

	FUZZ_CHECK(mm_meta_bytes(&range, 1) <= sizeof(metadata));
	FUZZ_CHECK(mm_init(&mm, &range, 1, metadata, sizeof(metadata)) == 0);
	device = (struct virtio_device){
		.device_id = head & 1 ? 0x1045 : 0,
		.numbering = (enum device_numbering)((head >> 1) % 3),
		.queue_size = sizes[head >> 3 & 7],
		.wants_stats = head & 0x40,
		.holds = head & 0x80,
		.with = features & 8	  ? BALLOON_F_FREE_PAGE_HINT
			: features & 0x10 ? ~0ull
					  : 0,
		.insists = (features & 0x30) == 0x30 ? 1ull << 34 | 1ull << 33 : 0,
		.without = (features & 1 ? BALLOON_F_STATS_VQ : 0) | (features & 2 ? BALLOON_F_PAGE_POISON : 0) |
			   (features & 4 ? BALLOON_F_REPORTING : 0),
		.behind_bridge = features & 0x20,
		.num_pages = features & 0x40 ? 0x12345 : 0,
		.lie = (enum device_lie)(choice_u8(in) % LIE_COUNT),
	};
	set_knob("report.poison", features >> 7);
	virtio_device_plug(&device);
	for (unsigned pokes = choice_u8(in) % 16; pokes; pokes--) {
		struct device_function *f = &device.functions[device.function_count - 1];
		unsigned at = choice_u8(in);

		f->config[at] = (uint8_t)choice_u8(in);
		lied = true;
	}
	lie_at = 0;
	lie_count = choice_u8(in) % (LIES_MAX + 1);
	for (unsigned i = 0; i < lie_count; i++) {
		lies[i].skip = (uint8_t)choice_u8(in);
		lies[i].how = (uint8_t)choice_u8(in);
		lies[i].value = (uint8_t)choice_u8(in);
	}
	host_mmio_read_hook = read_hook;
	host_mmio_write_hook = write_hook;
}

static bool start_first(const struct pci_function *f, void *arg)
{
	bool *started = arg;

	if (!balloon_match(f))
		return true;
	matched = true;
	*started = balloon_start(&balloon, &mm, f) == 0;
	return false;
}

static bool start(void)
{
	struct pci_ecam ecam = virtio_device_ecam();
	bool started = false;

	balloon = (struct balloon){.state = BALLOON_OFF};
	pci_scan(&ecam, start_first, &started);
	if (!started)
		return false;
	real_submit = balloon.sink.submit;
	real_poll = balloon.sink.poll;
	real_reset = balloon.sink.reset;
	balloon.sink.submit = submit;
	balloon.sink.poll = poll;
	balloon.sink.reset = reset;
	return true;
}

static void step(struct choices *in)
{
	unsigned op = choice_u8(in);

	switch (op % 8) {
	case 0:
	case 1:
		(void)report_step(&mm);
		break;
	case 2:
		virtio_device_answer(&device, 1 + (op >> 3));
		break;
	case 3:
		scribble(in, op >> 3);
		break;
	case 4:
		host_time_advance(1ull << (op >> 3));
		break;
	case 5:
		allocate(in);
		break;
	case 6:
		give_back(op >> 3);
		break;
	default:
		if ((op & 0xf8) == 0xf8) {
			host_time_advance(30000000); /* or it would look for that long, a microsecond at a time */
			(void)balloon_restart();
		} else if (op & 0x80) {
			report_now(&mm);
		} else if (op & 0x40) {
			mm_drain(&mm);
		} else {
			device.lie = (enum device_lie)(choice_u8(in) % LIE_COUNT);
		}
	}
}

static uint64_t allocated(void)
{
	struct mm_totals totals;
	uint64_t frames = 0;

	mm_totals(&mm, &totals);
	FUZZ_CHECK(totals.free + totals.allocated + totals.isolated == totals.managed);
	for (unsigned i = 0; i < held_count; i++)
		frames += 1ull << held[i].order;
	FUZZ_CHECK(totals.allocated >= frames);
	return totals.allocated - frames;
}

/* For good. */
static bool is_off(void)
{
	return balloon.state == BALLOON_OFF && !balloon.restart_left;
}

/* Off: it said so, has given everything back, and is not heard of again. */
static void check_off(void)
{
	uint64_t before = writes;

	FUZZ_CHECK(*host_log() != '\0' || !matched);
	FUZZ_CHECK(allocated() == 0);
	/* But for what it was told falsely, the device has nothing of the driver's any more. */
	FUZZ_CHECK(!virtio_device_has_memory(&device) || lied);
	/* Each time that it is brought up: once ahead, once at the end, once more for a poison_val that can't be had,
	 * and for each feature that it may insist on. */
	const uint64_t ups = 1 + balloon_counters.restarts - restarts_before;
	FUZZ_CHECK(device.resets <= ups * (3 + 65) + resets_false || was_stuck);
	for (unsigned i = 0; i < 20; i++) {
		(void)report_step(&mm);
		host_time_advance(100000000);
	}
	FUZZ_CHECK(writes == before);
	FUZZ_CHECK(!mm.report_engine.sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct choices in = choices_of(data, bytes);

	fuzz_knobs_reset();
	set_knob("report.order", 3);
	set_knob("report.batch", 24);
	set_knob("report.delay_ms", 0);
	set_knob("report.timeout_ms", 20);
	set_knob("zero.high_pct", 0);
	host_cpus = 1;
	host_cpu = 0;
	host_time_set(1000000000);
	host_log_clear();
	forget_all();
	held_count = writes = resets_live = resets_false = 0;
	restarts_before = balloon_counters.restarts;
	matched = was_stuck = lied = false;
	plug(&in);
	if (start()) {
		for (unsigned i = 0; i < STEPS_MAX && choice_left(&in); i++) {
			uint64_t calls = host_mmio_calls();

			fuzz_wait_coarsely();
			step(&in);
			FUZZ_CHECK(host_mmio_calls() - calls < CALLS_MAX);
			check();
			if (i % 8 == 7)
				FUZZ_CHECK(mm_check(&mm));
		}
	}
	/* What is in flight is answered or times out; what is stuck stays so. */
	for (unsigned i = 0; i < 20 && !is_off(); i++) {
		fuzz_wait_coarsely();
		(void)report_step(&mm);
		check();
		host_time_advance(10000000);
	}
	FUZZ_CHECK(mm_check(&mm));
	if (is_off())
		check_off();
	while (held_count)
		give_back(0);
	FUZZ_CHECK(mm_check(&mm));
	return 0;
}
