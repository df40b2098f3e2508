/* mm_init: what a list of ranges becomes, and what it costs. */
#include <string.h>

#include "mm/state.h"
#include "tests/unit/fixture.h"
#include "tests/unit/naive.h"

static void one_range_is_one_block(enum mm_fresh fresh, enum mm_state state)
{
	struct mm *mm = fixture_mm(4096, fresh);
	struct mm_buddy_row rows[MM_ORDER_MAX + 1];
	bool reported = fresh == MM_FRESH_REPORTED;
	struct mm_totals totals;

	mm_totals(mm, &totals);
	CHECK_EQ(totals.managed, 4096);
	CHECK_EQ(totals.free, 4096);
	CHECK_EQ(totals.allocated, 0);
	CHECK_EQ(totals.isolated, 0);
	CHECK_EQ(totals.zero, 0);
	CHECK_EQ(totals.reported, reported ? 4096 : 0);
	CHECK_EQ(totals.cached, 0);
	CHECK_EQ(fixture_count(mm, fixture_base(), 4096, state), 4096);
	mm_buddy(mm, rows);
	for (unsigned order = 0; order <= MM_ORDER_MAX; order++) {
		CHECK_EQ(rows[order].free_blocks, order == 12);
		CHECK_EQ(rows[order].zero_blocks, 0);
		CHECK_EQ(rows[order].reported_blocks, reported && order == 12);
	}
	CHECK_MM(mm);
}

TEST(mm_init, one_dirty_range_is_one_free_block)
{
	one_range_is_one_block(MM_FRESH_DIRTY, MM_STATE_DIRTY);
}

TEST(mm_init, fresh_memory_starts_reported)
{
	one_range_is_one_block(MM_FRESH_REPORTED, MM_STATE_REPORTED);
}

TEST(mm_init, holes_and_odd_ends_are_exact)
{
	static const struct mm_range ranges[] = {
		{1025, 1026, MM_FRESH_DIRTY}, {3, 700, MM_FRESH_DIRTY},	    {1000, 1024, MM_FRESH_REPORTED},
		{1537, 1538, MM_FRESH_DIRTY}, {2048, 3072, MM_FRESH_DIRTY}, {701, 702, MM_FRESH_DIRTY},
		{3583, 3585, MM_FRESH_DIRTY}, {4095, 4096, MM_FRESH_DIRTY},
	};
	struct mm *mm = fixture_mm_ranges(4096, ranges, ARRAY_LEN(ranges));
	size_t managed = 0;
	struct mm_totals totals;

	for (size_t i = 0; i < 4096; i++) {
		enum mm_state want = MM_STATE_UNMANAGED;

		for (size_t r = 0; r < ARRAY_LEN(ranges); r++) {
			if (i >= ranges[r].start && i < ranges[r].end)
				want = ranges[r].fresh == MM_FRESH_DIRTY ? MM_STATE_DIRTY : MM_STATE_REPORTED;
		}
		managed += want != MM_STATE_UNMANAGED;
		CHECK_EQ(mm_frame_state(mm, fixture_base() + i), want);
	}
	mm_totals(mm, &totals);
	CHECK_EQ(totals.managed, managed);
	CHECK_EQ(totals.free, managed);
	naive_check_buddy(mm, fixture_base(), 4096);
	CHECK_MM(mm);
	/* and every one of them can be had, no other */
	for (size_t i = 0; i < managed; i++)
		CHECK(mm_alloc(mm, 0, MM_ANY) != MM_PFN_NONE);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
	CHECK_EQ(fixture_count(mm, fixture_base(), 4096, MM_STATE_ALLOCATED), managed);
	CHECK_MM(mm);
}

TEST(mm_init, overlap_is_dirty_if_either_says_so)
{
	static const struct mm_range ranges[] = {
		{600, 1200, MM_FRESH_REPORTED},	 {0, 0, MM_FRESH_DIRTY},       {100, 700, MM_FRESH_DIRTY},
		{50, 120, MM_FRESH_REPORTED},	 {900, 800, MM_FRESH_DIRTY},   {1200, 1300, MM_FRESH_REPORTED},
		{1100, 1150, MM_FRESH_REPORTED}, {1536, 2048, MM_FRESH_DIRTY}, {1536, 2048, MM_FRESH_REPORTED},
	};
	struct mm *mm = fixture_mm_ranges(2048, ranges, ARRAY_LEN(ranges));
	pfn_t base = fixture_base();
	struct mm_totals totals;

	mm_totals(mm, &totals);
	CHECK_EQ(totals.managed, 1250 + 512);
	CHECK_EQ(fixture_count(mm, base, 50, MM_STATE_UNMANAGED), 50);
	CHECK_EQ(fixture_count(mm, base + 50, 50, MM_STATE_REPORTED), 50);
	CHECK_EQ(fixture_count(mm, base + 100, 600, MM_STATE_DIRTY), 600);
	CHECK_EQ(fixture_count(mm, base + 700, 600, MM_STATE_REPORTED), 600);
	CHECK_EQ(fixture_count(mm, base + 1300, 236, MM_STATE_UNMANAGED), 236);
	CHECK_EQ(fixture_count(mm, base + 1536, 512, MM_STATE_DIRTY), 512);
	CHECK_MM(mm);
}

TEST(mm_init, touching_ranges_give_one_block)
{
	static const struct mm_range ranges[] = {
		{700, 1024, MM_FRESH_DIRTY},
		{0, 333, MM_FRESH_DIRTY},
		{333, 700, MM_FRESH_REPORTED},
	};
	struct mm *mm = fixture_mm_ranges(1024, ranges, ARRAY_LEN(ranges));

	CHECK_EQ(mm_alloc(mm, 10, MM_ANY), fixture_base());
	CHECK_MM(mm);
}

TEST(mm_init, metadata_is_at_most_two_bytes_a_frame)
{
	static const uint64_t frames[] = {3 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 24, 1ull << 29};

	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		/* as a machine has them, from the first frame on */
		struct mm_range range = {1, frames[i], MM_FRESH_DIRTY};
		size_t bytes = mm_meta_bytes(&range, 1);

		CHECK(bytes > 0);
		CHECK(bytes <= frames[i] * 11 / 10 + (20 + 2 * mm_port_cpus()) * KIB);
		CHECK(bytes + sizeof(struct mm) <= 2 * frames[i]);
	}
}

/* One frame, as far away as can be: nothing but what doesn't depend on how much there is. */
TEST(mm_init, metadata_of_a_single_frame_far_away)
{
	struct mm_range range = {MM_PFN_LIMIT - GIB_FRAMES, MM_PFN_LIMIT - GIB_FRAMES + 1, MM_FRESH_DIRTY};

	CHECK(mm_meta_bytes(&range, 1) <= (20 + 2 * mm_port_cpus()) * KIB);
}

TEST(mm_init, no_usable_range_is_told)
{
	static const struct mm_range none[] = {
		{0, 1, MM_FRESH_DIRTY},
		{7, 7, MM_FRESH_DIRTY},
		{MM_PFN_LIMIT, MM_PFN_LIMIT + 4096, MM_FRESH_DIRTY},
		{9, 3, MM_FRESH_DIRTY},
	};
	struct mm *mm = fixture_bytes(sizeof(*mm));
	char *meta = fixture_bytes(4096 + 64);

	CHECK_EQ(mm_meta_bytes(none, 0), 0);
	CHECK_EQ(mm_meta_bytes(none, ARRAY_LEN(none)), 0);
	meta = (char *)(((uintptr_t)meta + 63) & ~(uintptr_t)63);
	CHECK_EQ(mm_init(mm, none, ARRAY_LEN(none), meta, 4096), -1);
	CHECK_EQ(mm_init(mm, none, 0, meta, 4096), -1);
}

TEST(mm_init, too_little_metadata_is_refused)
{
	struct mm_range range = {512, 1024, MM_FRESH_DIRTY};
	size_t bytes = mm_meta_bytes(&range, 1);
	struct mm *mm = fixture_bytes(sizeof(*mm));
	char *meta = fixture_bytes(bytes + 64);

	meta = (char *)(((uintptr_t)meta + 63) & ~(uintptr_t)63);
	CHECK_EQ(mm_init(mm, &range, 1, meta, bytes - 1), -1);
	CHECK_EQ(mm_init(mm, &range, 1, meta, 0), -1);
}

TEST(mm_init, a_second_init_forgets_the_first)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
	struct mm_range range = {fixture_base() + 512, fixture_base() + 1024, MM_FRESH_REPORTED};
	size_t bytes = mm_meta_bytes(&range, 1);
	char *meta = fixture_bytes(bytes + 64);
	struct mm_totals totals;

	fixture_zero_all(mm);
	for (int i = 0; i < 100; i++)
		CHECK(mm_alloc(mm, (unsigned)i % 4, MM_ANY) != MM_PFN_NONE);
	meta = (char *)(((uintptr_t)meta + 63) & ~(uintptr_t)63);
	memset(meta, 0xff, bytes);
	CHECK_EQ(mm_init(mm, &range, 1, meta, bytes), 0);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.managed, 512);
	CHECK_EQ(totals.free, 512);
	CHECK_EQ(totals.reported, 512);
	CHECK_EQ(totals.allocated, 0);
	CHECK_EQ(totals.zero, 0);
	CHECK_EQ(totals.cached, 0);
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY), fixture_base() + 512);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
	CHECK_MM(mm);
}
