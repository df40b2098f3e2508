/* Memory that nobody used yet, of which it isn't known whether a host backs it: FRESH. What a reporter makes of it is
 * in test_mm_fresh_report.c; in which order it is taken, test_mm_prefer.c tries at random. */
#include "mm/buddy.h"
#include "mm/place.h"
#include "tests/unit/fixture.h"
#include "tests/unit/naive.h"

#define FRAMES 2048u

static struct mm_totals totals_of(struct mm *mm)
{
	struct mm_totals totals;

	mm_totals(mm, &totals);
	return totals;
}

TEST(mm_fresh, it_is_counted_by_itself)
{
	struct mm *mm;
	struct mm_buddy_row rows[MM_ORDER_MAX + 1];
	uint64_t counts[MM_STATE_COUNT];

	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_UNKNOWN);
	CHECK_EQ(totals_of(mm).fresh, FRAMES);
	CHECK_EQ(totals_of(mm).reported, 0);
	CHECK_EQ(totals_of(mm).zero, 0);
	mm_buddy(mm, rows);
	CHECK_EQ(rows[11].fresh_blocks, 1);
	CHECK_EQ(rows[11].reported_blocks, 0);
	mm_count(mm, fixture_base(), fixture_base() + FRAMES, counts);
	CHECK_EQ(counts[MM_STATE_FRESH], FRAMES);
	CHECK_EQ(mm_frame_state(mm, fixture_base() + 5), MM_STATE_FRESH);
	CHECK_EQ(strcmp(mm_state_name(MM_STATE_FRESH), "free (fresh)"), 0);
	naive_check_buddy(mm, fixture_base(), FRAMES);
	CHECK_MM(mm);
}

/* Whatever promises least is true of frames that several ranges have. */
TEST(mm_fresh, overlapping_ranges)
{
	static const struct mm_range ranges[] = {
		{0, 300, MM_FRESH_UNKNOWN},	 {200, 400, MM_FRESH_REPORTED},	 {250, 260, MM_FRESH_DIRTY},
		{512, 1024, MM_FRESH_REPORTED},	 {512, 1024, MM_FRESH_UNKNOWN},	 {1024, 1536, MM_FRESH_UNKNOWN},
		{1024, 1536, MM_FRESH_REPORTED}, {1536, 2048, MM_FRESH_UNKNOWN}, {1600, 1601, MM_FRESH_DIRTY},
	};
	struct mm *mm;
	pfn_t base;

	fixture_quiet();
	mm = fixture_mm_ranges(FRAMES, ranges, ARRAY_LEN(ranges));
	base = fixture_base();
	CHECK_EQ(fixture_count(mm, base, 250, MM_STATE_FRESH), 250);
	CHECK_EQ(fixture_count(mm, base + 250, 10, MM_STATE_DIRTY), 10);
	CHECK_EQ(fixture_count(mm, base + 260, 40, MM_STATE_FRESH), 40);
	CHECK_EQ(fixture_count(mm, base + 300, 100, MM_STATE_REPORTED), 100);
	CHECK_EQ(fixture_count(mm, base + 512, 1024, MM_STATE_FRESH), 1024);
	CHECK_EQ(fixture_count(mm, base + 1536, 512, MM_STATE_FRESH), 511);
	CHECK_MM(mm);
}

/* By frames, by 2 MiB, for any and for zero: fresh memory is used up before the first reported frame is taken, and not
 * touched while there is other memory that a host surely backs. */
TEST(mm_fresh, it_goes_just_before_what_is_reported)
{
	static const struct mm_range ranges[] = {{0, 512, MM_FRESH_REPORTED},
						 {512, 1024, MM_FRESH_UNKNOWN},
						 {1024, 1536, MM_FRESH_DIRTY},
						 {1536, 2048, MM_FRESH_REPORTED}};
	static const unsigned orders[] = {0, 3, 8, 9};
	static const unsigned wants[] = {MM_ANY, MM_ZERO_COLD, MM_ZERO_HOT};

	for (unsigned i = 0; i < ARRAY_LEN(orders) * ARRAY_LEN(wants); i++) {
		const unsigned order = orders[i / ARRAY_LEN(wants)], want = wants[i % ARRAY_LEN(wants)];
		struct mm *mm;

		fixture_end();
		fixture_quiet();
		mm = fixture_mm_ranges(FRAMES, ranges, ARRAY_LEN(ranges));
		mm_cache_enable(mm, MM_OFF);
		for (unsigned at = 0; at < FRAMES; at += 1u << order) {
			const struct mm_totals before = totals_of(mm);
			const enum mm_state left = before.free > 1536	? MM_STATE_DIRTY
						   : before.free > 1024 ? MM_STATE_FRESH
									: MM_STATE_REPORTED;
			pfn_t pfn = mm_alloc(mm, order, want);

			CHECK(pfn != MM_PFN_NONE);
			CHECK_EQ(before.fresh - totals_of(mm).fresh, left == MM_STATE_FRESH ? 1u << order : 0);
			CHECK_EQ(before.reported - totals_of(mm).reported, left == MM_STATE_REPORTED ? 1u << order : 0);
		}
		CHECK_MM(mm);
	}
}

/* What was frames of all states comes back as it was, whichever the call that couldn't have it all. */
TEST(mm_fresh, an_undone_bulk_call_leaves_it_fresh)
{
	static const struct mm_range ranges[] = {{0, 700, MM_FRESH_UNKNOWN},
						 {700, 1100, MM_FRESH_REPORTED},
						 {1100, 1500, MM_FRESH_DIRTY},
						 {1501, 2048, MM_FRESH_UNKNOWN}};
	static pfn_t pfns[FRAMES];
	struct mm *mm;
	struct mm_totals before, after;

	fixture_quiet();
	mm = fixture_mm_ranges(FRAMES, ranges, ARRAY_LEN(ranges));
	before = totals_of(mm);
	CHECK_EQ(before.fresh, 700 + 547);
	CHECK_EQ(mm_take_range(mm, fixture_base(), 1), 0);
	for (unsigned order = 0; order < 10; order++) {
		const size_t count = order == 0 ? 2047 : (FRAMES >> order);

		CHECK(!mm_alloc_bulk(mm, order, MM_ZERO_COLD, count, pfns));
		after = totals_of(mm);
		CHECK_EQ(after.fresh, before.fresh - 1);
		CHECK_EQ(after.reported, before.reported);
		CHECK_EQ(fixture_count(mm, fixture_base() + 1, 699, MM_STATE_FRESH), 699);
		CHECK_MM(mm);
	}
}

TEST(mm_fresh, used_frames_are_dirty_and_their_neighbours_still_fresh)
{
	struct mm *mm;
	pfn_t base, pfn;

	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_UNKNOWN);
	base = fixture_base();
	mm_cache_enable(mm, MM_OFF);
	pfn = mm_alloc(mm, 2, MM_ANY);
	CHECK(pfn != MM_PFN_NONE);
	CHECK_EQ(totals_of(mm).fresh, FRAMES - 4);
	mm_free(mm, pfn, 2);
	CHECK_EQ(totals_of(mm).fresh, FRAMES - 4);
	CHECK_EQ(fixture_count(mm, base, FRAMES, MM_STATE_DIRTY), 4);
	/* a block of 2 MiB that is cut up keeps what it was, frame by frame, for as long as nothing is known better */
	CHECK_EQ(mm_retire(mm, base + 600), 0);
	CHECK_EQ(fixture_count(mm, base, FRAMES, MM_STATE_FRESH), FRAMES - 5);
	naive_check_buddy(mm, base, FRAMES);
	CHECK_MM(mm);
}
