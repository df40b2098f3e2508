/* Reporting beside zeroing: what of the stock is reported, and how the two get along. */
#include "mm/report.h"
#include "mm/state.h"
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"

#define FRAMES FAKE_FRAMES

TEST(mm_report_zero, zero_memory_is_dropped_and_counted_as_wasted)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake;
	struct zero_ledger before, after;
	struct mm_totals totals;
	pfn_t pfn;

	fixture_zero_all(mm);
	zero_ledger(mm, &before);
	fake = fake_registered(mm, 9, 8, 1);
	fake->scribble = true;
	report_now(mm);
	CHECK(fake_run(mm));
	zero_ledger(mm, &after);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.zero, 0);
	CHECK_EQ(totals.reported, FRAMES);
	CHECK_EQ(fixture_count(mm, fixture_base(), FRAMES, MM_STATE_REPORTED), FRAMES);
	CHECK_EQ(after.wasted_frames - before.wasted_frames, FRAMES);
	pfn = mm_alloc(mm, 9, MM_ZERO_COLD);
	CHECK(fixture_is(pfn, 512, 0));
	fake_unregister(mm, fake);
}

/* One zero frame among dirty ones, in each area: with no marks, or asked for by hand, it keeps none of them. */
TEST(mm_report_zero, few_zero_frames_keep_nothing_that_the_stock_does_not_want)
{
	for (unsigned by_hand = 0; by_hand < 2; by_hand++) {
		struct mm *mm;
		struct fake_sink *fake;
		struct mm_totals totals;

		fixture_end();
		mm = fake_mm(9, 8);
		fixture_knob_word("zero.policy", "free");
		mm_cache_enable(mm, MM_OFF);
		for (unsigned i = 0; i < FRAMES / 512; i++) {
			CHECK_EQ(mm_take_range(mm, fixture_base() + i * 512 + 77, 1), 0);
			mm_free(mm, fixture_base() + i * 512 + 77, 0);
		}
		mm_totals(mm, &totals);
		CHECK_EQ(totals.zero, FRAMES / 512);
		fixture_knob("report.reserve_pct", by_hand ? 100 : 0);
		fixture_knob("zero.high_pct", by_hand ? 100 : 0);
		fake = fake_registered(mm, 9, 8, 1);
		if (by_hand)
			report_now(mm);
		CHECK(fake_run(mm));
		CHECK_EQ(fake_reported(mm), FRAMES);
		fake_unregister(mm, fake);
	}
}

TEST(mm_report_zero, zeroing_and_reporting_side_by_side_lose_nothing)
{
	struct mm *mm = fake_mm(5, 8);
	struct fake_sink *fake = fake_registered(mm, 5, 4, 2);
	uint64_t seed = 21;
	uint64_t wake;

	fake->scribble = true;
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 10);
	fixture_knob("zero.high_pct", 50);
	for (int i = 0; i < 300; i++) {
		unsigned order = (unsigned)fixture_random(&seed, 8);
		pfn_t pfn = mm_alloc(mm, order, i & 1 ? MM_ZERO_COLD : MM_ANY);

		CHECK(pfn != MM_PFN_NONE);
		if (i & 1)
			CHECK(fixture_is(pfn, (size_t)1 << order, 0));
		fixture_fill(pfn, (size_t)1 << order, 0x42);
		fake_used(fake, pfn, (size_t)1 << order);
		(void)zero_idle(mm, &wake);
		(void)report_step(mm);
		mm_free(mm, pfn, order);
		/* zeroing may take up reported memory, which may be reported again then */
		for (pfn_t f = fixture_base(); f < fixture_base() + FRAMES; f++) {
			enum mm_state state = mm_frame_state(mm, f);

			if (state == MM_STATE_ZERO || state == MM_STATE_DIRTY)
				fake_used(fake, f, 1);
		}
		CHECK_MM(mm);
	}
	fake_unregister(mm, fake);
}

/* Zeroing and reporting in turns until both say that they are done. False: they never are. */
static bool both_done(struct mm *mm, struct fake_sink *fake)
{
	for (int i = 0; i < 100000; i++) {
		uint64_t wake;

		(void)report_step(mm);
		(void)zero_idle(mm, &wake);
		memset(fake->dropped, 0, FRAMES); /* zeroing reported memory uses it */
		test_port_pass_ns(1000000);
		if (zero_is_done(mm) && report_is_done(mm)) /* in this order: zero_now may end just then */
			return true;
	}
	return false;
}

TEST(mm_report_zero, marks_set_while_all_is_zeroed_are_kept_in_the_end)
{
	struct mm *mm = fake_mm(0, 64);
	struct fake_sink *fake = fake_registered(mm, 0, 64, 2);
	struct mm_totals totals;

	fixture_knob("report.delay_ms", 0);
	zero_now(mm);
	mm->stock_hold = false; /* what setting a mark does to mm_system */
	fixture_knob("zero.low_pct", 0);
	fixture_knob("zero.high_pct", 25);
	CHECK(both_done(mm, fake));
	mm_totals(mm, &totals);
	CHECK_EQ(totals.zero, FRAMES / 4);
	CHECK_EQ(totals.reported, FRAMES - FRAMES / 4);
	CHECK_EQ(fake->frames, FRAMES - FRAMES / 4);
	fake_unregister(mm, fake);
}

TEST(mm_report_zero, now_ends_where_zeroing_refills_at_once)
{
	struct mm *mm = fake_mm(0, 64);
	struct fake_sink *fake = fake_registered(mm, 0, 64, 2);
	struct mm_totals totals;

	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.delay_ms", 0);
	fixture_knob("zero.low_pct", 100);
	fixture_knob("zero.high_pct", 100);
	CHECK(both_done(mm, fake));
	CHECK_EQ(fake->frames, 0);
	report_now(mm);
	CHECK(both_done(mm, fake));
	CHECK_EQ(fake->frames, FRAMES);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.zero, FRAMES);
	fake_unregister(mm, fake);
}

TEST(mm_report_zero, now_takes_back_zero_now)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 2);

	zero_now(mm);
	CHECK(both_done(mm, fake));
	CHECK_EQ(fake->frames, 0);
	report_now(mm);
	CHECK(both_done(mm, fake));
	CHECK_EQ(fake_reported(mm), FRAMES);
	/* what is used and freed from then on goes as if zero_now had never been */
	CHECK_EQ(mm_alloc(mm, 12, MM_ANY), fixture_base());
	mm_free(mm, fixture_base(), 12);
	CHECK(both_done(mm, fake));
	CHECK_EQ(fake_reported(mm), FRAMES);
	/* and the later of the two wins while they are under way, too */
	CHECK_EQ(mm_alloc(mm, 12, MM_ANY), fixture_base());
	mm_free(mm, fixture_base(), 12);
	report_now(mm);
	zero_now(mm);
	CHECK(both_done(mm, fake));
	CHECK_EQ(fake_reported(mm), 0);
	fake_unregister(mm, fake);
}

/* Zero memory counts down to its goal by itself, however much dirty memory there is that can't be reported. */
TEST(mm_report_zero, the_stock_is_not_reported_in_place_of_dirty_fragments)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake;

	fixture_zero_all(mm);
	for (size_t i = 0; i < 4; i++) /* four areas, each with a frame in use */
		fixture_dirty(mm, fixture_base() + 512 * i, 512);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(mm_take_range(mm, fixture_base() + 512 * i, 1), 0);
	mm->stock_hold = false;
	fixture_knob("zero.high_pct", 50);
	fake = fake_registered(mm, 9, 8, 1);
	CHECK(fake_run(mm));
	CHECK_EQ(fake->frames, 0);
	CHECK_EQ(fixture_count(mm, fixture_base(), FRAMES, MM_STATE_ZERO), FRAMES / 2);
	fake_unregister(mm, fake);
}

TEST(mm_report_zero, the_reserve_is_kept_of_zero_memory_too)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake;

	fixture_zero_all(mm);
	mm->stock_hold = false;
	fixture_knob("report.reserve_pct", 50);
	fake = fake_registered(mm, 9, 8, 1);
	CHECK(fake_run(mm));
	CHECK_EQ(fake_reported(mm), FRAMES / 2);
	fake_unregister(mm, fake);
}
