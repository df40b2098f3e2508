/* What needs gigabytes of frames, or frames at given numbers: the largest blocks, the line at 4 GiB, the end of
 * memory. */
#include "host.h"
#include "mm/state.h"
#include "tests/unit/fixture.h"
#include "tests/unit/naive.h"

#define GIB_PFNS ((pfn_t)1 << 18)

TEST(mm_large, every_order_up_to_1_gib)
{
	/* 3 GiB from 1 GiB on, nothing of it ever touched */
	static const struct mm_range range = {GIB_PFNS, 4 * GIB_PFNS, MM_FRESH_REPORTED};
	struct mm *mm = fixture_mm_at(&range, 1);
	pfn_t *pfns = fixture_bytes((3 * GIB_PFNS >> 5) * sizeof(*pfns));

	for (unsigned order = 5; order <= MM_ORDER_MAX; order++) {
		size_t n = 3 * GIB_PFNS >> order;

		if (DEBUG && order > 5 && order < MM_ORDER_MAX)
			continue; /* freed memory is filled: once is enough */
		for (size_t i = 0; i < n; i++) {
			pfns[i] = mm_alloc(mm, order, MM_ANY);
			CHECK(pfns[i] != MM_PFN_NONE);
			CHECK_EQ(pfns[i] & (((pfn_t)1 << order) - 1), 0);
		}
		CHECK_EQ(mm_alloc(mm, order, MM_ANY), MM_PFN_NONE);
		CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
		CHECK(mm_check(mm));
		if (DEBUG && order == 5)
			mm = fixture_mm_at(&range, 1), pfns = fixture_bytes((3 * GIB_PFNS >> 5) * sizeof(*pfns));
		else
			mm_free_bulk(mm, order, n, pfns);
	}
	CHECK_MM(mm);
}

TEST(mm_large, a_gib_takes_no_part_of_another)
{
	static const struct mm_range range = {GIB_PFNS / 2, 3 * GIB_PFNS - 1, MM_FRESH_REPORTED};
	struct mm *mm = fixture_mm_at(&range, 1);

	CHECK_EQ(mm_alloc(mm, 18, MM_ANY), GIB_PFNS);
	CHECK_EQ(mm_alloc(mm, 18, MM_ANY), MM_PFN_NONE);
	CHECK_EQ(mm_alloc(mm, 17, MM_ANY) % (GIB_PFNS / 2), 0);
	CHECK_EQ(mm_alloc(mm, 17, MM_ANY) % (GIB_PFNS / 2), 0);
	CHECK_EQ(mm_alloc(mm, 17, MM_ANY), MM_PFN_NONE);
	CHECK_EQ(mm_alloc(mm, 16, MM_ANY), 2 * GIB_PFNS + GIB_PFNS / 2);
	CHECK(mm_check(mm));
}

TEST(mm_large, metadata_of_free_areas_is_not_touched)
{
	/* 60 GiB: 2 bytes a frame would be 30 MiB, were they all written */
	static const struct mm_range range = {GIB_PFNS, 61 * GIB_PFNS, MM_FRESH_REPORTED};
	size_t bytes = mm_meta_bytes(&range, 1);
	pfn_t meta = 62 * GIB_PFNS;
	struct mm *mm = fixture_bytes(sizeof(*mm));

	CHECK(bytes <= 60 * GIB_PFNS * 2);
	CHECK_EQ(mm_init(mm, &range, 1, mm_port_frame(meta), bytes), 0);
	CHECK(host_resident(meta, (bytes >> FRAME_SHIFT) + 1) < 2 * MIB / FRAME_SIZE + 160);
	CHECK_EQ(host_resident(GIB_PFNS, 60 * GIB_PFNS), 0);
	CHECK(mm_check(mm));
	CHECK(mm_alloc(mm, 0, MM_ANY) != MM_PFN_NONE);
	CHECK_EQ(host_resident(GIB_PFNS, 60 * GIB_PFNS), 0);
}

/* 2 MiB on either side of the 4 GiB line. */
static const struct mm_range around_4g[] = {{MM_PFN_4G - 512, MM_PFN_4G + 512, MM_FRESH_DIRTY}};

TEST(mm_large, memory_above_4_gib_goes_first)
{
	for (unsigned order = 0; order <= 9; order++) {
		struct mm *mm = fixture_mm_at(around_4g, 1);
		size_t n = 512u >> order;

		for (size_t i = 0; i < n; i++)
			CHECK(mm_alloc(mm, order, MM_ANY) >= MM_PFN_4G);
		for (size_t i = 0; i < n; i++)
			CHECK(mm_alloc(mm, order, MM_ANY) < MM_PFN_4G);
		CHECK_EQ(mm_alloc(mm, order, MM_ANY), MM_PFN_NONE);
		CHECK_MM(mm);
	}
}

TEST(mm_large, below_4_gib_means_wholly_below)
{
	static const unsigned wants[] = {MM_ANY, MM_ZERO_COLD, MM_ZERO_HOT};

	for (size_t w = 0; w < ARRAY_LEN(wants); w++) {
		for (unsigned order = 0; order <= 9; order++) {
			struct mm *mm = fixture_mm_at(around_4g, 1);

			for (size_t i = 0; i < 512u >> order; i++)
				CHECK(mm_alloc(mm, order, wants[w] | MM_BELOW_4G) < MM_PFN_4G);
			CHECK_EQ(mm_alloc(mm, order, wants[w] | MM_BELOW_4G), MM_PFN_NONE);
			CHECK(mm_alloc(mm, order, wants[w]) >= MM_PFN_4G);
			CHECK_MM(mm);
		}
	}
}

TEST(mm_large, hot_memory_above_4_gib_is_no_answer_to_below)
{
	static const unsigned wants[] = {MM_ANY, MM_ZERO_COLD, MM_ZERO_HOT};

	for (size_t w = 0; w < ARRAY_LEN(wants); w++) {
		struct mm *mm = fixture_mm_at(around_4g, 1);
		pfn_t pfn;

		CHECK_EQ(mm_take_range(mm, MM_PFN_4G, 512), 0);
		mm_free(mm, MM_PFN_4G + 5, 0);
		pfn = mm_alloc(mm, 0, wants[w] | MM_BELOW_4G);
		CHECK(pfn < MM_PFN_4G);
		mm_free(mm, pfn, 0);
		for (size_t i = 0; i < 512; i++) {
			if (i != 5)
				mm_free(mm, MM_PFN_4G + i, 0);
		}
		mm_drain(mm);
		pfn = mm_alloc(mm, 9, MM_ANY);
		CHECK_EQ(pfn, MM_PFN_4G);
		mm_free(mm, pfn, 9); /* into the hot slot */
		CHECK_EQ(mm_alloc(mm, 9, wants[w] | MM_BELOW_4G), MM_PFN_4G - 512);
		CHECK_MM(mm);
	}
}

/* Which hole is filled must not depend on which one was made last. */
TEST(mm_large, holes_above_4_gib_are_filled_first_the_first_one_first)
{
	static const struct mm_range range = {MM_PFN_4G - 1024, MM_PFN_4G + 1536, MM_FRESH_DIRTY};
	static const pfn_t holes[] = {MM_PFN_4G - 1000, MM_PFN_4G + 3, MM_PFN_4G + 600};
	static const uint8_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		struct mm *mm = fixture_mm_at(&range, 1);

		mm_cache_enable(mm, MM_OFF);
		CHECK_EQ(mm_take_range(mm, range.start, range.end - range.start), 0);
		for (size_t k = 0; k < 3; k++)
			mm_free(mm, holes[orders[i][k]], 0);
		CHECK_EQ(mm_alloc(mm, 0, MM_ANY), holes[1]);
		CHECK_EQ(mm_alloc(mm, 0, MM_ANY), holes[2]);
		CHECK_EQ(mm_alloc(mm, 0, MM_ANY | (i % 2 != 0 ? MM_BELOW_4G : 0)), holes[0]);
		mm_free(mm, holes[orders[i][0]], 0);
		mm_free(mm, holes[orders[i][1]], 0);
		CHECK_EQ(mm_alloc(mm, 0, MM_ANY | MM_BELOW_4G), orders[i][2] == 0 ? MM_PFN_NONE : holes[0]);
		CHECK_MM(mm);
	}
}

TEST(mm_large, a_hole_above_4_gib_goes_before_the_area_below_that_served_last)
{
	struct mm *mm = fixture_mm_at(around_4g, 1);

	mm_cache_enable(mm, MM_OFF);
	CHECK_EQ(mm_take_range(mm, MM_PFN_4G, 512), 0);
	CHECK(mm_alloc(mm, 0, MM_ANY) < MM_PFN_4G);
	mm_free(mm, MM_PFN_4G + 77, 0);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_4G + 77);
	CHECK(mm_alloc(mm, 0, MM_ANY) < MM_PFN_4G);
	CHECK_MM(mm);
}

TEST(mm_large, bulk_below_4_gib_is_all_or_nothing)
{
	struct mm *mm = fixture_mm_at(around_4g, 1);
	pfn_t *pfns = fixture_bytes(513 * sizeof(*pfns));

	CHECK(!mm_alloc_bulk(mm, 0, MM_ANY | MM_BELOW_4G, 513, pfns));
	CHECK_MM(mm);
	CHECK_EQ(fixture_count(mm, MM_PFN_4G - 512, 1024, MM_STATE_DIRTY), 1024);
	CHECK(mm_alloc_bulk(mm, 0, MM_ANY | MM_BELOW_4G, 512, pfns));
	for (size_t i = 0; i < 512; i++)
		CHECK(pfns[i] < MM_PFN_4G);
	CHECK_MM(mm);
}

TEST(mm_large, bulk_below_4_gib_breaks_an_area_where_there_are_parts_above)
{
	struct mm *mm = fixture_mm_at(around_4g, 1);
	pfn_t *pfns = fixture_bytes(16 * sizeof(*pfns));

	CHECK(mm_alloc(mm, 0, MM_ANY) >= MM_PFN_4G);
	CHECK(mm_alloc_bulk(mm, 0, MM_ANY | MM_BELOW_4G, 16, pfns));
	for (size_t i = 0; i < 16; i++)
		CHECK(pfns[i] < MM_PFN_4G);
	CHECK_MM(mm);
}

TEST(mm_large, a_range_across_a_gib_that_is_not_ours_is_not_taken)
{
	static const struct mm_range ranges[] = {
		{2 * GIB_PFNS - 512, 2 * GIB_PFNS, MM_FRESH_REPORTED},
		{3 * GIB_PFNS, 4 * GIB_PFNS, MM_FRESH_REPORTED},
	};
	struct mm *mm = fixture_mm_at(ranges, ARRAY_LEN(ranges));

	CHECK_EQ(mm_take_range(mm, 2 * GIB_PFNS - 1, GIB_PFNS + 2), -1);
	CHECK_EQ(mm_take_range(mm, 2 * GIB_PFNS - 512, 512), 0);
	CHECK_EQ(mm_take_range(mm, 3 * GIB_PFNS, 1), 0);
	CHECK_MM(mm);
}

TEST(mm_large, a_hole_at_4_gib)
{
	/* as a PC has it: memory up to 2 GiB, then from 4 GiB on */
	static const struct mm_range ranges[] = {
		{4 * GIB_PFNS, 6 * GIB_PFNS, MM_FRESH_REPORTED},
		{1, 160, MM_FRESH_REPORTED},
		{256, 2 * GIB_PFNS, MM_FRESH_REPORTED},
	};
	struct mm *mm = fixture_mm_at(ranges, ARRAY_LEN(ranges));
	struct mm_totals totals;

	mm_totals(mm, &totals);
	CHECK_EQ(totals.managed, 4 * GIB_PFNS - 256 + 159);
	CHECK_EQ(totals.free, totals.managed);
	CHECK_EQ(mm_alloc(mm, 18, MM_ANY) & ~GIB_PFNS, 4 * GIB_PFNS);
	CHECK_EQ(mm_alloc(mm, 18, MM_ANY) & ~GIB_PFNS, 4 * GIB_PFNS);
	CHECK_EQ(mm_alloc(mm, 18, MM_ANY), GIB_PFNS);
	CHECK_EQ(mm_alloc(mm, 18, MM_ANY), MM_PFN_NONE);
	CHECK(mm_alloc(mm, 0, MM_ANY) < GIB_PFNS);
	CHECK_EQ(mm_frame_state(mm, 3 * GIB_PFNS), MM_STATE_UNMANAGED);
	CHECK_EQ(mm_frame_state(mm, 200), MM_STATE_UNMANAGED);
	CHECK(mm_check(mm));
}

TEST(mm_large, frame_0_and_the_end_of_memory_are_left_out)
{
	static const struct mm_range low = {0, 512, MM_FRESH_DIRTY};
	static const struct mm_range high = {MM_PFN_LIMIT - 512, MM_PFN_LIMIT + 512, MM_FRESH_REPORTED};
	struct mm *mm = fixture_mm_at(&low, 1);
	struct mm_totals totals;

	mm_totals(mm, &totals);
	CHECK_EQ(totals.managed, 511);
	CHECK_EQ(mm_frame_state(mm, 0), MM_STATE_UNMANAGED);
	for (size_t i = 0; i < 511; i++)
		CHECK(mm_alloc(mm, 0, MM_ANY) != 0);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);

	mm = fixture_mm_at(&high, 1);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.managed, 512);
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY), MM_PFN_LIMIT - 512);
	CHECK_EQ(mm_frame_state(mm, MM_PFN_LIMIT), MM_STATE_UNMANAGED);
	CHECK(mm_check(mm));
}

TEST(mm_large, allocation_and_freeing_touch_no_frame)
{
	static const struct mm_range range = {GIB_PFNS, GIB_PFNS + 4096, MM_FRESH_DIRTY};
	struct mm *mm;
	pfn_t pfns[64];

	if (DEBUG)
		return; /* there freed memory is filled and looked at */
	mm = fixture_mm_at(&range, 1);
	for (unsigned order = 0; order < 7; order++) {
		CHECK(mm_alloc_bulk(mm, order, MM_ANY, ARRAY_LEN(pfns) >> order, pfns));
		mm_free_bulk(mm, order, ARRAY_LEN(pfns) >> order, pfns);
		pfns[0] = mm_alloc(mm, order, MM_ANY);
		mm_split(mm, pfns[0], order, 0);
		for (size_t i = 0; i < (size_t)1 << order; i++)
			mm_free(mm, pfns[0] + i, 0);
		mm_drain(mm);
	}
	CHECK_EQ(host_resident(range.start, 4096), 0);
	CHECK_EQ(host_counts.zero_cold_calls + host_counts.zero_hot_calls, 0);
}

/* What order 0 was served from last comes second to memory above 4 GiB. */
TEST(mm_large, memory_above_4_gib_goes_first_when_it_comes_free)
{
	struct mm *mm = fixture_mm_at(around_4g, 1);

	mm_cache_enable(mm, MM_OFF);
	CHECK_EQ(mm_take_range(mm, MM_PFN_4G, 512), 0);
	for (unsigned i = 0; i < 8; i++)
		CHECK(mm_alloc(mm, 0, MM_ANY) < MM_PFN_4G);
	mm_free(mm, MM_PFN_4G + 77, 0);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_4G + 77);
	CHECK(mm_alloc(mm, 0, MM_ANY) < MM_PFN_4G);
	CHECK_MM(mm);
}
