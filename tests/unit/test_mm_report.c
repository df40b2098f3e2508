/* Reporting: which blocks go to the host, when, and what stays. What happens while they are there is in
 * test_mm_in_flight.c. */
#include "mm/report.h"

#include <string.h>

#include "mm/state.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/naive.h"

#define FRAMES FAKE_FRAMES

TEST(mm_report, all_dirty_memory_is_reported_once)
{
	struct mm *mm = fake_mm(9, 4);
	struct fake_sink *fake = fake_registered(mm, 9, 32, 2);

	CHECK(!report_is_done(mm));
	CHECK(fake_run(mm));
	CHECK_EQ(fake->frames, FRAMES);
	CHECK_EQ(fake_reported(mm), FRAMES);
	CHECK_EQ(fixture_count(mm, fixture_base(), FRAMES, MM_STATE_REPORTED), FRAMES);
	naive_check_buddy(mm, fixture_base(), FRAMES);
	/* the sink fails the test if a frame comes again */
	report_now(mm);
	CHECK(fake_run(mm));
	CHECK_EQ(fake->frames, FRAMES);
	fake_unregister(mm, fake);
}

TEST(mm_report, every_order_reports_what_is_large_enough)
{
	for (unsigned order = 0; order <= 12; order++) {
		struct mm *mm;
		struct fake_sink *fake;
		uint64_t want = 0;
		pfn_t base;

		fixture_end();
		mm = fake_mm(order, 16);
		fake = fake_registered(mm, order, 16, 4);
		base = fixture_base();
		/* holes that leave runs of many lengths */
		CHECK_EQ(mm_take_range(mm, base + 3, 1), 0);
		CHECK_EQ(mm_take_range(mm, base + 100, 1), 0);
		CHECK_EQ(mm_take_range(mm, base + 700, 130), 0);
		CHECK_EQ(mm_take_range(mm, base + 2000, 1), 0);
		mm_drain(mm);
		for (pfn_t pfn = base; pfn < base + FRAMES; pfn += (pfn_t)1 << order) {
			if (fixture_count(mm, pfn, (size_t)1 << order, MM_STATE_DIRTY) == (size_t)1 << order)
				want += (uint64_t)1 << order;
		}
		CHECK(fake_run(mm));
		CHECK_EQ(fake->frames, want);
		CHECK_EQ(fake_reported(mm), want);
		fake_unregister(mm, fake);
	}
}

TEST(mm_report, used_and_freed_memory_is_reported_again)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 1);
	pfn_t pfn;

	CHECK(fake_run(mm));
	pfn = mm_alloc(mm, 10, MM_ANY);
	CHECK(pfn != MM_PFN_NONE);
	fake_used(fake, pfn, 1024);
	mm_free(mm, pfn, 10);
	mm_drain(mm);
	CHECK_EQ(fake_reported(mm), FRAMES - 1024);
	CHECK(!report_is_done(mm));
	CHECK(fake_run(mm));
	CHECK_EQ(fake->frames, FRAMES + 1024);
	CHECK_EQ(fake_reported(mm), FRAMES);
	fake_unregister(mm, fake);
}

TEST(mm_report, a_partly_reported_block_brings_its_rest_only)
{
	struct mm *mm = fake_mm(0, 8);
	struct fake_sink *fake = fake_registered(mm, 0, 8, 1);

	CHECK(fake_run(mm));
	fixture_dirty(mm, fixture_base() + 1000, 3);
	fake_used(fake, fixture_base() + 1000, 3);
	CHECK(fake_run(mm));
	CHECK_EQ(fake->frames, FRAMES + 3);
	fake_unregister(mm, fake);
}

TEST(mm_report, a_second_reporter_is_refused)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 1);
	struct fake_sink *other = fake_sink(FRAMES, 8, 1);

	CHECK_EQ(report_register(mm, &other->sink), -1);
	CHECK_EQ(report_unregister(mm, &other->sink), -1);
	fake_unregister(mm, fake);
	CHECK_EQ(report_unregister(mm, &fake->sink), -1);
	CHECK_EQ(report_register(mm, &other->sink), 0);
	fake_unregister(mm, other);
}

TEST(mm_report, the_reserve_is_kept)
{
	struct mm *mm;
	struct fake_sink *fake;
	struct report_status status;

	mm = fake_mm(9, 8);
	fixture_knob("report.reserve_pct", 50);
	fake = fake_registered(mm, 9, 8, 1);
	CHECK(fake_run(mm));
	CHECK(FRAMES - fake_reported(mm) >= FRAMES / 2);
	CHECK(FRAMES - fake_reported(mm) < FRAMES / 2 + 512);
	report_status(mm, &status);
	CHECK_EQ(status.reportable_frames, 0);
	/* report now keeps none */
	report_now(mm);
	CHECK(fake_run(mm));
	CHECK_EQ(fake_reported(mm), FRAMES);
	fake_unregister(mm, fake);
}

TEST(mm_report, delay_is_kept)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake;
	struct report_status status;
	uint64_t wake, start;

	fixture_knob("report.delay_ms", 30);
	fake = fake_registered(mm, 9, 8, 1);
	start = mm_port_now_ns();
	wake = report_step(mm);
	CHECK_EQ(fake->submits, 0);
	report_status(mm, &status);
	CHECK_EQ(status.state, REPORT_REQUESTED);
	CHECK(wake > start);
	CHECK(wake <= mm_port_now_ns() + 30000000u);
	test_port_pass_ns(31000000);
	(void)report_step(mm);
	CHECK(fake->submits > 0);
	CHECK(fake_run(mm));
	report_status(mm, &status);
	CHECK_EQ(status.state, REPORT_IDLE);
	fake_unregister(mm, fake);
}

TEST(mm_report, pause_stops_and_resume_goes_on)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 1);
	struct report_status status;

	report_pause(mm);
	for (int i = 0; i < 5; i++) {
		uint64_t wake = report_step(mm);

		CHECK(wake != UINT64_MAX); /* the device may want other things */
		test_port_pass_ns(1000000);
	}
	CHECK_EQ(fake->submits, 0);
	CHECK(fake->polls >= 5);
	CHECK(!report_is_done(mm));
	report_status(mm, &status);
	CHECK(status.paused);
	CHECK_EQ(status.reportable_frames, FRAMES);
	report_resume(mm);
	CHECK(!report_is_done(mm));
	CHECK(fake_run(mm));
	CHECK_EQ(fake_reported(mm), FRAMES);
	report_pause(mm);
	CHECK(report_is_done(mm));
	fake_unregister(mm, fake);
}

TEST(mm_report, now_outlasts_a_pause)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake;

	fixture_knob("report.reserve_pct", 100);
	fake = fake_registered(mm, 9, 8, 1);
	report_pause(mm);
	CHECK(report_is_done(mm));
	report_now(mm);
	(void)report_step(mm);
	CHECK_EQ(fake->submits, 0);
	CHECK(!report_is_done(mm));
	report_resume(mm);
	CHECK(fake_run(mm));
	CHECK_EQ(fake_reported(mm), FRAMES);
	fake_unregister(mm, fake);
}

TEST(mm_report, what_was_refused_is_not_done_and_now_outlasts_it)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake;
	uint64_t wake;

	fixture_knob("report.reserve_pct", 100);
	fake = fake_registered(mm, 9, 8, 1);
	fake->answer = FAKE_REFUSE;
	report_now(mm);
	wake = report_step(mm);
	CHECK_EQ(fake->submits, 1);
	CHECK(!report_is_done(mm));
	/* not again before the time that it asked for */
	CHECK(wake >= mm_port_now_ns() + 90000000u);
	(void)report_step(mm);
	CHECK_EQ(fake->submits, 1);
	/* but for who asks again */
	report_now(mm);
	(void)report_step(mm);
	CHECK_EQ(fake->submits, 2);
	fake->answer = FAKE_ACCEPT;
	CHECK(fake_run(mm));
	CHECK_EQ(fake_reported(mm), FRAMES);
	CHECK_MM(mm);
	fake_unregister(mm, fake);
}

/* One block of 2 MiB may lie in the CPU's cache. */
TEST(mm_report, what_a_cache_keeps_is_left_to_report)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 1);
	pfn_t pfn;

	CHECK(fake_run(mm));
	pfn = mm_alloc(mm, 9, MM_ANY);
	CHECK(pfn != MM_PFN_NONE);
	fake_used(fake, pfn, 512);
	mm_free(mm, pfn, 9);
	CHECK(!report_is_done(mm));
	CHECK(fake_run(mm));
	CHECK_EQ(fake_reported(mm), FRAMES);
	fake_unregister(mm, fake);
}

/* The last of the areas is free but for some frames in the CPU's cache. */
TEST(mm_report, now_includes_what_a_cache_keeps)
{
	struct mm *mm = fake_mm(9, 1);
	struct fake_sink *fake;
	pfn_t pfn;

	fixture_knob("report.reserve_pct", 100);
	fake = fake_registered(mm, 9, 8, 1);
	pfn = mm_alloc(mm, 0, MM_ANY);
	CHECK(pfn != MM_PFN_NONE);
	mm_free(mm, pfn, 0);
	report_now(mm);
	CHECK(fake_run(mm));
	CHECK_EQ(fake_reported(mm), FRAMES);
	fake_unregister(mm, fake);
}

TEST(mm_report, counters_add_up)
{
	struct mm *mm = fake_mm(9, 4);
	struct fake_sink *fake = fake_registered(mm, 9, 2, 1);
	struct report_status before, after;

	report_status(mm, &before);
	CHECK_STR(before.sink, "fake");
	CHECK(fake_run(mm));
	report_status(mm, &after);
	CHECK_EQ(after.reported_frames_total - before.reported_frames_total, FRAMES);
	CHECK_EQ(after.requests - before.requests, fake->submits);
	CHECK_EQ(after.errors, before.errors);
	CHECK_EQ(after.in_flight_requests, 0);
	CHECK_EQ(after.in_flight_frames, 0);
	CHECK_EQ(after.reportable_frames, 0);
	fake_unregister(mm, fake);
}

TEST(mm_report, without_a_reporter_there_is_nothing_to_do)
{
	struct mm *mm = fake_mm(9, 8);
	struct report_status status;

	CHECK(report_is_done(mm));
	CHECK_EQ(report_step(mm), UINT64_MAX);
	report_now(mm);
	CHECK(report_is_done(mm));
	CHECK_EQ(mm->report_engine.now_frames, 0); /* whoever comes later isn't asked */
	report_status(mm, &status);
	CHECK(!status.sink);
	CHECK_EQ(status.state, REPORT_IDLE);
	CHECK_MM(mm);
}

static unsigned wakes;

static void count_wake(struct mm *mm)
{
	(void)mm;
	wakes++;
}

TEST(mm_report, whoever_steps_is_woken_when_there_may_be_work)
{
	void (*hook)(struct mm *) = report_wake_hook;
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake;
	unsigned registered, now;

	report_wake_hook = count_wake;
	wakes = 0;
	fake = fake_registered(mm, 9, 8, 1);
	registered = wakes;
	report_now(mm);
	now = wakes;
	report_pause(mm);
	report_resume(mm);
	report_wake_hook = hook;
	CHECK_EQ(registered, 1);
	CHECK_EQ(now, 2);
	CHECK_EQ(wakes, 3);
	fake_unregister(mm, fake);
}
