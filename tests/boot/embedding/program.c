/* A program that embeds mm/, and uses all of it: tables, zeroing ahead, taking a batch back, reporting. Status 0: all
 * was as it should be. Built by test_embedding.py with one toolchain after another.
 */
#include "lib/table.h"
#include "mm/mm.h"
#include "mm/report.h"
#include "mm/trace.h"
#include "mm/zero.h"
#include "port/mm_port.h"

#ifndef MM_ZERO
#define MM_ZERO 1
#endif
#ifndef WITH_REPORT
#define WITH_REPORT 1
#endif

#define FIRST  ((pfn_t)512)
#define FRAMES ((pfn_t)8192)

char *memory;
uint64_t now_ns = 1000000000;
bool wake_up_due;

static pfn_t taken[FRAMES];

void assert_failed(const char *file, int line, const char *cond)
{
	mm_port_panic("%s:%d: %s doesn't hold", file, line, cond);
}

static void want(bool holds, const char *what)
{
	if (holds)
		return;
	printf("not so: %s\n", what);
	exit(1);
}

static bool has_knob(const char *name)
{
	TABLE_FOR_EACH (knob, struct knob_row, row)
		if (strcmp(row->name, name) == 0)
			return true;
	return false;
}

static bool has_preset(const char *name)
{
	TABLE_FOR_EACH (preset, struct preset_row, row)
		if (strcmp(row->name, name) == 0)
			return true;
	return false;
}

static uint64_t stat(const char *name)
{
	TABLE_FOR_EACH (stat, struct stat_row, row)
		if (strcmp(row->name, name) == 0)
			return stat_value(row);
	printf("no counter %s\n", name);
	exit(1);
}

/* All there is, frame by frame; and back. */
static size_t take_all(void)
{
	size_t count = 0;
	pfn_t pfn;

	while ((pfn = mm_alloc(&mm_system, 0, MM_ZERO_HOT)) != MM_PFN_NONE) {
		const char *bytes = mm_port_frame(pfn);
		want(bytes[0] == 0 && memcmp(bytes, bytes + 1, FRAME_SIZE - 1) == 0, "zeroed memory is zero");
		memset(mm_port_frame(pfn), 0xa5, FRAME_SIZE);
		taken[count++] = pfn;
	}
	return count;
}

static void give_all(size_t count)
{
	mm_free_bulk(&mm_system, 0, count, taken);
}

#if MM_ZERO
static void set_knob(const char *name, uint64_t value)
{
	TABLE_FOR_EACH (knob, struct knob_row, row)
		if (strcmp(row->name, name) == 0)
			*row->value = value;
}
#endif

static void zeroing(void)
{
#if MM_ZERO
	struct zero_status status;
	uint64_t wake_ns;

	want(has_knob("zero.batch_frames") && has_knob("zero.policy") && has_preset("eager"), "knobs of zeroing");
	set_knob("zero.batch_frames", 64);
	set_knob("zero.delay_ms", 0);
	zero_now(&mm_system);
	wake_up_due = true; /* so a batch is parked after its first frame */
	(void)zero_idle(&mm_system, &wake_ns);
	wake_up_due = false;
	zero_status(&mm_system, &status);
	want(status.batch_frames == 64, "a batch is held");
	size_t count = take_all();
	printf("%zu frames, a batch held\n", count);
	want(count == FRAMES, "an allocation takes a batch back");
	give_all(count);
	want(stat("zero.aborts") == 1, "which is counted");
	zero_now(&mm_system);
	while (zero_idle(&mm_system, &wake_ns) == ZERO_AGAIN)
		now_ns++;
	want(stat("mm.zero_frames") == FRAMES, "all memory is zero");
	const uint64_t hits = stat("zero.hit_frames");
	pfn_t pfn = mm_alloc(&mm_system, 9, MM_ZERO_COLD);
	want(stat("zero.hit_frames") == hits + 512, "2 MiB from stock");
	mm_free(&mm_system, pfn, 9);
#endif
}

#if WITH_REPORT
static unsigned tags[8], tag_count;

static int submit(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag)
{
	(void)sink;
	for (unsigned i = 0; i < count; i++)
		memset(mm_port_frame(ranges[i].pfn), 0x5a, ranges[i].frames << FRAME_SHIFT);
	tags[tag_count++] = tag;
	return 0;
}

static void poll(struct report_sink *sink)
{
	while (tag_count != 0)
		report_done(sink, tags[--tag_count], REPORT_OK);
}

static bool reset(struct report_sink *sink)
{
	(void)sink;
	tag_count = 0;
	return true;
}
#endif

static void reporting(void)
{
#if WITH_REPORT
	static struct report_sink sink = {
		.name = "nobody", .capacity = 4, .in_flight_max = 2, .submit = submit, .poll = poll, .reset = reset};

	want(has_knob("report.order") && has_preset("linux"), "knobs of reporting");
	want(report_register(&mm_system, &sink) == 0, "a reporter registers");
	report_now(&mm_system);
	now_ns += 1000000000;
	for (unsigned i = 0; i < 3 && tag_count == 0; i++)
		(void)report_step(&mm_system);
	want(tag_count != 0, "a report is in flight");
	size_t count = take_all();
	printf("%zu frames, a report in flight\n", count);
	want(count == FRAMES, "an allocation waits for a report");
	give_all(count);
	want(stat("report.frames") != 0, "the report came back");
	want(report_unregister(&mm_system, &sink) == 0, "the reporter goes");
#endif
}

int main(void)
{
	struct mm_range range = {.start = FIRST, .end = FIRST + FRAMES, .fresh = MM_FRESH_DIRTY};
	size_t bytes = mm_meta_bytes(&range, 1);

	memory = aligned_alloc(2 << 20, range.end << FRAME_SHIFT);
	void *meta = aligned_alloc(64, (bytes + 63) / 64 * 64);
	want(memory && meta, "there is memory");
	memset(memory, 0xee, range.end << FRAME_SHIFT);
	if (mm_init(&mm_system, &range, 1, meta, bytes))
		return 2;
	want(has_knob("mm.shuffle") && has_preset("default"), "knobs of mm");
	want(stat("mm.managed_frames") == FRAMES, "counters of mm");
	zeroing();
	reporting();
	size_t count = take_all();
	want(count == FRAMES && stat("mm.allocated_frames") == FRAMES, "all memory can be had");
	give_all(count);
	mm_drain(&mm_system);
	want(stat("mm.free_frames") == FRAMES && mm_check(&mm_system), "all memory came back");
	free(meta);
	free(memory);
	puts("all good");
	return 0;
}
