/* What becomes of fresh memory where there is a reporter, and beside zeroing. */
#include "mm/report.h"
#include "mm/state.h"
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"

#define FRAMES FAKE_FRAMES

/* fake_mm's allocator, but all of its memory is fresh. */
static struct mm *fresh_mm(unsigned order)
{
	(void)fake_mm(order, 8);
	return fixture_mm(FRAMES, MM_FRESH_UNKNOWN);
}

static struct mm_totals totals_of(struct mm *mm)
{
	struct mm_totals totals;

	mm_totals(mm, &totals);
	return totals;
}

TEST(mm_fresh_report, it_is_reported_once_and_reported_only_when_acknowledged)
{
	struct mm *mm = fresh_mm(9);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 1);

	CHECK(!report_is_done(mm));
	fake_until_in_flight(mm, fake);
	CHECK_EQ(totals_of(mm).reported, 0);
	CHECK(fake_run(mm));
	CHECK_EQ(fake->frames, FRAMES);
	CHECK_EQ(totals_of(mm).reported, FRAMES);
	CHECK_EQ(totals_of(mm).fresh, 0);
	CHECK_EQ(fixture_count(mm, fixture_base(), FRAMES, MM_STATE_REPORTED), FRAMES);
	report_now(mm); /* the sink fails the test if a frame comes again */
	CHECK(fake_run(mm));
	CHECK_EQ(fake->frames, FRAMES);
	CHECK_MM(mm);
	fake_unregister(mm, fake);
}

TEST(mm_fresh_report, without_a_reporter_it_stays_fresh)
{
	struct mm *mm = fresh_mm(9);

	CHECK(report_is_done(mm));
	report_now(mm);
	(void)report_step(mm);
	CHECK_EQ(totals_of(mm).fresh, FRAMES);
	CHECK_EQ(fixture_idle(mm), 0);
}

/* Exact to the frame, for every order: runs below report.order keep theirs, beside what is reported by now. */
TEST(mm_fresh_report, runs_below_report_order_stay_fresh)
{
	for (unsigned order = 0; order <= 10; order++) {
		struct mm *mm;
		struct fake_sink *fake;
		uint64_t want = 0;
		pfn_t base;

		fixture_end();
		mm = fresh_mm(order);
		fake = fake_registered(mm, order, 8, 1);
		base = fixture_base();
		CHECK_EQ(mm_take_range(mm, base + 3, 1), 0);
		CHECK_EQ(mm_take_range(mm, base + 100, 1), 0);
		CHECK_EQ(mm_take_range(mm, base + 700, 130), 0);
		CHECK_EQ(mm_take_range(mm, base + 2000, 1), 0);
		for (pfn_t pfn = base; pfn < base + FRAMES; pfn += (pfn_t)1 << order)
			if (fixture_count(mm, pfn, (size_t)1 << order, MM_STATE_FRESH) == (size_t)1 << order)
				want += (uint64_t)1 << order;
		CHECK(fake_run(mm));
		CHECK_EQ(fake->frames, want);
		CHECK_EQ(totals_of(mm).reported, want);
		CHECK_EQ(totals_of(mm).fresh, FRAMES - 133 - want);
		CHECK_MM(mm);
		/* and what is fresh is taken before what is reported beside it */
		mm_cache_enable(mm, MM_OFF);
		for (uint64_t left = totals_of(mm).fresh; left != 0; left--) {
			CHECK(mm_alloc(mm, 0, MM_ANY) != MM_PFN_NONE);
			CHECK_EQ(totals_of(mm).reported, want);
		}
		CHECK_EQ(totals_of(mm).fresh, 0);
		CHECK_MM(mm);
		fake_unregister(mm, fake);
	}
}

/* Declined, refused or timed out: nobody said that the host doesn't back it. */
TEST(mm_fresh_report, what_is_not_acknowledged_is_not_reported)
{
	static const enum fake_answer answers[] = {FAKE_DECLINE, FAKE_REFUSE, FAKE_SILENT};

	for (unsigned i = 0; i < ARRAY_LEN(answers); i++) {
		struct mm *mm;
		struct fake_sink *fake;

		fixture_end();
		mm = fresh_mm(9);
		fake = fake_registered(mm, 9, 8, 1);
		fake->answer = answers[i];
		for (unsigned step = 0; step < 200; step++) {
			(void)report_step(mm);
			test_port_pass_ns(1000000);
		}
		CHECK_EQ(totals_of(mm).reported, 0);
		if (answers[i] != FAKE_SILENT) /* else the device was reset in the middle of it */
			CHECK_EQ(totals_of(mm).fresh + totals_of(mm).isolated, FRAMES);
		CHECK_MM(mm);
		fake->answer = FAKE_ACCEPT;
		fake_unregister(mm, fake);
	}
}

TEST(mm_fresh_report, the_reserve_is_kept)
{
	struct mm *mm = fresh_mm(9);
	struct fake_sink *fake;

	fixture_knob("report.reserve_pct", 50);
	fake = fake_registered(mm, 9, 8, 1);
	CHECK(fake_run(mm));
	CHECK_EQ(totals_of(mm).fresh, FRAMES / 2);
	report_now(mm);
	CHECK(fake_run(mm));
	CHECK_EQ(totals_of(mm).reported, FRAMES);
	fake_unregister(mm, fake);
}

/* The stock is filled from fresh memory below the low mark only, as from reported memory, and before it. */
TEST(mm_fresh_report, zeroing_leaves_it_alone_as_reported_memory)
{
	static const struct mm_range ranges[] = {{0, 2048, MM_FRESH_REPORTED}, {2048, 4096, MM_FRESH_UNKNOWN}};
	struct mm *mm;

	fixture_quiet();
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.high_pct", 50);
	mm = fixture_mm_ranges(FRAMES, ranges, ARRAY_LEN(ranges));
	CHECK_EQ(fixture_idle(mm), 0);
	fixture_knob("zero.low_pct", 25);
	CHECK_EQ(fixture_idle(mm), FRAMES / 4);
	CHECK_EQ(totals_of(mm).fresh, FRAMES / 4);
	CHECK_EQ(totals_of(mm).reported, FRAMES / 2);
	zero_now(mm);
	CHECK_EQ(fixture_idle(mm), FRAMES * 3 / 4);
	CHECK_EQ(totals_of(mm).zero, FRAMES);
	CHECK_MM(mm);
}

/* What zeroing is going to take for its low mark isn't given away first; all else is. */
TEST(mm_fresh_report, what_the_low_mark_wants_is_not_reported)
{
	struct mm *mm = fresh_mm(9);
	struct fake_sink *fake;

	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 25);
	fixture_knob("zero.high_pct", 25);
	fake = fake_registered(mm, 9, 8, 1);
	CHECK(fake_run(mm));
	CHECK_EQ(totals_of(mm).fresh, FRAMES / 4);
	CHECK_EQ(fixture_idle(mm), FRAMES / 4);
	CHECK_EQ(totals_of(mm).zero, FRAMES / 4);
	CHECK(fake_run(mm));
	CHECK_EQ(fake->frames, FRAMES * 3 / 4);
	fake_unregister(mm, fake);
}

/* It would have to be zeroed, which makes the host back it: it isn't, and nothing waits for it. */
TEST(mm_fresh_report, a_host_that_keeps_zero_does_not_get_it)
{
	struct mm *mm = fresh_mm(9);
	struct fake_sink *fake = fake_sink(FRAMES, 8, 1);

	fake->sink.keeps_zero = true;
	CHECK_EQ(report_register(mm, &fake->sink), 0);
	CHECK(report_is_done(mm));
	report_now(mm);
	CHECK(fake_run(mm));
	CHECK_EQ(fake->frames, 0);
	CHECK_EQ(totals_of(mm).fresh, FRAMES);
	fake_unregister(mm, fake);
}
