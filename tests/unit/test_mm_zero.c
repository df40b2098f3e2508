/* Zeroing ahead of the request: who pays under which policy, between which marks, and what the ledger says. */
#include "mm/marks.h"
#include "mm/zero.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"
#include "tests/unit/naive.h"

#define FRAMES 2000u /* 1% is 20 frames */

static struct mm *with_marks(const char *policy, uint64_t low, uint64_t high, enum mm_fresh fresh)
{
	fixture_quiet();
	fixture_knob_word("zero.policy", policy);
	fixture_knob("zero.low_pct", low);
	fixture_knob("zero.high_pct", high);
	return fixture_mm(FRAMES, fresh);
}

static uint64_t stock(struct mm *mm)
{
	struct mm_totals totals;

	mm_totals(mm, &totals);
	return totals.zero;
}

TEST(mm_zero, idle_fills_up_to_the_high_mark)
{
	struct mm *mm = with_marks("idle", 10, 40, MM_FRESH_DIRTY);

	CHECK(!zero_is_done(mm));
	CHECK_EQ(fixture_idle(mm), 800);
	CHECK_EQ(stock(mm), 800);
	CHECK(zero_is_done(mm));
	CHECK_EQ(fixture_idle(mm), 0);
	naive_check_buddy(mm, fixture_base(), FRAMES);
	CHECK_MM(mm);
}

TEST(mm_zero, zeroed_frames_read_as_zero_and_no_others_change)
{
	struct mm *mm = with_marks("idle", 10, 30, MM_FRESH_DIRTY);

	fixture_idle(mm);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++)
		CHECK_EQ(fixture_is(pfn, 1, 0), mm_frame_state(mm, pfn) == MM_STATE_ZERO);
}

TEST(mm_zero, hysteresis_starts_at_the_low_mark_and_runs_to_the_high_one)
{
	struct mm *mm = with_marks("idle", 10, 20, MM_FRESH_DIRTY);
	pfn_t *pfns = fixture_bytes(FRAMES * sizeof(*pfns));

	fixture_idle(mm);
	CHECK_EQ(stock(mm), 400);
	/* above the low mark nothing is done; at it zeroing starts again */
	CHECK(mm_alloc_bulk(mm, 0, MM_ZERO_COLD, 199, pfns));
	CHECK_EQ(stock(mm), 201);
	CHECK(zero_is_done(mm));
	CHECK_EQ(fixture_idle(mm), 0);
	CHECK(mm_alloc(mm, 0, MM_ZERO_COLD) != MM_PFN_NONE);
	CHECK_EQ(stock(mm), 200);
	CHECK(!zero_is_done(mm));
	CHECK_EQ(fixture_idle(mm), 200);
	CHECK_EQ(stock(mm), 400);
	CHECK_MM(mm);
}

TEST(mm_zero, a_low_mark_above_the_high_one_counts_as_the_high_one)
{
	struct mm *mm = with_marks("idle", 90, 20, MM_FRESH_DIRTY);
	struct zero_status status;

	CHECK_EQ(fixture_idle(mm), 400);
	CHECK(zero_is_done(mm));
	CHECK(mm_alloc(mm, 0, MM_ZERO_COLD) != MM_PFN_NONE);
	CHECK_EQ(fixture_idle(mm), 1);
	zero_status(mm, &status);
	CHECK_EQ(status.low_frames, 400);
	CHECK_EQ(status.high_frames, 400);
}

TEST(mm_zero, at_100_and_100_all_free_memory_is_zeroed)
{
	struct mm *mm = with_marks("idle", 100, 100, MM_FRESH_REPORTED);
	struct mm_totals totals;

	CHECK_EQ(fixture_idle(mm), FRAMES);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.zero, FRAMES);
	CHECK_EQ(totals.reported, 0);
	/* memory in use can't be: the rest is zeroed all the same */
	CHECK_EQ(mm_take_range(mm, fixture_base(), 1500), 0);
	for (size_t i = 0; i < 250; i++)
		mm_free(mm, fixture_base() + i, 0);
	mm_drain(mm);
	fixture_idle(mm);
	CHECK_EQ(stock(mm), 750);
	CHECK(zero_is_done(mm));
	CHECK_MM(mm);
}

TEST(mm_zero, marks_of_zero_do_nothing)
{
	struct mm *mm = with_marks("idle", 0, 0, MM_FRESH_DIRTY);

	CHECK(zero_is_done(mm));
	CHECK_EQ(fixture_idle(mm), 0);
}

TEST(mm_zero, reported_memory_is_zeroed_up_to_the_low_mark_only)
{
	struct mm *mm = with_marks("idle", 10, 50, MM_FRESH_REPORTED);
	struct mm_totals totals;

	CHECK_EQ(fixture_idle(mm), 200);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.zero, 200);
	CHECK_EQ(totals.reported, FRAMES - 200);
	CHECK(zero_is_done(mm));
	CHECK_MM(mm);
}

TEST(mm_zero, dirty_memory_is_zeroed_before_reported)
{
	static const struct mm_range ranges[] = {{0, 1000, MM_FRESH_REPORTED}, {1000, 2000, MM_FRESH_DIRTY}};
	struct mm *mm;

	fixture_quiet();
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 30);
	fixture_knob("zero.high_pct", 40);
	mm = fixture_mm_ranges(FRAMES, ranges, 2);
	CHECK_EQ(fixture_idle(mm), 800);
	CHECK_EQ(fixture_count(mm, fixture_base(), 1000, MM_STATE_REPORTED), 1000);
	CHECK_EQ(fixture_count(mm, fixture_base() + 1000, 1000, MM_STATE_ZERO), 800);
	CHECK_MM(mm);
}

TEST(mm_zero, policy_alloc_zeroes_at_the_request)
{
	struct mm *mm = with_marks("alloc", 50, 100, MM_FRESH_DIRTY);
	struct zero_ledger ledger;
	pfn_t pfn;

	CHECK(zero_is_done(mm));
	CHECK_EQ(fixture_idle(mm), 0);
	pfn = mm_alloc(mm, 4, MM_ZERO_COLD);
	CHECK(fixture_is(pfn, 16, 0));
	pfn = mm_alloc(mm, 2, MM_ZERO_HOT);
	CHECK(fixture_is(pfn, 4, 0));
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.alloc_frames, 20);
	CHECK_EQ(ledger.miss_frames, 20);
	CHECK_EQ(ledger.hit_frames, 0);
	CHECK_EQ(ledger.idle_frames, 0);
	CHECK_EQ(ledger.free_frames, 0);
}

TEST(mm_zero, policy_free_zeroes_when_freed)
{
	struct mm *mm = with_marks("free", 50, 100, MM_FRESH_DIRTY);
	struct zero_ledger ledger;
	pfn_t pfns[3];

	CHECK(zero_is_done(mm));
	pfns[0] = mm_alloc(mm, 0, MM_ANY);
	pfns[1] = mm_alloc(mm, 5, MM_ANY);
	pfns[2] = mm_alloc(mm, 9, MM_ANY);
	fixture_fill(pfns[0], 1, 1);
	fixture_fill(pfns[1], 32, 2);
	fixture_fill(pfns[2], 512, 3);
	mm_free(mm, pfns[0], 0);
	mm_free(mm, pfns[1], 5);
	mm_free(mm, pfns[2], 9);
	mm_drain(mm);
	CHECK_EQ(fixture_count(mm, pfns[0], 1, MM_STATE_ZERO), 1);
	CHECK_EQ(fixture_count(mm, pfns[1], 32, MM_STATE_ZERO), 32);
	CHECK_EQ(fixture_count(mm, pfns[2], 512, MM_STATE_ZERO), 512);
	CHECK(fixture_is(pfns[0], 1, 0));
	CHECK(fixture_is(pfns[1], 32, 0));
	CHECK(fixture_is(pfns[2], 512, 0));
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.free_frames, 545);
	CHECK_EQ(ledger.alloc_frames, 0);
	CHECK_MM(mm);
}

TEST(mm_zero, policy_free_in_bulk)
{
	struct mm *mm = with_marks("free", 50, 100, MM_FRESH_DIRTY);
	struct zero_ledger ledger;
	pfn_t pfns[64];

	CHECK(mm_alloc_bulk(mm, 2, MM_ANY, 64, pfns));
	for (size_t i = 0; i < 64; i++)
		fixture_fill(pfns[i], 4, 9);
	mm_free_bulk(mm, 2, 64, pfns);
	mm_drain(mm);
	for (size_t i = 0; i < 64; i++) {
		CHECK_EQ(fixture_count(mm, pfns[i], 4, MM_STATE_ZERO), 4);
		CHECK(fixture_is(pfns[i], 4, 0));
	}
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.free_frames, 256);
	CHECK_MM(mm);
}

TEST(mm_zero, policy_changes_while_running)
{
	struct mm *mm = with_marks("idle", 10, 20, MM_FRESH_DIRTY);
	pfn_t pfn;

	fixture_idle(mm);
	CHECK_EQ(stock(mm), 400);
	fixture_knob_word("zero.policy", "alloc");
	CHECK(zero_is_done(mm));
	CHECK_EQ(stock(mm), 400); /* what is in stock stays in stock */
	pfn = mm_alloc(mm, 3, MM_ZERO_COLD);
	CHECK_EQ(stock(mm), 392);
	fixture_knob_word("zero.policy", "free");
	mm_free(mm, pfn, 3);
	mm_drain(mm);
	CHECK_EQ(stock(mm), 400);
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 30);
	fixture_knob("zero.high_pct", 30);
	CHECK_EQ(fixture_idle(mm), 200);
	CHECK_MM(mm);
}

TEST(mm_zero, stock_serves_requests_without_stores)
{
	struct mm *mm = with_marks("idle", 10, 50, MM_FRESH_DIRTY);
	struct zero_ledger ledger;
	pfn_t pfn;

	fixture_idle(mm);
	pfn = mm_alloc(mm, 0, MM_ZERO_COLD);
	CHECK(fixture_is(pfn, 1, 0));
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.hit_frames, 1);
	CHECK_EQ(ledger.miss_frames, 0);
	CHECK_EQ(ledger.alloc_frames, 0);
	CHECK_EQ(ledger.idle_frames, 1000);
}

TEST(mm_zero, zero_given_to_any_is_wasted)
{
	struct mm *mm = with_marks("idle", 100, 100, MM_FRESH_DIRTY);
	struct zero_ledger ledger;

	fixture_idle(mm);
	CHECK(mm_alloc(mm, 3, MM_ANY) != MM_PFN_NONE);
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.wasted_frames, 8);
	CHECK_EQ(ledger.hit_frames, 0);
	CHECK_EQ(mm_take_range(mm, fixture_base(), 10), 0);
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.wasted_frames, 18);
}

TEST(mm_zero, now_ignores_marks_policy_and_reports)
{
	struct mm *mm = with_marks("alloc", 0, 0, MM_FRESH_REPORTED);
	struct zero_status status;
	struct mm_totals totals;

	zero_now(mm);
	CHECK(!zero_is_done(mm));
	zero_status(mm, &status);
	CHECK(status.now);
	CHECK_EQ(fixture_idle(mm), FRAMES);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.zero, FRAMES);
	CHECK_EQ(totals.reported, 0);
	CHECK(zero_is_done(mm));
	zero_status(mm, &status);
	CHECK(!status.now);
	CHECK_MM(mm);
}

TEST(mm_zero, pause_gives_the_batch_back_and_resume_goes_on)
{
	struct mm *mm = with_marks("idle", 10, 50, MM_FRESH_DIRTY);
	struct mm_totals totals;
	struct zero_status status;
	uint64_t wake;

	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	zero_pause(mm);
	zero_status(mm, &status);
	CHECK(status.paused);
	CHECK_EQ(status.batch_frames, 0);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.isolated, 0);
	CHECK_EQ(zero_idle(mm, &wake), ZERO_NOTHING);
	CHECK_MM(mm);
	zero_resume(mm);
	fixture_idle(mm);
	CHECK_EQ(stock(mm), 1000);
}

TEST(mm_zero, paused_with_something_left_is_not_done)
{
	struct mm *mm = with_marks("idle", 10, 50, MM_FRESH_DIRTY);
	struct zero_status status;

	zero_pause(mm);
	CHECK(!zero_is_done(mm));
	zero_status(mm, &status);
	CHECK_EQ(status.left_frames, 1000);
	fixture_knob_word("zero.policy", "alloc");
	CHECK(zero_is_done(mm));
	/* what was asked for by hand doesn't depend on the policy */
	zero_now(mm);
	CHECK(!zero_is_done(mm));
	zero_status(mm, &status);
	CHECK_EQ(status.left_frames, FRAMES);
	zero_resume(mm);
	fixture_idle(mm);
	zero_pause(mm);
	CHECK(zero_is_done(mm));
	zero_status(mm, &status);
	CHECK_EQ(status.left_frames, 0);
}

TEST(mm_zero, what_is_left_is_what_will_be_zeroed)
{
	struct mm *mm = with_marks("idle", 30, 60, MM_FRESH_REPORTED);
	struct zero_status status;
	pfn_t pfns[100];

	CHECK(mm_alloc_bulk(mm, 0, MM_ANY, ARRAY_LEN(pfns), pfns));
	mm_free_bulk(mm, 0, ARRAY_LEN(pfns), pfns);
	mm_drain(mm);
	/* dirty frames first, then reported ones up to the low mark */
	zero_status(mm, &status);
	CHECK_EQ(status.left_frames, 100);
	CHECK_EQ(fixture_idle(mm), 600);
	CHECK(zero_is_done(mm));
}

TEST(mm_zero, status_shows_marks_and_stock)
{
	struct mm *mm = with_marks("idle", 25, 75, MM_FRESH_DIRTY);
	struct zero_status status;

	fixture_idle(mm);
	zero_status(mm, &status);
	CHECK_EQ(status.policy, ZERO_POLICY_IDLE);
	CHECK_EQ(status.low_frames, 500);
	CHECK_EQ(status.high_frames, 1500);
	CHECK_EQ(status.stock_frames, 1500);
	CHECK_EQ(status.batch_frames, 0);
	CHECK(!status.paused);
	CHECK(!status.running);
}

TEST(mm_zero, delay_is_kept)
{
	struct mm *mm = with_marks("idle", 10, 20, MM_FRESH_DIRTY);
	uint64_t wake = 0, start;

	fixture_knob("zero.delay_ms", 20);
	fixture_idle(mm); /* passes the time it is asked for */
	CHECK_EQ(stock(mm), 400);
	for (int i = 0; i < 200; i++)
		CHECK(mm_alloc(mm, 0, MM_ZERO_COLD) != MM_PFN_NONE);
	start = mm_port_now_ns();
	CHECK_EQ(zero_idle(mm, &wake), ZERO_LATER);
	CHECK(wake > start);
	CHECK(wake <= mm_port_now_ns() + 20000000);
	CHECK_EQ(stock(mm), 200);
	test_port_pass_ns(20000000);
	fixture_idle(mm);
	CHECK_EQ(stock(mm), 400);
}

TEST(mm_zero, whole_memory_comes_out_zero_whatever_it_was)
{
	struct mm *mm = with_marks("idle", 30, 60, MM_FRESH_DIRTY);
	size_t n = 0;

	fixture_idle(mm);
	for (unsigned order = 11; order <= 11; order--) {
		pfn_t pfn;

		while ((pfn = mm_alloc(mm, order, MM_ZERO_COLD)) != MM_PFN_NONE) {
			CHECK(fixture_is(pfn, (size_t)1 << order, 0));
			fixture_fill(pfn, (size_t)1 << order, 0xc3);
			n += (size_t)1 << order;
		}
	}
	CHECK_EQ(n, FRAMES);
	CHECK_MM(mm);
}

/* What is zero is kept while all of it is being zeroed, but not for as long as that is paused. */
TEST(mm_zero, a_paused_now_holds_nothing)
{
	struct mm *mm = with_marks("idle", 10, 50, MM_FRESH_DIRTY);

	mm->zero_engine.now = true;
	CHECK(marks_hold(mm));
	zero_pause(mm);
	CHECK(!marks_hold(mm));
	zero_resume(mm);
	CHECK(marks_hold(mm));
}
