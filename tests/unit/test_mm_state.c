/* What is known of a frame's contents: kept for each frame, through splits and merges, and used as the request
 * wants. */
#include "mm/buddy.h"
#include "mm/zero.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"
#include "tests/unit/naive.h"

/* One area in which every frame but the last is free: REPORTED [0, 128), ZERO [128, 384), DIRTY [384, 511). Nothing
 * else is in the allocator, so what comes first tells the order of preference. */
static struct mm *mixed_area(void)
{
	static const struct mm_range ranges[] = {{0, 128, MM_FRESH_REPORTED}, {128, 512, MM_FRESH_DIRTY}};
	struct mm *mm;
	pfn_t base;

	fixture_quiet();
	mm = fixture_mm_ranges(512, ranges, ARRAY_LEN(ranges));
	base = fixture_base();
	CHECK_EQ(mm_take_range(mm, base + 511, 1), 0);
	/* from stock empty up to everything, yet not reported memory: low mark 0, high mark 100 */
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.high_pct", 100);
	CHECK_EQ(fixture_idle(mm), 383);
	fixture_knob_word("zero.policy", "alloc");
	fixture_dirty(mm, base + 384, 127);
	CHECK_EQ(fixture_count(mm, base, 128, MM_STATE_REPORTED), 128);
	CHECK_EQ(fixture_count(mm, base + 128, 256, MM_STATE_ZERO), 256);
	CHECK_EQ(fixture_count(mm, base + 384, 127, MM_STATE_DIRTY), 127);
	/* frame by frame: nothing is taken ahead */
	mm_cache_enable(mm, MM_OFF);
	return mm;
}

/* Takes n frames one by one and checks from which state they came. */
static void take_from(struct mm *mm, unsigned want, size_t n, enum mm_state state)
{
	unsigned char *before = fixture_bytes(512);
	pfn_t base = fixture_base();

	for (size_t i = 0; i < n; i++) {
		pfn_t pfn;

		for (size_t f = 0; f < 512; f++)
			before[f] = (unsigned char)mm_frame_state(mm, base + f);
		pfn = mm_alloc(mm, 0, want);
		CHECK(pfn != MM_PFN_NONE);
		CHECK_EQ(before[pfn - base], state);
		CHECK_EQ(mm_frame_state(mm, pfn), MM_STATE_ALLOCATED);
		if (want != MM_ANY)
			CHECK(fixture_is(pfn, 1, 0));
	}
	CHECK_MM(mm);
}

TEST(mm_state, any_takes_dirty_then_zero_then_reported)
{
	struct mm *mm = mixed_area();

	take_from(mm, MM_ANY, 127, MM_STATE_DIRTY);
	take_from(mm, MM_ANY, 256, MM_STATE_ZERO);
	take_from(mm, MM_ANY, 128, MM_STATE_REPORTED);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
}

TEST(mm_state, cold_takes_zero_then_dirty_then_reported)
{
	struct mm *mm = mixed_area();

	take_from(mm, MM_ZERO_COLD, 256, MM_STATE_ZERO);
	take_from(mm, MM_ZERO_COLD, 127, MM_STATE_DIRTY);
	take_from(mm, MM_ZERO_COLD, 128, MM_STATE_REPORTED);
	CHECK_EQ(mm_alloc(mm, 0, MM_ZERO_COLD), MM_PFN_NONE);
}

TEST(mm_state, hot_without_hot_frames_takes_zero_then_dirty_then_reported)
{
	struct mm *mm = mixed_area();

	take_from(mm, MM_ZERO_HOT, 256, MM_STATE_ZERO);
	take_from(mm, MM_ZERO_HOT, 127, MM_STATE_DIRTY);
	take_from(mm, MM_ZERO_HOT, 128, MM_STATE_REPORTED);
	CHECK_EQ(mm_alloc(mm, 0, MM_ZERO_HOT), MM_PFN_NONE);
}

/* The mixed area, with the first 64 of its reported frames known to be zero as well: as after a report to a host that
 * promised to keep what it drops zero (report.poison). The state is set by hand, which needs no reporter here. */
static struct mm *mixed_area_with_reported_zero(void)
{
	struct mm *mm = mixed_area();
	pfn_t base = fixture_base();
	struct mm_totals totals;

	CHECK_EQ(mm_take_range(mm, base, 64), 0);
	fixture_fill(base, 64, 0);
	mm_port_lock(&mm->lock);
	for (pfn_t pfn = base; pfn < base + 64; pfn++)
		buddy_give(mm, pfn, 0, CLASS_REPORTED_ZERO);
	mm_port_unlock(&mm->lock);
	CHECK_EQ(fixture_count(mm, base, 64, MM_STATE_REPORTED_ZERO), 64);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.reported, 128);
	CHECK_EQ(totals.zero, 256);
	CHECK_MM(mm);
	return mm;
}

TEST(mm_state, any_takes_reported_zero_last)
{
	struct mm *mm = mixed_area_with_reported_zero();

	take_from(mm, MM_ANY, 127, MM_STATE_DIRTY);
	take_from(mm, MM_ANY, 256, MM_STATE_ZERO);
	take_from(mm, MM_ANY, 64, MM_STATE_REPORTED);
	take_from(mm, MM_ANY, 64, MM_STATE_REPORTED_ZERO);
}

TEST(mm_state, cold_takes_reported_zero_before_reported_and_without_stores)
{
	struct mm *mm = mixed_area_with_reported_zero();
	struct zero_ledger before, after;

	take_from(mm, MM_ZERO_COLD, 256, MM_STATE_ZERO);
	take_from(mm, MM_ZERO_COLD, 127, MM_STATE_DIRTY);
	zero_ledger(mm, &before);
	take_from(mm, MM_ZERO_COLD, 64, MM_STATE_REPORTED_ZERO);
	zero_ledger(mm, &after);
	CHECK_EQ(after.alloc_frames, before.alloc_frames);
	CHECK_EQ(after.hit_frames, before.hit_frames + 64);
	take_from(mm, MM_ZERO_COLD, 64, MM_STATE_REPORTED);
}

TEST(mm_state, reported_zero_survives_its_neighbours)
{
	struct mm *mm = mixed_area_with_reported_zero();
	pfn_t base = fixture_base(), pfn;
	struct zero_ledger before, after;

	/* all else in use, one of the reported zero frames too, and back */
	take_from(mm, MM_ANY, 127, MM_STATE_DIRTY);
	take_from(mm, MM_ANY, 256, MM_STATE_ZERO);
	take_from(mm, MM_ANY, 64, MM_STATE_REPORTED);
	pfn = mm_alloc(mm, 2, MM_ANY);
	CHECK_EQ(fixture_count(mm, base, 64, MM_STATE_REPORTED_ZERO), 60);
	mm_free(mm, pfn, 2);
	mm_drain(mm);
	CHECK_EQ(fixture_count(mm, base, 64, MM_STATE_REPORTED_ZERO), 60);
	CHECK_EQ(fixture_count(mm, pfn, 4, MM_STATE_DIRTY), 4);
	naive_check_buddy(mm, base, 512);
	CHECK_MM(mm);
	/* the whole run as zero: only the four are stored to */
	zero_ledger(mm, &before);
	CHECK_EQ(mm_alloc(mm, 6, MM_ZERO_COLD), base);
	zero_ledger(mm, &after);
	CHECK(fixture_is(base, 64, 0));
	CHECK_EQ(after.alloc_frames - before.alloc_frames, 4);
}

/* The same for whole areas: 0 REPORTED, 1 ZERO, 2 DIRTY. */
static struct mm *three_areas(void)
{
	static const struct mm_range ranges[] = {{0, 512, MM_FRESH_REPORTED}, {512, 1536, MM_FRESH_DIRTY}};
	struct mm *mm;

	fixture_quiet();
	mm = fixture_mm_ranges(2048, ranges, ARRAY_LEN(ranges));
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.high_pct", 100);
	CHECK_EQ(fixture_idle(mm), 1024);
	fixture_knob_word("zero.policy", "alloc");
	CHECK_EQ(mm_take_range(mm, fixture_base() + 1024, 512), 0);
	for (size_t i = 1024; i < 1536; i++)
		mm_free(mm, fixture_base() + i, 0);
	mm_drain(mm);
	return mm;
}

static void three_areas_come(unsigned want, unsigned first, unsigned second, unsigned third)
{
	struct mm *mm = three_areas();
	pfn_t base = fixture_base();

	CHECK_EQ(mm_alloc(mm, 9, want), base + 512 * first);
	CHECK_EQ(mm_alloc(mm, 9, want), base + 512 * second);
	CHECK_EQ(mm_alloc(mm, 9, want), base + 512 * third);
	CHECK_EQ(mm_alloc(mm, 9, want), MM_PFN_NONE);
	CHECK_MM(mm);
}

TEST(mm_state, whole_areas_for_any)
{
	three_areas_come(MM_ANY, 2, 1, 0);
}

TEST(mm_state, whole_areas_for_cold)
{
	three_areas_come(MM_ZERO_COLD, 1, 2, 0);
}

TEST(mm_state, whole_areas_for_hot)
{
	three_areas_come(MM_ZERO_HOT, 1, 2, 0);
}

/* Every pattern of a few dirty frames in a 2 MiB block of zero ones survives being taken apart and put together. */
TEST(mm_state, split_and_merge_are_exact)
{
	uint64_t seed = 11;

	for (int round = 0; round < 12; round++) {
		unsigned char *dirty;
		size_t dirty_count = 0;
		struct mm *mm;
		struct zero_ledger before, after;
		pfn_t base, pfn;

		fixture_end();
		fixture_quiet();
		mm = fixture_mm(512, MM_FRESH_DIRTY);
		base = fixture_base();
		dirty = fixture_bytes(512);
		fixture_zero_all(mm);
		for (int i = 0; i < round; i++) {
			size_t at = fixture_random(&seed, 512), n = 1 + fixture_random(&seed, 9);

			for (size_t f = at; f < at + n && f < 512; f++) {
				if (!dirty[f]) {
					dirty[f] = 1;
					dirty_count++;
					fixture_dirty(mm, base + f, 1);
				}
			}
		}
		for (size_t f = 0; f < 512; f++)
			CHECK_EQ(mm_frame_state(mm, base + f), dirty[f] ? MM_STATE_DIRTY : MM_STATE_ZERO);
		naive_check_buddy(mm, base, 512);
		/* a 2 MiB block costs the stores for its dirty frames only */
		zero_ledger(mm, &before);
		pfn = mm_alloc(mm, 9, MM_ZERO_COLD);
		CHECK_EQ(pfn, base);
		zero_ledger(mm, &after);
		CHECK(fixture_is(base, 512, 0));
		CHECK_EQ(after.alloc_frames - before.alloc_frames, dirty_count);
		CHECK_EQ(after.miss_frames - before.miss_frames, dirty_count);
		CHECK_EQ(after.hit_frames - before.hit_frames, 512 - dirty_count);
		CHECK_MM(mm);
	}
}

TEST(mm_state, taking_a_part_leaves_the_rest_as_it_was)
{
	struct mm *mm;
	pfn_t base, pfn;

	fixture_quiet();
	mm = fixture_mm(512, MM_FRESH_DIRTY);
	base = fixture_base();
	fixture_zero_all(mm);
	pfn = mm_alloc(mm, 3, MM_ANY);
	for (pfn_t i = base; i < base + 512; i++)
		CHECK_EQ(mm_frame_state(mm, i), i >= pfn && i < pfn + 8 ? MM_STATE_ALLOCATED : MM_STATE_ZERO);
	mm_free(mm, pfn, 3);
	mm_drain(mm);
	for (pfn_t i = base; i < base + 512; i++)
		CHECK_EQ(mm_frame_state(mm, i), i >= pfn && i < pfn + 8 ? MM_STATE_DIRTY : MM_STATE_ZERO);
	naive_check_buddy(mm, base, 512);
}

TEST(mm_state, reported_survives_split_and_merge)
{
	struct mm *mm;
	pfn_t base, pfn;

	fixture_quiet();
	mm = fixture_mm(1024, MM_FRESH_REPORTED);
	base = fixture_base();
	pfn = mm_alloc(mm, 0, MM_ANY);
	CHECK_EQ(fixture_count(mm, base, 1024, MM_STATE_REPORTED), 1023);
	mm_free(mm, pfn, 0);
	mm_drain(mm);
	CHECK_EQ(fixture_count(mm, base, 1024, MM_STATE_REPORTED), 1023);
	CHECK_EQ(mm_frame_state(mm, pfn), MM_STATE_DIRTY);
	naive_check_buddy(mm, base, 1024);
	/* wholly, with the one dirty frame in it */
	CHECK_EQ(mm_alloc(mm, 10, MM_ANY), base);
	mm_free(mm, base, 10);
	mm_drain(mm);
	CHECK_EQ(fixture_count(mm, base, 1024, MM_STATE_DIRTY), 1024);
	CHECK_MM(mm);
}

TEST(mm_state, reported_contents_are_never_trusted_to_be_zero)
{
	struct mm *mm;
	pfn_t pfn;

	fixture_quiet();
	mm = fixture_mm(512, MM_FRESH_REPORTED);
	pfn = mm_alloc(mm, 4, MM_ZERO_COLD);
	CHECK(fixture_is(pfn, 16, 0));
	pfn = mm_alloc(mm, 0, MM_ZERO_HOT);
	CHECK(fixture_is(pfn, 1, 0));
	pfn = mm_alloc(mm, 8, MM_ZERO_COLD);
	CHECK(fixture_is(pfn, 256, 0));
	CHECK_MM(mm);
}

TEST(mm_state, totals_leave_reported_zero_out_of_zero)
{
	struct mm *mm = mixed_area();
	struct mm_totals totals;

	mm_totals(mm, &totals);
	CHECK_EQ(totals.free, 511);
	CHECK_EQ(totals.zero, 256);
	CHECK_EQ(totals.reported, 128);
	CHECK_EQ(totals.allocated, 1);
	naive_check_buddy(mm, fixture_base(), 512);
}

TEST(mm_state, every_state_has_a_name_of_its_own)
{
	for (int a = MM_STATE_UNMANAGED; a <= MM_STATE_ISOLATED; a++) {
		CHECK(mm_state_name((enum mm_state)a)[0] != 0);
		for (int b = MM_STATE_UNMANAGED; b < a; b++)
			CHECK(__builtin_strcmp(mm_state_name((enum mm_state)a), mm_state_name((enum mm_state)b)) != 0);
	}
}

TEST(mm_state, frames_beyond_the_ranges_are_unmanaged)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);

	CHECK_EQ(mm_frame_state(mm, 0), MM_STATE_UNMANAGED);
	CHECK_EQ(mm_frame_state(mm, fixture_base() - 1), MM_STATE_UNMANAGED);
	CHECK_EQ(mm_frame_state(mm, fixture_base() + 512), MM_STATE_UNMANAGED);
	CHECK_EQ(mm_frame_state(mm, MM_PFN_LIMIT), MM_STATE_UNMANAGED);
	CHECK_EQ(mm_frame_state(mm, MM_PFN_NONE), MM_STATE_UNMANAGED);
}

/* One is zero and one dirty, and what was freed last isn't known to the indexes yet. */
TEST(mm_state, a_hole_of_the_wanted_state_is_filled)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
	const pfn_t zero = fixture_base() + 9, dirty = fixture_base() + 512 + 7;

	mm_cache_enable(mm, MM_OFF);
	CHECK_EQ(mm_take_range(mm, fixture_base(), 1024), 0);
	fixture_knob_word("zero.policy", "free");
	mm_free(mm, zero, 0);
	fixture_knob_word("zero.policy", "idle");
	mm_free(mm, dirty, 0);
	CHECK_EQ(mm_alloc(mm, 0, MM_ZERO_COLD), zero);
	CHECK_EQ(mm_alloc(mm, 0, MM_ZERO_COLD), dirty);
	mm_free(mm, dirty, 0);
	fixture_knob_word("zero.policy", "free");
	mm_free(mm, zero, 0);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), dirty);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), zero);
	CHECK_MM(mm);
}
