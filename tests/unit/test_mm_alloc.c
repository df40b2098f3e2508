/* Allocation and freeing: alignment, exhaustion, merging, packing. */
#include "tests/unit/fixture.h"
#include "tests/unit/naive.h"

#define FRAMES 4096u

/* Takes all memory in blocks of one order; returns their number. */
static size_t take_all(struct mm *mm, unsigned order, unsigned want, pfn_t *pfns)
{
	size_t n = 0;

	for (;;) {
		pfn_t pfn = mm_alloc(mm, order, want);

		if (pfn == MM_PFN_NONE)
			return n;
		CHECK_EQ(pfn & (((pfn_t)1 << order) - 1), 0);
		CHECK_EQ(fixture_count(mm, pfn, (size_t)1 << order, MM_STATE_ALLOCATED), (size_t)1 << order);
		pfns[n++] = pfn;
	}
}

TEST(mm_alloc, every_order_up_to_16_mib_exhausts_exactly)
{
	struct mm *mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	pfn_t *pfns = fixture_bytes(FRAMES * sizeof(*pfns));

	for (unsigned order = 0; order <= 12; order++) {
		struct mm_totals totals;
		size_t n = take_all(mm, order, MM_ANY, pfns);

		CHECK_EQ(n, FRAMES >> order);
		mm_totals(mm, &totals);
		CHECK_EQ(totals.free, 0);
		CHECK_EQ(totals.allocated, FRAMES);
		CHECK_MM(mm);
		for (size_t i = 0; i < n; i++)
			mm_free(mm, pfns[i], order);
		naive_check_buddy(mm, fixture_base(), FRAMES);
		CHECK_MM(mm);
	}
	CHECK_EQ(mm_alloc(mm, 12, MM_ANY), fixture_base());
}

TEST(mm_alloc, orders_beyond_the_memory_fail)
{
	struct mm *mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	struct mm_totals totals;

	for (unsigned order = 13; order <= MM_ORDER_MAX; order++)
		CHECK_EQ(mm_alloc(mm, order, MM_ANY), MM_PFN_NONE);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.free, FRAMES);
	CHECK_MM(mm);
}

TEST(mm_alloc, blocks_never_overlap)
{
	struct mm *mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	unsigned char *owner = fixture_bytes(FRAMES);
	uint64_t seed = 7;

	for (;;) {
		unsigned order = (unsigned)fixture_random(&seed, 7);
		pfn_t pfn = mm_alloc(mm, order, MM_ANY);

		if (pfn == MM_PFN_NONE) {
			pfn = mm_alloc(mm, order = 0, MM_ANY);
			if (pfn == MM_PFN_NONE)
				break;
		}
		for (pfn_t i = pfn; i < pfn + ((pfn_t)1 << order); i++) {
			CHECK(i >= fixture_base());
			CHECK(i < fixture_base() + FRAMES);
			CHECK_EQ(owner[i - fixture_base()], 0);
			owner[i - fixture_base()] = 1;
		}
	}
	CHECK_EQ(fixture_count(mm, fixture_base(), FRAMES, MM_STATE_ALLOCATED), FRAMES);
	CHECK_MM(mm);
}

TEST(mm_alloc, frees_in_any_order_merge_to_one_block)
{
	static const unsigned steps[] = {1, 3, 4095, 1025, 511};
	struct mm *mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	pfn_t *pfns = fixture_bytes(FRAMES * sizeof(*pfns));

	for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
		struct mm_buddy_row rows[MM_ORDER_MAX + 1];

		CHECK_EQ(take_all(mm, 0, MM_ANY, pfns), FRAMES);
		for (size_t i = 0, at = 0; i < FRAMES; i++, at = (at + steps[s]) % FRAMES)
			mm_free(mm, pfns[at], 0);
		mm_drain(mm);
		mm_buddy(mm, rows);
		CHECK_EQ(rows[12].free_blocks, 1);
		CHECK_MM(mm);
	}
}

TEST(mm_alloc, every_other_frame_free_holds_no_pair)
{
	struct mm *mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	pfn_t *pfns = fixture_bytes(FRAMES * sizeof(*pfns));
	pfn_t base = fixture_base();

	CHECK_EQ(take_all(mm, 0, MM_ANY, pfns), FRAMES);
	for (size_t i = 0; i < FRAMES; i++) {
		if ((pfns[i] & 1) == 0)
			mm_free(mm, pfns[i], 0);
	}
	naive_check_buddy(mm, base, FRAMES);
	CHECK_EQ(mm_alloc(mm, 1, MM_ANY), MM_PFN_NONE);
	mm_free(mm, base + 9, 0);
	mm_drain(mm);
	CHECK_EQ(mm_alloc(mm, 1, MM_ANY), base + 8);
	CHECK_EQ(mm_alloc(mm, 1, MM_ANY), MM_PFN_NONE);
	CHECK_MM(mm);
}

TEST(mm_alloc, no_whole_area_is_broken_while_a_partial_one_fits)
{
	struct mm *mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	struct mm_buddy_row rows[MM_ORDER_MAX + 1];
	pfn_t first = mm_alloc(mm, 0, MM_ANY);
	pfn_t area = first & ~(pfn_t)511;
	uint64_t seed = 3;
	size_t left = 511;

	while (left) {
		unsigned order = (unsigned)fixture_random(&seed, 4);
		pfn_t pfn;

		/* only requests that the partial area can serve */
		while (!naive_has_block(mm, area, 512, order))
			order--;
		pfn = mm_alloc(mm, order, seed & 8 ? MM_ANY : MM_ZERO_COLD);
		CHECK_EQ(pfn & ~(pfn_t)511, area);
		left -= (size_t)1 << order;
	}
	mm_buddy(mm, rows);
	CHECK_EQ((rows[9].free_blocks << 0) + (rows[10].free_blocks << 1) + (rows[11].free_blocks << 2), 7);
	CHECK(((mm_alloc(mm, 0, MM_ANY)) & ~(pfn_t)511) != area);
	CHECK_MM(mm);
}

/* Two areas have holes that fit, one of them zero: neither kind of request touches a whole area. */
TEST(mm_alloc, a_partial_fit_of_the_wrong_contents_spares_a_whole_area)
{
	struct mm *mm;
	pfn_t base;
	pfn_t pfn;

	fixture_quiet();
	mm = fixture_mm(2048, MM_FRESH_DIRTY);
	base = fixture_base();
	fixture_zero_all(mm);
	/* area 0: one frame in use, one dirty, the others in use; areas 1 to 3 whole and zero */
	CHECK_EQ(mm_take_range(mm, base, 512), 0);
	mm_free(mm, base + 77, 0);
	mm_drain(mm);
	CHECK_EQ(mm_frame_state(mm, base + 77), MM_STATE_DIRTY);
	pfn = mm_alloc(mm, 0, MM_ZERO_COLD);
	CHECK_EQ(pfn, base + 77);
	CHECK(fixture_is(pfn, 1, 0));
	CHECK_MM(mm);
}

TEST(mm_alloc, reported_partial_area_is_no_reason_to_fault_memory_in)
{
	static const struct mm_range ranges[] = {{0, 512, MM_FRESH_REPORTED}, {512, 1024, MM_FRESH_DIRTY}};
	struct mm *mm;
	pfn_t base, pfn;

	fixture_quiet();
	mm = fixture_mm_ranges(1024, ranges, ARRAY_LEN(ranges));
	base = fixture_base();
	/* area 0 is partial, its free frames are all reported; area 1 is whole and dirty */
	CHECK_EQ(mm_take_range(mm, base, 10), 0);
	pfn = mm_alloc(mm, 0, MM_ANY);
	CHECK(pfn >= base + 512);
	CHECK_MM(mm);
}

TEST(mm_alloc, failures_are_counted_and_harmless)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);
	uint64_t before = fixture_alloc_failed(mm);
	pfn_t pfn = mm_alloc(mm, 9, MM_ANY);

	CHECK(pfn != MM_PFN_NONE);
	CHECK_EQ(fixture_alloc_failed(mm), before);
	for (unsigned order = 0; order <= MM_ORDER_MAX; order++) {
		CHECK_EQ(mm_alloc(mm, order, MM_ANY), MM_PFN_NONE);
		CHECK_EQ(mm_alloc(mm, order, MM_ZERO_COLD), MM_PFN_NONE);
		CHECK_EQ(mm_alloc(mm, order, MM_ZERO_HOT), MM_PFN_NONE);
	}
	CHECK_EQ(fixture_alloc_failed(mm), before + 3 * (MM_ORDER_MAX + 1));
	mm_free(mm, pfn, 9);
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY), pfn);
	CHECK_MM(mm);
}

TEST(mm_alloc, a_hot_frame_comes_back_first)
{
	struct mm *mm;
	pfn_t pfns[3];

	fixture_quiet();
	mm = fixture_mm(512, MM_FRESH_DIRTY);
	CHECK_EQ(mm_take_range(mm, fixture_base(), 505), 0);
	for (size_t i = 0; i < ARRAY_LEN(pfns); i++)
		pfns[i] = fixture_base() + 100 + 50 * i;
	for (size_t i = 0; i < ARRAY_LEN(pfns); i++) {
		fixture_fill(pfns[i], 1, 0x77);
		mm_free(mm, pfns[i], 0);
	}
	if (mm_frame_state(mm, pfns[2]) != MM_STATE_CACHED)
		return; /* the hot cache is switched off */
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), pfns[2]);
	CHECK_EQ(mm_alloc(mm, 0, MM_ZERO_HOT), pfns[1]);
	CHECK(fixture_is(pfns[1], 1, 0));
	CHECK_MM(mm);
}

TEST(mm_alloc, the_first_of_several_holes_is_filled_first)
{
	for (unsigned i = 0; i < 2; i++) {
		struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
		const pfn_t first = fixture_base() + 9, second = fixture_base() + 512 + 7;

		mm_cache_enable(mm, MM_OFF);
		CHECK_EQ(mm_take_range(mm, fixture_base(), 1024), 0);
		mm_free(mm, i == 0 ? first : second, 0);
		mm_free(mm, i == 0 ? second : first, 0);
		CHECK_MM(mm);
		CHECK_EQ(mm_alloc(mm, 0, MM_ANY), first);
		CHECK_EQ(mm_alloc(mm, 0, MM_ANY), second);
		CHECK(mm_alloc(mm, 0, MM_ANY) >= fixture_base() + 1024);
	}
}

TEST(mm_alloc, the_last_pair_of_an_area_is_broken)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
	const pfn_t pair = fixture_base() + 512 + 30;

	mm_cache_enable(mm, MM_OFF);
	CHECK_EQ(mm_take_range(mm, fixture_base(), 1024), 0);
	mm_free(mm, pair + 1, 0);
	mm_free(mm, pair, 0);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), pair);
	CHECK_MM(mm);
	CHECK(mm_alloc(mm, 1, MM_ANY) >= fixture_base() + 1024);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), pair + 1);
	CHECK_MM(mm);
}

TEST(mm_alloc, cached_frames_count_as_free_and_serve_any_request)
{
	struct mm *mm;
	struct mm_totals totals;
	pfn_t *pfns;

	fixture_quiet();
	mm = fixture_mm(512, MM_FRESH_DIRTY);
	pfns = fixture_bytes(512 * sizeof(*pfns));
	CHECK_EQ(take_all(mm, 0, MM_ANY, pfns), 512);
	for (size_t i = 0; i < 4; i++)
		mm_free(mm, fixture_base() + 64 + i, 0);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.free, 4);
	/* only together they make a block: an allocation that would fail drains the caches */
	CHECK_EQ(mm_alloc(mm, 2, MM_ANY), fixture_base() + 64);
	CHECK_MM(mm);
}

TEST(mm_alloc, an_area_with_a_hole_is_served_by_the_cache)
{
	static const struct mm_range ranges[] = {{0, 100, MM_FRESH_DIRTY}, {101, 512, MM_FRESH_DIRTY}};
	struct mm *mm;
	pfn_t pfn;

	fixture_quiet();
	mm = fixture_mm_ranges(512, ranges, ARRAY_LEN(ranges));
	pfn = mm_alloc(mm, 0, MM_ANY);
	mm_free(mm, pfn, 0);
	CHECK_EQ(mm_frame_state(mm, pfn), MM_STATE_CACHED);
	CHECK_PANIC(mm_free(mm, pfn, 0), "double free");
	mm = fixture_mm_ranges(512, ranges, ARRAY_LEN(ranges));
	CHECK_PANIC(mm_free(mm, fixture_base() + 100, 0), mm_state_name(MM_STATE_UNMANAGED));
	CHECK_MM(mm);
}
