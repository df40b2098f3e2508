/* Small promises of mm.h, zero.h and report.h that were broken once, each by the smallest case. */
#include <string.h>

#include "lib/table.h"
#include "mm/page_hold.h"
#include "mm/report.h"
#include "mm/state.h"
#include "mm/timing.h"
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"

#define FRAMES FAKE_FRAMES

static const struct page_proc *zero_proc(void)
{
	TABLE_FOR_EACH (page_proc, struct page_proc, proc)
		if (strcmp(proc->name, "zero") == 0)
			return proc;
	return NULL;
}

/* What is with the host comes back REPORTED: there is something left to be zeroed. */
TEST(mm_promises, zero_now_is_not_done_while_memory_is_in_flight)
{
	struct mm *mm = fake_mm(9, 64);
	struct fake_sink *fake = fake_registered(mm, 9, 64, 1);
	struct mm_totals totals;

	fake->answer = FAKE_SILENT;
	fake_until_in_flight(mm, fake);
	CHECK_EQ(fake_isolated(mm), FRAMES);
	zero_now(mm);
	CHECK(!zero_is_done(mm));
	CHECK_EQ(fixture_idle(mm), 0);
	CHECK(!zero_is_done(mm));
	fake->answer = FAKE_ACCEPT;
	(void)report_step(mm);
	CHECK_EQ(fixture_idle(mm), FRAMES);
	CHECK(zero_is_done(mm));
	mm_totals(mm, &totals);
	CHECK_EQ(totals.zero, FRAMES);
	fake_unregister(mm, fake);
}

/* A look at how far it got, while the last frames are in a batch that made way for somebody, doesn't end it. */
TEST(mm_promises, a_look_at_the_last_batch_does_not_end_zero_now)
{
	struct mm *mm;
	struct zero_status status;
	struct mm_totals totals;

	fixture_quiet();
	fixture_knob("zero.batch_frames", 64);
	mm = fixture_mm(512, MM_FRESH_DIRTY);
	zero_now(mm);
	mm_lock(mm);
	CHECK(page_hold_begin(mm, zero_proc(), 512)); /* a batch, parked with one frame done */
	mm_unlock(mm);
	(void)page_hold_work(mm, 1);
	page_hold_end(mm);
	for (unsigned i = 0; i < 2; i++) {
		zero_status(mm, &status);
		CHECK(status.now);
		CHECK_EQ(status.left_frames + status.batch_frames, 512);
	}
	CHECK(!zero_is_done(mm));
	(void)fixture_idle(mm);
	zero_status(mm, &status);
	CHECK(!status.now);
	CHECK(zero_is_done(mm));
	mm_totals(mm, &totals);
	CHECK_EQ(totals.zero, 512);
}

static unsigned looks;

static bool at_the_third_look(void *arg)
{
	(void)arg;
	return ++looks == 3;
}

/* A bulk call that is stopped delivers nothing: neither a hit nor a miss. */
TEST(mm_promises, a_stopped_bulk_call_is_not_in_the_ledger)
{
	static const struct mm_stop stop = {.asked = at_the_third_look};

	for (unsigned zero = 0; zero < 2; zero++) {
		struct mm *mm;
		struct zero_ledger before, after;
		pfn_t *pfns;

		fixture_end();
		fixture_quiet();
		mm = fixture_mm(2048, MM_FRESH_DIRTY);
		pfns = fixture_bytes(4 * sizeof(*pfns));
		if (zero)
			fixture_zero_all(mm);
		zero_ledger(mm, &before);
		looks = 0;
		CHECK(!mm_alloc_bulk_until(mm, 9, MM_ZERO_COLD, 4, pfns, &stop));
		zero_ledger(mm, &after);
		CHECK_EQ(after.hit_frames, before.hit_frames);
		CHECK_EQ(after.miss_frames, before.miss_frames);
		CHECK_EQ(after.alloc_frames - before.alloc_frames, zero ? 0 : 512); /* work that was done */
		CHECK(mm_alloc_bulk(mm, 9, MM_ZERO_COLD, 4, pfns));
		zero_ledger(mm, &after);
		CHECK_EQ(after.hit_frames - before.hit_frames + after.miss_frames - before.miss_frames, 2048);
	}
}

TEST(mm_promises, counting_ends_wherever_the_range_lies)
{
	static const struct {
		pfn_t first, end;
	} ranges[] = {{UINT64_MAX - 1000, UINT64_MAX},
		      {UINT64_MAX, UINT64_MAX},
		      {0, UINT64_MAX},
		      {MM_PFN_LIMIT - 1, MM_PFN_LIMIT + 1},
		      {5, 5},
		      {7, 6}};
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		uint64_t counts[MM_STATE_COUNT], sum = 0;
		const bool all = ranges[i].first == 0;

		mm_count(mm, ranges[i].first, ranges[i].end, counts);
		for (unsigned state = 0; state < MM_STATE_COUNT; state++)
			sum += counts[state];
		CHECK_EQ(sum, ranges[i].first < ranges[i].end ? ranges[i].end - ranges[i].first : 0);
		CHECK_EQ(counts[MM_STATE_DIRTY], all ? 512 : 0);
	}
}

/* The shortage is over when what the caches held brings free memory up to the high watermark. */
TEST(mm_promises, draining_ends_a_shortage_that_it_has_ended)
{
	struct mm *mm;
	pfn_t *pfns;

	fixture_quiet();
	mm = fixture_mm(8192, MM_FRESH_DIRTY);
	pfns = fixture_bytes(8192 * sizeof(*pfns));
	CHECK(mm_alloc_bulk(mm, 0, MM_ANY, 8192, pfns));
	CHECK(mm->pressure);
	for (size_t i = 0; i < mm->watermark_high - 1; i++)
		mm_free(mm, pfns[i], 0);
	CHECK(mm->pressure);
	/* As if the last one had come by way of a cache: whoever counts again must see it. */
	mm_lock(mm);
	mm->watermark_high--;
	mm_unlock(mm);
	mm_drain(mm);
	CHECK(!mm->pressure);
	CHECK_MM(mm);
}

/* A report that the host declines hasn't gone: what report_now asked for is still to go, and goes without the marks. */
TEST(mm_promises, report_now_outlasts_a_declined_report)
{
	static const enum fake_answer answers[] = {FAKE_DECLINE, FAKE_REFUSE, FAKE_SILENT};

	for (unsigned i = 0; i < ARRAY_LEN(answers); i++) {
		struct mm *mm;
		struct fake_sink *fake;

		fixture_end();
		mm = fake_mm(9, 64);
		fixture_knob("report.reserve_pct", 100);
		fake = fake_registered(mm, 9, 64, 1);
		fake->answer = answers[i];
		CHECK(report_is_done(mm)); /* all of it is reserve */
		report_now(mm);
		for (unsigned k = 0; k < 200; k++) {
			(void)report_step(mm);
			test_port_pass_ns(1000000);
			CHECK(!report_is_done(mm));
		}
		CHECK(fake->submits > 0);
		fake->answer = FAKE_ACCEPT;
		CHECK(fake_run(mm));
		CHECK_EQ(fake_reported(mm), FRAMES);
		fake_unregister(mm, fake);
	}
}

/* A workload that takes all memory and frees it again doesn't make a host that declines be asked the sooner. */
TEST(mm_promises, a_host_that_declined_is_left_alone_though_memory_comes_and_goes)
{
	struct mm *mm = fake_mm(9, 64);
	struct fake_sink *fake = fake_registered(mm, 9, 64, 1);
	uint64_t end = mm_port_now_ns() + 1000000000;

	fake->answer = FAKE_DECLINE;
	while (mm_port_now_ns() < end) {
		pfn_t pfn = mm_alloc(mm, 12, MM_ANY);

		(void)report_step(mm);
		if (pfn != MM_PFN_NONE)
			mm_free(mm, pfn, 12);
		(void)report_step(mm);
		test_port_pass_ns(1000000);
	}
	CHECK(fake->submits >= 3);
	CHECK(fake->submits <= 4); /* at 0, .1, .3, .7 s */
	fake_unregister(mm, fake);
}
