/* Bulk calls: all of it or nothing, and nothing means that nobody can tell. */
#include <string.h>

#include "mm/zero.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"
#include "tests/unit/naive.h"

#define FRAMES 2048u

static void check_blocks(struct mm *mm, unsigned order, size_t count, const pfn_t *pfns, unsigned want)
{
	for (size_t i = 0; i < count; i++) {
		CHECK_EQ(pfns[i] & (((pfn_t)1 << order) - 1), 0);
		CHECK_EQ(fixture_count(mm, pfns[i], (size_t)1 << order, MM_STATE_ALLOCATED), (size_t)1 << order);
		if (want != MM_ANY)
			CHECK(fixture_is(pfns[i], (size_t)1 << order, 0));
		/* each is a block of its own */
		fixture_fill(pfns[i], 1, 0x11);
		for (size_t k = 0; k < i; k++)
			CHECK(pfns[k] != pfns[i]);
	}
}

TEST(mm_bulk, gives_what_single_calls_would)
{
	static const unsigned wants[] = {MM_ANY, MM_ZERO_COLD, MM_ZERO_HOT};
	struct mm *mm;
	pfn_t *pfns;

	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	pfns = fixture_bytes(FRAMES * sizeof(*pfns));
	for (size_t w = 0; w < ARRAY_LEN(wants); w++) {
		for (unsigned order = 0; order <= 11; order++) {
			size_t count = order < 3 ? 200 : (FRAMES >> order) / 2 + 1;

			if (count > FRAMES >> order)
				count = FRAMES >> order;
			CHECK(mm_alloc_bulk(mm, order, wants[w], count, pfns));
			check_blocks(mm, order, count, pfns, wants[w]);
			CHECK_MM(mm);
			mm_free_bulk(mm, order, count, pfns);
			CHECK_MM(mm);
		}
	}
	naive_check_buddy(mm, fixture_base(), FRAMES);
}

TEST(mm_bulk, all_memory_in_one_call)
{
	struct mm *mm;
	pfn_t *pfns;

	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_REPORTED);
	pfns = fixture_bytes(FRAMES * sizeof(*pfns));
	for (unsigned order = 0; order <= 11; order++) {
		struct mm_totals totals;

		CHECK(mm_alloc_bulk(mm, order, MM_ANY, FRAMES >> order, pfns));
		mm_totals(mm, &totals);
		CHECK_EQ(totals.free, 0);
		CHECK(!mm_alloc_bulk(mm, 0, MM_ANY, 1, pfns));
		for (size_t i = 0; i < FRAMES >> order; i++)
			mm_free(mm, fixture_base() + (i << order), order);
		mm_drain(mm);
	}
	CHECK_MM(mm);
}

TEST(mm_bulk, none_of_nothing_is_a_success)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);
	pfn_t pfn = 1234;

	CHECK(mm_alloc_bulk(mm, 0, MM_ANY, 0, &pfn));
	mm_free_bulk(mm, 0, 0, &pfn);
	CHECK_EQ(pfn, 1234);
	CHECK_MM(mm);
}

/* Free memory of all kinds in an irregular pattern, remembered frame by frame. */
static struct mm *patchwork(unsigned char *states, uint64_t *seed)
{
	static const struct mm_range ranges[] = {
		{0, 700, MM_FRESH_DIRTY}, {700, 1300, MM_FRESH_REPORTED}, {1301, FRAMES, MM_FRESH_DIRTY}};
	struct mm *mm = fixture_mm_ranges(FRAMES, ranges, ARRAY_LEN(ranges));
	pfn_t base = fixture_base();

	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.high_pct", 100);
	fixture_idle(mm);
	fixture_knob_word("zero.policy", "alloc");
	for (int i = 0; i < 60; i++) {
		pfn_t pfn = base + fixture_random(seed, FRAMES);

		if (mm_frame_state(mm, pfn) == MM_STATE_ZERO)
			fixture_dirty(mm, pfn, 1);
	}
	for (int i = 0; i < 20; i++)
		(void)mm_take_range(mm, base + fixture_random(seed, FRAMES), 1);
	mm_drain(mm);
	for (size_t i = 0; i < FRAMES; i++)
		states[i] = (unsigned char)mm_frame_state(mm, base + i);
	return mm;
}

TEST(mm_bulk, failure_leaves_everything_as_it_was)
{
	static const unsigned wants[] = {MM_ANY, MM_ZERO_COLD, MM_ZERO_HOT};
	uint64_t seed = 5;

	for (unsigned order = 0; order <= 10; order++) {
		for (size_t w = 0; w < ARRAY_LEN(wants); w++) {
			static unsigned char remembered[FRAMES];
			struct mm_totals before, after;
			struct zero_ledger ledger_before, ledger_after;
			pfn_t *pfns;
			struct mm *mm;

			fixture_end();
			fixture_quiet();
			mm = patchwork(remembered, &seed);
			pfns = fixture_bytes((FRAMES + 1) * sizeof(*pfns));
			mm_totals(mm, &before);
			zero_ledger(mm, &ledger_before);
			CHECK(!mm_alloc_bulk(mm, order, wants[w], (before.free >> order) + 1, pfns));
			mm_drain(mm);
			mm_totals(mm, &after);
			zero_ledger(mm, &ledger_after);
			CHECK_EQ(after.free, before.free);
			CHECK_EQ(after.zero, before.zero);
			CHECK_EQ(after.reported, before.reported);
			CHECK_EQ(after.allocated, before.allocated);
			CHECK_EQ(ledger_after.hit_frames, ledger_before.hit_frames);
			CHECK_EQ(ledger_after.miss_frames, ledger_before.miss_frames);
			CHECK_EQ(ledger_after.alloc_frames, ledger_before.alloc_frames);
			CHECK_EQ(ledger_after.wasted_frames, ledger_before.wasted_frames);
			for (size_t i = 0; i < FRAMES; i++) {
				CHECK_EQ(mm_frame_state(mm, fixture_base() + i), remembered[i]);
				if (remembered[i] == MM_STATE_DIRTY)
					CHECK(!fixture_is(fixture_base() + i, 1, 0));
			}
			naive_check_buddy(mm, fixture_base(), FRAMES);
			CHECK_MM(mm);
		}
	}
}

static bool stop_after(void *asks)
{
	unsigned *left = asks;

	if (*left == 0)
		return true;
	(*left)--;
	return false;
}

static struct mm *all_dirty(unsigned char *states)
{
	struct mm *mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);

	memset(states, MM_STATE_DIRTY, FRAMES);
	return mm;
}

/* Stopped at each time that it asks: what was zeroed stays zero, all else is as it was. */
TEST(mm_bulk, stopping_loses_nothing_and_forgets_no_zeroing)
{
	static const unsigned wants[] = {MM_ANY, MM_ZERO_COLD, MM_ZERO_HOT};
	static const unsigned orders[] = {0, 3, 8, 9, 10};
	static unsigned char remembered[FRAMES];
	uint64_t seed = 6;

	for (unsigned turn = 0; turn < ARRAY_LEN(orders) * ARRAY_LEN(wants); turn++) {
		unsigned order = orders[turn / ARRAY_LEN(wants)], want = wants[turn % ARRAY_LEN(wants)];
		bool stopped_while_zeroing = false;

		for (unsigned asks = 0;; asks++) {
			struct mm_totals before, after;
			struct zero_ledger ledger_before, ledger_after;
			unsigned left = asks;
			uint64_t failed;
			pfn_t *pfns;
			struct mm *mm;

			fixture_end();
			fixture_quiet();
			mm = order == 0 ? patchwork(remembered, &seed) : all_dirty(remembered);
			pfns = fixture_bytes(FRAMES * sizeof(*pfns));
			mm_totals(mm, &before);
			zero_ledger(mm, &ledger_before);
			failed = fixture_alloc_failed(mm);
			size_t count = order == 0 ? before.free * 9 / 10 : (FRAMES >> order) - 1;
			const struct mm_stop stop = {.asked = stop_after, .arg = &left};
			bool got = mm_alloc_bulk_until(mm, order, want, count, pfns, &stop);
			CHECK_EQ(fixture_alloc_failed(mm), failed);
			if (got) {
				check_blocks(mm, order, count < 64 ? count : 64, pfns, want);
				break;
			}
			CHECK_EQ(left, 0);
			mm_drain(mm);
			mm_totals(mm, &after);
			zero_ledger(mm, &ledger_after);
			uint64_t zeroed = ledger_after.alloc_frames - ledger_before.alloc_frames;
			stopped_while_zeroing |= zeroed != 0;
			CHECK_EQ(after.free, before.free);
			CHECK_EQ(after.allocated, before.allocated);
			CHECK_EQ(after.zero, before.zero + zeroed);
			CHECK_EQ(ledger_after.wasted_frames, ledger_before.wasted_frames);
			for (size_t i = 0; i < FRAMES; i++) {
				enum mm_state state = mm_frame_state(mm, fixture_base() + i);

				CHECK(state == remembered[i] || state == MM_STATE_ZERO);
				CHECK(state != MM_STATE_ZERO || fixture_is(fixture_base() + i, 1, 0));
			}
			naive_check_buddy(mm, fixture_base(), FRAMES);
			CHECK_MM(mm);
		}
		CHECK_EQ(stopped_while_zeroing, want != MM_ANY);
	}
}

TEST(mm_bulk, failure_is_counted_once)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);
	pfn_t *pfns = fixture_bytes(513 * sizeof(*pfns));
	uint64_t before = fixture_alloc_failed(mm);

	CHECK(!mm_alloc_bulk(mm, 0, MM_ANY, 513, pfns));
	CHECK_EQ(fixture_alloc_failed(mm), before + 1);
	CHECK(mm_alloc_bulk(mm, 0, MM_ANY, 512, pfns));
	CHECK_EQ(fixture_alloc_failed(mm), before + 1);
}

TEST(mm_bulk, zero_requests_use_the_stock_first)
{
	struct mm *mm;
	struct zero_ledger before, after;
	pfn_t *pfns;

	fixture_quiet();
	mm = fixture_mm(1024, MM_FRESH_DIRTY);
	fixture_zero_all(mm);
	fixture_dirty(mm, fixture_base() + 300, 100);
	pfns = fixture_bytes(1024 * sizeof(*pfns));
	zero_ledger(mm, &before);
	CHECK(mm_alloc_bulk(mm, 0, MM_ZERO_COLD, 924, pfns));
	zero_ledger(mm, &after);
	/* a whole area isn't broken while the partial one, which holds the dirty frames, fits: they may come early */
	CHECK_EQ(after.hit_frames - before.hit_frames + after.miss_frames - before.miss_frames, 924);
	CHECK(after.miss_frames - before.miss_frames <= 100);
	check_blocks(mm, 0, 924, pfns, MM_ZERO_COLD);
	CHECK_MM(mm);
}
