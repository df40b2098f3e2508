/* Splitting, taking a given range, retiring. */
#include "tests/unit/fixture.h"
#include "tests/unit/naive.h"

TEST(mm_parts, a_split_block_is_freed_in_parts)
{
	static const struct {
		unsigned order, to;
	} cases[] = {{9, 0}, {9, 3},  {9, 8},	{9, 9},	 {5, 2},  {1, 0},
		     {0, 0}, {11, 9}, {11, 10}, {11, 4}, {10, 0}, {7, 6}};

	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
		size_t frames = (size_t)1 << cases[c].order, part = (size_t)1 << cases[c].to;
		pfn_t pfn = mm_alloc(mm, cases[c].order, MM_ANY);

		CHECK(pfn != MM_PFN_NONE);
		for (size_t i = 0; i < frames; i++)
			fixture_fill(pfn + i, 1, (unsigned char)(i + 1));
		mm_split(mm, pfn, cases[c].order, cases[c].to);
		CHECK_EQ(fixture_count(mm, pfn, frames, MM_STATE_ALLOCATED), frames);
		for (size_t i = 0; i < frames; i++)
			CHECK(fixture_is(pfn + i, 1, (unsigned char)(i + 1)));
		CHECK_MM(mm);
		/* the odd parts first: nothing merges with its neighbour's memory */
		for (size_t i = part; i < frames; i += 2 * part)
			mm_free(mm, pfn + i, cases[c].to);
		mm_drain(mm);
		for (size_t i = 0; i < frames; i++)
			CHECK_EQ(mm_frame_state(mm, pfn + i), (i / part) & 1 ? MM_STATE_DIRTY : MM_STATE_ALLOCATED);
		CHECK_MM(mm);
		for (size_t i = 0; i < frames; i += 2 * part)
			mm_free(mm, pfn + i, cases[c].to);
		naive_check_buddy(mm, fixture_base(), 2048);
		CHECK_EQ(mm_alloc(mm, 11, MM_ANY), fixture_base());
	}
}

TEST(mm_parts, a_split_part_can_be_split_again)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
	pfn_t pfn = mm_alloc(mm, 11, MM_ANY);

	mm_split(mm, pfn, 11, 9);
	mm_split(mm, pfn + 512, 9, 4);
	mm_split(mm, pfn + 512 + 16, 4, 0);
	mm_free(mm, pfn, 9);
	mm_free(mm, pfn + 512, 4);
	for (size_t i = 16; i < 32; i++)
		mm_free(mm, pfn + 512 + i, 0);
	for (size_t i = 32; i < 512; i += 16)
		mm_free(mm, pfn + 512 + i, 4);
	mm_free(mm, pfn + 1024, 9);
	mm_free(mm, pfn + 1536, 9);
	naive_check_buddy(mm, fixture_base(), 2048);
	CHECK_MM(mm);
	CHECK_EQ(mm_alloc(mm, 11, MM_ANY), fixture_base());
}

TEST(mm_parts, a_range_is_taken_exactly)
{
	static const struct {
		pfn_t start;
		size_t count;
	} cases[] = {{0, 1},	  {0, 2048}, {1, 2046}, {511, 2}, {512, 512},
		     {500, 1000}, {1024, 1}, {2047, 1}, {63, 66}, {7, 0}};

	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		struct mm *mm;
		pfn_t base;

		fixture_end();
		fixture_quiet();
		mm = fixture_mm(2048, MM_FRESH_REPORTED);
		base = fixture_base();
		CHECK_EQ(mm_take_range(mm, base + cases[c].start, cases[c].count), 0);
		for (size_t i = 0; i < 2048; i++)
			CHECK_EQ(mm_frame_state(mm, base + i),
				 i - cases[c].start < cases[c].count ? MM_STATE_ALLOCATED : MM_STATE_REPORTED);
		CHECK_MM(mm);
		for (size_t i = 0; i < cases[c].count; i++)
			mm_free(mm, base + cases[c].start + i, 0);
		mm_drain(mm);
		CHECK_EQ(fixture_count(mm, base + cases[c].start, cases[c].count, MM_STATE_DIRTY), cases[c].count);
		naive_check_buddy(mm, base, 2048);
		CHECK_MM(mm);
	}
}

TEST(mm_parts, a_range_that_is_not_all_free_is_left_alone)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
	pfn_t base = fixture_base();

	CHECK_EQ(mm_take_range(mm, base + 1000, 1), 0);
	CHECK_EQ(mm_take_range(mm, base, 1001), -1);
	CHECK_EQ(mm_take_range(mm, base + 1000, 1), -1);
	CHECK_EQ(mm_take_range(mm, base + 1000, 1048), -1);
	CHECK_EQ(mm_take_range(mm, base + 2040, 9), -1); /* past the end */
	CHECK_EQ(mm_take_range(mm, base - 1, 2), -1);
	CHECK_EQ(mm_take_range(mm, 0, 1), -1);
	CHECK_EQ(mm_take_range(mm, MM_PFN_NONE, 1), -1);
	CHECK_EQ(mm_take_range(mm, MM_PFN_NONE - 1, 5), -1);
	CHECK_EQ(mm_take_range(mm, base, (size_t)-1), -1);
	CHECK_EQ(fixture_count(mm, base, 2048, MM_STATE_DIRTY), 2047);
	CHECK_MM(mm);
	CHECK_EQ(mm_take_range(mm, base, 1000), 0);
	CHECK_EQ(mm_take_range(mm, base + 1001, 1047), 0);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
}

TEST(mm_parts, a_range_with_cached_frames_is_free)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);
	pfn_t base = fixture_base();

	CHECK_EQ(mm_take_range(mm, base, 512), 0);
	mm_free(mm, base + 40, 0); /* into the hot cache, since the area is in use */
	mm_free(mm, base + 41, 0);
	CHECK_EQ(mm_take_range(mm, base + 40, 2), 0);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
	CHECK_MM(mm);
}

TEST(mm_parts, a_free_frame_is_retired_at_once)
{
	struct mm *mm = fixture_mm(1024, MM_FRESH_DIRTY);
	pfn_t bad = fixture_base() + 700;
	struct mm_totals totals;
	size_t n = 0;

	CHECK_EQ(mm_retire(mm, bad), 0);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.managed, 1023);
	CHECK_EQ(totals.free, 1023);
	CHECK_EQ(mm_frame_state(mm, bad), MM_STATE_UNMANAGED);
	CHECK_EQ(mm_retire(mm, bad), -1);
	CHECK_EQ(mm_alloc(mm, 10, MM_ANY), MM_PFN_NONE);
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY), fixture_base());
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY), MM_PFN_NONE);
	for (pfn_t pfn; (pfn = mm_alloc(mm, 0, MM_ANY)) != MM_PFN_NONE; n++)
		CHECK(pfn != bad);
	CHECK_EQ(n, 511);
	CHECK_MM(mm);
}

TEST(mm_parts, an_allocated_frame_is_retired_instead_of_freed)
{
	struct mm *mm = fixture_mm(1024, MM_FRESH_DIRTY);
	pfn_t pfn = mm_alloc(mm, 9, MM_ANY);
	struct mm_totals totals;

	mm_split(mm, pfn, 9, 0);
	CHECK_EQ(mm_retire(mm, pfn + 17), 0);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.managed, 1023);
	CHECK_EQ(totals.allocated, 511);
	CHECK_EQ(totals.free, 512);
	for (size_t i = 0; i < 512; i++) {
		if (i != 17)
			mm_free(mm, pfn + i, 0);
	}
	mm_drain(mm);
	CHECK_EQ(mm_frame_state(mm, pfn + 17), MM_STATE_UNMANAGED);
	naive_check_buddy(mm, fixture_base(), 1024);
	CHECK_MM(mm);
}

TEST(mm_parts, a_cached_frame_is_retired)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);
	pfn_t bad = fixture_base() + 40;

	CHECK_EQ(mm_take_range(mm, fixture_base(), 512), 0);
	mm_free(mm, bad, 0);
	CHECK_EQ(mm_retire(mm, bad), 0);
	CHECK_EQ(mm_frame_state(mm, bad), MM_STATE_UNMANAGED);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
	CHECK_MM(mm);
}

TEST(mm_parts, frames_that_are_not_ours_are_not_retired)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);

	CHECK_EQ(mm_retire(mm, 0), -1);
	CHECK_EQ(mm_retire(mm, fixture_base() + 512), -1);
	CHECK_EQ(mm_retire(mm, MM_PFN_NONE), -1);
	CHECK_MM(mm);
}

TEST(mm_parts, every_frame_may_go_bad)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);
	struct mm_totals totals;

	for (size_t i = 0; i < 512; i++)
		CHECK_EQ(mm_retire(mm, fixture_base() + (i * 37) % 512), 0);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.managed, 0);
	CHECK_EQ(totals.free, 0);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
	CHECK_MM(mm);
}
