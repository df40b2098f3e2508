/* Reporting: what happens to memory while it is with the host, and when the host doesn't play along. */
#include "mm/report.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"

#define FRAMES FAKE_FRAMES

TEST(mm_in_flight, a_batch_beyond_the_ring_goes_in_several_chains)
{
	struct mm *mm = fake_mm(6, 40);
	struct fake_sink *fake = fake_registered(mm, 6, 7, 3);

	/* blocks of just order 6, or they would go as few large ones */
	for (size_t i = 64; i < FRAMES; i += 128)
		CHECK_EQ(mm_take_range(mm, fixture_base() + i, 64), 0);
	CHECK(fake_run(mm));
	CHECK_EQ(fake->frames, FRAMES / 2);
	CHECK_EQ(fake->largest, 7);
	CHECK(fake->in_flight_largest > 1);
	CHECK(fake->in_flight_largest <= 3);
	fake_unregister(mm, fake);
}

TEST(mm_in_flight, answers_in_any_order)
{
	struct mm *mm = fake_mm(6, 40);
	struct fake_sink *fake = fake_registered(mm, 6, 2, 5);

	fake->answer = FAKE_OUTOFORDER;
	for (size_t i = 64; i < FRAMES; i += 128)
		CHECK_EQ(mm_take_range(mm, fixture_base() + i, 64), 0);
	CHECK(fake_run(mm));
	CHECK_EQ(fake->frames, FRAMES / 2);
	fake_unregister(mm, fake);
}

static unsigned submit_calls;

static int submit_at_once(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag)
{
	(void)ranges;
	(void)count;
	submit_calls++;
	report_done(sink, tag, REPORT_OK);
	return 0;
}

/* A sink without a device behind it: each step is one batch all the same. */
TEST(mm_in_flight, answers_from_within_submit_count_towards_the_batch)
{
	struct mm *mm = fake_mm(9, 3);
	struct fake_sink *fake = fake_registered(mm, 9, 1, 2);

	fake->sink.submit = submit_at_once;
	submit_calls = 0;
	for (unsigned steps = 1; fake_reported(mm) < FRAMES; steps++) {
		(void)report_step(mm);
		CHECK(fake_reported(mm) <= steps * 3u * 512);
		CHECK(steps < 10);
	}
	CHECK(submit_calls >= 5);
	CHECK(report_is_done(mm));
	fake_unregister(mm, fake);
}

TEST(mm_in_flight, an_unknown_answer_is_ignored)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 1);

	report_done(&fake->sink, 12345, REPORT_OK);
	CHECK_EQ(fake_reported(mm), 0);
	CHECK_MM(mm);
	CHECK(fake_run(mm));
	report_done(&fake->sink, 0, REPORT_OK);
	report_done(&fake->sink, 0, REPORT_FAILED);
	CHECK_EQ(fake_reported(mm), FRAMES);
	fake_unregister(mm, fake);
}

static void leaves_the_memory_as_it_was(enum fake_answer answer)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake;
	struct report_status status;

	fixture_zero_all(mm);
	fixture_dirty(mm, fixture_base() + 511, 2);
	fake = fake_registered(mm, 9, 8, 1);
	fake->answer = answer;
	report_now(mm);
	for (int i = 0; i < 20; i++) {
		(void)report_step(mm);
		test_port_pass_ns(1000000);
	}
	CHECK(fake->submits > 0);
	fake_unregister(mm, fake);
	CHECK_EQ(fake_reported(mm), 0);
	CHECK_EQ(fixture_count(mm, fixture_base(), FRAMES, MM_STATE_ZERO), FRAMES - 2);
	CHECK_EQ(fixture_count(mm, fixture_base() + 511, 2, MM_STATE_DIRTY), 2);
	report_status(mm, &status);
	CHECK(status.errors > 0);
	CHECK_EQ(status.in_flight_frames, 0);
}

TEST(mm_in_flight, a_declined_report_leaves_the_memory_as_it_was)
{
	leaves_the_memory_as_it_was(FAKE_DECLINE);
}

TEST(mm_in_flight, a_refused_submit_leaves_the_memory_as_it_was)
{
	leaves_the_memory_as_it_was(FAKE_REFUSE);
}

TEST(mm_in_flight, one_refused_submit_is_made_good)
{
	for (unsigned at = 1; at < 6; at++) {
		struct mm *mm;
		struct fake_sink *fake;

		fixture_end();
		mm = fake_mm(9, 2);
		fake = fake_registered(mm, 9, 2, 2);
		fake->fail_submit_at = at;
		/* large blocks count as one range each: take them apart */
		for (size_t i = 512; i < FRAMES; i += 1024)
			CHECK_EQ(mm_take_range(mm, fixture_base() + i, 1), 0);
		report_now(mm);
		(void)fake_run(mm);
		report_now(mm);
		CHECK(fake_run(mm));
		CHECK_EQ(fake->frames, FRAMES / 2);
		CHECK_EQ(fake_reported(mm), FRAMES / 2);
		fake_unregister(mm, fake);
	}
}

TEST(mm_in_flight, a_silent_device_is_reset_and_the_blocks_come_back_dirty)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake;
	struct report_status status;
	struct mm_totals totals;

	fixture_zero_all(mm);
	fake = fake_registered(mm, 9, 8, 1);
	fake->answer = FAKE_SILENT;
	report_now(mm);
	fake_until_in_flight(mm, fake);
	CHECK_MM(mm);
	CHECK_EQ(fake->resets, 0);
	report_pause(mm); /* nothing new */
	test_port_pass_ns(60000000);
	for (int i = 0; i < 10 && !fake->resets; i++)
		(void)report_step(mm);
	CHECK(fake->resets > 0);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.isolated, 0);
	CHECK_EQ(totals.reported, 0);
	CHECK_EQ(totals.free, FRAMES);
	/* the device had them: nobody knows what is in them now */
	CHECK(fixture_count(mm, fixture_base(), FRAMES, MM_STATE_DIRTY) > 0);
	report_status(mm, &status);
	CHECK_EQ(status.timeouts, 1);
	CHECK_EQ(fixture_wasted(mm), fixture_count(mm, fixture_base(), FRAMES, MM_STATE_DIRTY));
	CHECK_MM(mm);
	(void)report_unregister(mm, &fake->sink);
	CHECK_MM(mm);
}

TEST(mm_in_flight, no_block_comes_back_before_the_reset_is_certain)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 1);
	struct mm_totals totals;
	uint64_t isolated;

	fake->answer = FAKE_SILENT;
	fake->reset_works = false;
	fake_until_in_flight(mm, fake);
	(void)report_step(mm);
	isolated = fake_isolated(mm);
	for (int i = 0; i < 5; i++) {
		test_port_pass_ns(60000000);
		(void)report_step(mm);
	}
	CHECK(fake->resets > 0);
	CHECK_EQ(fake_isolated(mm), isolated);
	CHECK_MM(mm);
	fake->reset_works = true;
	report_pause(mm);
	for (int i = 0; i < 5; i++) {
		test_port_pass_ns(60000000);
		(void)report_step(mm);
	}
	mm_totals(mm, &totals);
	CHECK_EQ(totals.isolated, 0);
	CHECK_EQ(totals.free, FRAMES);
	CHECK_MM(mm);
	(void)report_unregister(mm, &fake->sink);
}

TEST(mm_in_flight, a_device_that_cant_be_reset_stays_registered)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 1);

	fixture_knob("report.timeout_ms", 5);
	fake->answer = FAKE_SILENT;
	fake->reset_works = false;
	report_now(mm);
	fake_until_in_flight(mm, fake);
	test_port_pass_ns(6000000);
	CHECK_EQ(report_unregister(mm, &fake->sink), -1);
	CHECK(fake->resets > 0);
	CHECK(fake_isolated(mm) > 0);
	fake->reset_works = true;
	test_port_pass_ns(6000000);
	fake_unregister(mm, fake);
	CHECK_EQ(fake_isolated(mm), 0);
}

TEST(mm_in_flight, unregistering_drains_what_is_in_flight)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 1);
	struct mm_totals totals;

	fake_until_in_flight(mm, fake);
	fake_unregister(mm, fake);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.isolated, 0);
	CHECK_EQ(totals.free, FRAMES);
	CHECK_EQ(totals.reported, fake->frames);
}

TEST(mm_in_flight, unregistering_from_a_silent_device_ends)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 1);
	struct mm_totals totals;

	fake->answer = FAKE_SILENT;
	fake_until_in_flight(mm, fake);
	fake_unregister(mm, fake);
	CHECK(fake->resets > 0);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.isolated, 0);
	CHECK_EQ(totals.reported, 0);
	CHECK_EQ(totals.free, FRAMES);
}

TEST(mm_in_flight, an_allocation_waits_for_memory_in_flight)
{
	struct mm *mm = fake_mm(9, 64);
	struct fake_sink *fake = fake_registered(mm, 9, 64, 1);
	struct report_status before, after;
	pfn_t pfn;

	report_status(mm, &before);
	fake_until_in_flight(mm, fake);
	/* all of it: can't be had without the host's answer */
	pfn = mm_alloc(mm, 12, MM_ANY);
	CHECK_EQ(pfn, fixture_base());
	report_status(mm, &after);
	CHECK_EQ(after.waits, before.waits + 1);
	mm_free(mm, pfn, 12);
	fake_used(fake, pfn, FRAMES);
	fake_unregister(mm, fake);
}

TEST(mm_in_flight, bulk_waits_too)
{
	struct mm *mm = fake_mm(9, 64);
	struct fake_sink *fake = fake_registered(mm, 9, 64, 1);
	pfn_t pfns[8];

	fake_until_in_flight(mm, fake);
	CHECK(mm_alloc_bulk(mm, 9, MM_ANY, 8, pfns));
	CHECK_MM(mm);
	fake_unregister(mm, fake);
}

TEST(mm_in_flight, an_allocation_does_not_wait_for_ever)
{
	struct mm *mm = fake_mm(9, 64);
	struct fake_sink *fake = fake_registered(mm, 9, 64, 1);
	uint64_t start, failed = fixture_alloc_failed(mm);

	fake->answer = FAKE_SILENT;
	fake->reset_works = false;
	fake_until_in_flight(mm, fake);
	start = mm_port_now_ns();
	CHECK_EQ(mm_alloc(mm, 12, MM_ANY), MM_PFN_NONE);
	CHECK(mm_port_now_ns() - start < 1000000000);
	CHECK_EQ(fixture_alloc_failed(mm), failed + 1);
	CHECK_MM(mm);
	fake->reset_works = true;
	test_port_pass_ns(60000000);
	(void)report_step(mm);
	(void)report_unregister(mm, &fake->sink);
	CHECK_MM(mm);
}

static void (*plain_poll)(struct report_sink *sink);
static pfn_t got_meanwhile;

static void poll_and_take(struct report_sink *sink)
{
	plain_poll(sink);
	if (got_meanwhile == MM_PFN_NONE)
		got_meanwhile = mm_alloc(sink->mm, 12, MM_ANY);
}

/* While mm_retire waits for the host, somebody else may be given the frame: then it is theirs. */
TEST(mm_in_flight, a_frame_in_flight_that_another_got_is_not_retired)
{
	struct mm *mm = fake_mm(9, 64);
	struct fake_sink *fake = fake_registered(mm, 9, 64, 1);
	struct mm_totals totals;

	(void)report_step(mm);
	CHECK_EQ(mm_frame_state(mm, fixture_base()), MM_STATE_ISOLATED);
	plain_poll = fake->sink.poll;
	got_meanwhile = MM_PFN_NONE;
	fake->sink.poll = poll_and_take;
	CHECK_EQ(mm_retire(mm, fixture_base()), -1);
	CHECK_EQ(got_meanwhile, fixture_base());
	mm_totals(mm, &totals);
	CHECK_EQ(totals.managed, FRAMES);
	mm_free(mm, got_meanwhile, 12);
	CHECK_EQ(mm_retire(mm, fixture_base()), 0);
	fake_used(fake, fixture_base(), FRAMES);
	fake_unregister(mm, fake);
}

/* What was in flight when the device was reset is answered after all, when the same slot carries something else. */
TEST(mm_in_flight, a_late_answer_is_not_taken_for_anothers)
{
	struct mm *mm = fake_mm(9, 1);
	struct fake_sink *fake = fake_registered(mm, 9, 1, 1);
	unsigned late;

	fake->answer = FAKE_SILENT;
	fake_until_in_flight(mm, fake);
	late = fake->pending[0].tag;
	test_port_pass_ns(60000000);
	(void)report_step(mm);
	CHECK_EQ(fake->resets, 1);
	fake_until_in_flight(mm, fake);
	report_done(&fake->sink, late, REPORT_OK);
	CHECK_EQ(fake_reported(mm), 0);
	CHECK_EQ(fake_isolated(mm), 512);
	CHECK(fake->pending[0].tag != late);
	fake->answer = FAKE_ACCEPT;
	fake_unregister(mm, fake);
}

TEST(mm_in_flight, a_reset_is_not_asked_for_again_at_once)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_registered(mm, 9, 8, 1);

	fake->answer = FAKE_SILENT;
	fake->reset_works = false;
	fake_until_in_flight(mm, fake);
	test_port_pass_ns(60000000);
	for (int i = 0; i < 5; i++)
		(void)report_step(mm);
	CHECK_EQ(fake->resets, 1);
	test_port_pass_ns(60000000);
	(void)report_step(mm);
	CHECK_EQ(fake->resets, 2);
	fake->reset_works = true;
	test_port_pass_ns(60000000);
	fake_unregister(mm, fake);
}

static int answer_and_refuse(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag)
{
	(void)ranges;
	(void)count;
	report_done(sink, tag, REPORT_OK);
	return -1;
}

TEST(mm_in_flight, what_was_answered_can_not_be_refused)
{
	struct mm *mm = fake_mm(9, 1);
	struct fake_sink *fake = fake_registered(mm, 9, 1, 1);
	struct report_status status;

	fake->sink.submit = answer_and_refuse;
	(void)report_step(mm);
	report_status(mm, &status);
	CHECK_EQ(status.in_flight_frames, 0);
	CHECK_EQ(status.errors, 0);
	CHECK_EQ(fake_reported(mm), 512);
	fake_unregister(mm, fake);
}

/* What is with the host is nobody's to free, though its frames are neither free nor the first of a block. */
static void freed_beside_a_report(unsigned order)
{
	struct mm *mm;
	struct fake_sink *fake;

	fixture_end();
	fixture_quiet();
	fixture_knob("report.order", 0);
	fixture_knob("report.batch", 512);
	mm = fixture_mm(512, MM_FRESH_DIRTY);
	fake = fake_sink(512, 32, 1);
	fake->answer = FAKE_SILENT;
	CHECK_EQ(report_register(mm, &fake->sink), 0);
	CHECK_EQ(mm_take_range(mm, fixture_base(), 1), 0);
	(void)report_step(mm);
	CHECK_EQ(fake_isolated(mm), 511);
	CHECK_PANIC(mm_free(mm, fixture_base(), order), mm_state_name(MM_STATE_ALLOCATED));
}

TEST(mm_in_flight, a_frame_freed_with_neighbours_that_are_being_reported)
{
	for (unsigned order = 1; order <= 8; order++)
		freed_beside_a_report(order);
}
