/* What a CPU keeps for itself: what goes there, what doesn't, and when it comes back. */
#include "mm/state.h"
#include "tests/unit/fixture.h"

static size_t cached(struct mm *mm)
{
	struct mm_totals totals;

	mm_totals(mm, &totals);
	return totals.cached;
}

/* Two areas, all of it somebody's. */
static struct mm *full_mm(void)
{
	struct mm *mm;

	fixture_quiet();
	mm = fixture_mm(1024, MM_FRESH_DIRTY);
	CHECK_EQ(mm_take_range(mm, fixture_base(), 1024), 0);
	mm->pressure = false; /* as if there were a lot more of it */
	mm->hot_open = true;
	return mm;
}

TEST(mm_cache, frames_of_a_nearly_free_area_are_not_handed_out_again)
{
	struct mm *mm = full_mm();
	pfn_t base = fixture_base();

	for (unsigned i = 0; i < 256; i++)
		mm_free(mm, base + i, 0);
	CHECK(cached(mm) < 256);
	mm_free(mm, base + 600, 0);
	mm_free(mm, base + 300, 0); /* freed last, but the first area may become whole */
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), base + 600);
	CHECK_MM(mm);
}

TEST(mm_cache, switched_off_it_is_empty_and_stays_so)
{
	struct mm *mm = full_mm();
	pfn_t base = fixture_base();

	mm_free(mm, base, 0);
	CHECK_EQ(cached(mm), 1);
	mm_cache_enable(mm, MM_OFF);
	CHECK_EQ(cached(mm), 0);
	CHECK_EQ(mm_frame_state(mm, base), MM_STATE_DIRTY);
	mm_free(mm, base + 1, 0);
	CHECK_EQ(cached(mm), 0);
	/* nor does it come back with the memory, after there was little */
	for (unsigned i = 2; i < 1024; i++)
		mm_free(mm, base + i, 0);
	CHECK(mm_alloc_bulk(mm, 0, MM_ANY, 1024, fixture_bytes(1024 * sizeof(pfn_t))));
	CHECK(mm->pressure);
	for (unsigned i = 0; i < 1024; i++)
		mm_free(mm, base + i, 0);
	CHECK(!mm->pressure);
	CHECK_EQ(cached(mm), 0);
	CHECK_MM(mm);
}

TEST(mm_cache, a_block_of_2_mib_that_is_kept_is_a_free_block)
{
	struct mm_buddy_row rows[MM_ORDER_MAX + 1];
	struct mm *mm;
	pfn_t pfn;

	fixture_quiet();
	mm = fixture_mm(1024, MM_FRESH_DIRTY);
	pfn = mm_alloc(mm, 9, MM_ANY);
	mm_free(mm, pfn, 9);
	CHECK_EQ(mm_frame_state(mm, pfn), MM_STATE_CACHED);
	mm_buddy(mm, rows);
	for (unsigned order = 0; order <= MM_ORDER_MAX; order++)
		CHECK_EQ(rows[order].free_blocks, order == 9 ? 2 : 0);
	CHECK_MM(mm);
}

TEST(mm_cache, the_block_of_2_mib_is_handed_out_again)
{
	struct mm *mm;
	pfn_t pfn;

	fixture_quiet();
	mm = fixture_mm(2048, MM_FRESH_DIRTY);
	pfn = mm_alloc(mm, 9, MM_ANY);
	mm_free(mm, pfn, 9);
	CHECK_EQ(cached(mm), 512);
	CHECK(mm_alloc(mm, 9, MM_ZERO_COLD) != pfn); /* not hot: from the buddy */
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY), pfn);
	CHECK_EQ(mm_frame_state(mm, pfn), MM_STATE_ALLOCATED);
	CHECK_EQ(cached(mm), 0);
	fixture_fill(pfn, 512, 9);
	mm_free(mm, pfn, 9);
	CHECK_EQ(mm_alloc(mm, 9, MM_ZERO_HOT), pfn);
	CHECK(fixture_is(pfn, 512, 0));
	CHECK_MM(mm);
}

TEST(mm_cache, a_bulk_call_for_more_than_there_is_disturbs_nothing)
{
	struct mm *mm = full_mm();

	mm_free(mm, fixture_base(), 0);
	CHECK(!mm_alloc_bulk(mm, 9, MM_ANY, 3, fixture_bytes(3 * sizeof(pfn_t))));
	CHECK_EQ(cached(mm), 1);
}
