/* The allocator: the operations and the model of tests/unit/model_ops.h, chosen by the input.
 *
 * The input sets the memory (ranges with holes, below and above 4 GiB), the CPUs, and then operations, on any of the
 * CPUs.
 */
#include <stdlib.h>

#include "host.h"
#include "lib/table.h"
#include "mm/shuffle.h"
#include "mm/trace.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/model_ops.h"

#define STEPS_MAX      400u
#define SHUFFLE_SEED   1u /* the input alone decides what happens */
#define META_BYTES_MAX (4u << 20)
#define RANGES_MAX     4u
#define RANGE_MAX      1400u

/* The first byte of an input, beside how many ranges and CPUs there are. */
#define HEAD_NO_CACHE	0x10u
#define HEAD_KEEPS_ZERO 0x20u
#define HEAD_SHUFFLED	0x40u
#define HEAD_TRACED	0x80u

static struct trace_entry ring[64];
static struct mm allocator;
static _Alignas(64) unsigned char metadata[META_BYTES_MAX];
static struct model_frame frames[MODEL_FRAMES_MAX];
static struct model_block held[MODEL_HELD_MAX];

static void on_cpu(unsigned cpu)
{
	host_cpu = cpu;
}

static void ask_while_zeroing(bool (*ask)(void))
{
	host_should_yield = ask;
}

static const struct model_machine machine = {on_cpu, ask_while_zeroing, host_time_advance};

static void quiet_knobs(void)
{
	static const struct {
		const char *name;
		uint64_t value;
	} values[] = {
		{"zero.low_pct", 20},	{"zero.high_pct", 60},	    {"zero.batch_frames", 24},
		{"zero.delay_ms", 0},	{"report.order", 4},	    {"report.batch", 6},
		{"report.delay_ms", 0}, {"report.reserve_pct", 10}, {"report.timeout_ms", 1},
	};

	fuzz_knobs_reset();
	for (unsigned i = 0; i < ARRAY_LEN(values); i++)
		TABLE_FOR_EACH (knob, struct knob_row, row)
			if (strcmp(row->name, values[i].name) == 0)
				*row->value = values[i].value;
	model_policy_changed();
}

static int by_pfn(const void *a, const void *b)
{
	pfn_t x = ((const struct model_frame *)a)->pfn, y = ((const struct model_frame *)b)->pfn;

	return x < y ? -1 : x > y;
}

/* A range is 4 bytes: where, how far from there, how long, freshness with the length's high bits. */
static struct mm_range take_range(struct choices *in)
{
	static const pfn_t places[] = {
		0,
		512,
		GIB_FRAMES,
		GIB_FRAMES + 1024,
		MM_PFN_4G - 1024,
		MM_PFN_4G,
		MM_PFN_4G + 1024,
		MM_PFN_4G + 2 * GIB_FRAMES - 512,
	};
	unsigned place = choice_u8(in), offset = choice_u8(in), length = choice_u8(in), how = choice_u8(in);
	pfn_t start = places[place % ARRAY_LEN(places)] + offset * 2u;

	length |= how << 8 & 0x700;
	return (struct mm_range){start, start + length % (RANGE_MAX + 1),
				 (how & 0x80) == 0   ? MM_FRESH_DIRTY
				 : (how & 0x40) == 0 ? MM_FRESH_REPORTED
						     : MM_FRESH_UNKNOWN};
}

/* Sorts the frames, and drops those that are there twice. Returns how many are left. */
static unsigned sort_frames(unsigned count)
{
	unsigned kept = 0;

	qsort(frames, count, sizeof(frames[0]), by_pfn);
	for (unsigned i = 0; i < count; i++)
		if (frames[i].pfn != 0 && (kept == 0 || frames[i].pfn != frames[kept - 1].pfn))
			frames[kept++] = frames[i];
	return kept;
}

/* Makes an allocator as the input says. False: no usable frame, nothing to test. */
static bool begin(struct choices *in, unsigned head)
{
	static const unsigned cpus[] = {1, 2, 3, 9};
	struct mm_range ranges[RANGES_MAX];
	unsigned range_count = 1 + head % RANGES_MAX, count = 0;

	host_cpus = cpus[head >> 2 & 3];
	for (unsigned i = 0; i < range_count; i++) {
		ranges[i] = take_range(in);
		if (count + ranges[i].end - ranges[i].start > MODEL_FRAMES_MAX)
			ranges[i].end = ranges[i].start;
		for (pfn_t pfn = ranges[i].start; pfn < ranges[i].end; pfn++)
			frames[count++].pfn = pfn;
	}
	count = sort_frames(count);
	size_t meta_bytes = mm_meta_bytes(ranges, range_count);
	FUZZ_CHECK((meta_bytes == 0) == (count == 0));
	if (meta_bytes == 0 || meta_bytes > sizeof(metadata))
		return false;
	memset(metadata, 0xa5, smaller(meta_bytes + 64, sizeof(metadata))); /* any contents will do */
	FUZZ_CHECK(mm_init(&allocator, ranges, range_count, metadata, meta_bytes) == 0);
	FUZZ_CHECK(meta_bytes + 64 > sizeof(metadata) || metadata[meta_bytes] == 0xa5);
	model_begin(&allocator, frames, count, held);
	mm_cache_enable(&allocator, (head & HEAD_NO_CACHE) == 0);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct choices in = choices_of(data, bytes);
	const unsigned head = choice_u8(&in);

	host_cpu = 0;
	host_should_yield = NULL;
	host_time_set(1000000000);
	host_log_clear();
	quiet_knobs();
	if (!begin(&in, head))
		return 0;
	if (head & HEAD_SHUFFLED)
		mm_shuffle(&allocator, MM_ON, SHUFFLE_SEED);
	if (head & HEAD_TRACED)
		trace_start(&allocator, ring, ARRAY_LEN(ring), mm_port_now_ns);
	model_ops_begin(&in, &machine, head & HEAD_KEEPS_ZERO ? MODEL_KEEPS_ZERO : 0);
	fuzz_wait_coarsely();
	for (unsigned step = 0; step < STEPS_MAX && model_ops_step(); step++)
		fuzz_wait_coarsely();
	model_ops_end();
	FUZZ_CHECK(trace_overwritten() <= trace_written());
	trace_stop(&allocator);
	return 0;
}
