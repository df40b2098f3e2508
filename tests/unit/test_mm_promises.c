/* Small promises of mm.h, zero.h and report.h that were broken once, each by the smallest case. */
#include "mm/report.h"
#include "mm/state.h"
#include "mm/timing.h"
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"

#define FRAMES FAKE_FRAMES

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
