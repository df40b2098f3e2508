/* A batch that is being zeroed, and the host: while an allocation waits for the one the idle loop doesn't begin the
 * other, and reporting takes a parked batch back. */
#include "host.h"
#include "idle.h"
#include "mm/report.h"
#include "mm/state.h"
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"

static struct mm *waits; /* NULL: the idle loop had its turn */

/* While an allocation waits for the host the idle loop runs, and what came back would be there to be zeroed. */
static void idle_meanwhile(const char *what, pfn_t pfn, size_t frames)
{
	uint64_t wake;

	(void)pfn;
	(void)frames;
	if (strcmp(what, "relax") != 0 || !waits || waits->isolated != 0)
		return;
	CHECK_EQ(zero_idle(waits, &wake), ZERO_NOTHING);
	CHECK_EQ(waits->isolated, 0);
	waits = NULL;
}

TEST(zero_meanwhile, no_batch_is_begun_while_a_request_waits)
{
	struct mm *mm = idle_mm(16);
	struct fake_sink *fake;

	fixture_knob("zero.high_pct", 0);
	fixture_knob("report.order", 9);
	fake = fake_sink(IDLE_FRAMES, 8, 1);
	fake->order = 9;
	CHECK_EQ(report_register(mm, &fake->sink), 0);
	(void)report_step(mm);
	CHECK_EQ(mm->isolated, IDLE_FRAMES);
	fixture_knob("zero.high_pct", 100);
	host_should_yield = idle_always_due;
	waits = mm;
	host_hook = idle_meanwhile;
	CHECK_EQ(mm_alloc(mm, 10, MM_ANY), fixture_base());
	CHECK(!waits);
	host_hook = NULL;
	fake_used(fake, fixture_base(), IDLE_FRAMES);
	CHECK_EQ(report_unregister(mm, &fake->sink), 0);
	CHECK_MM(mm);
}

/* What a parked batch holds is free: it keeps no area from being reported. */
TEST(zero_meanwhile, report_now_includes_a_parked_batch)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake;
	uint64_t wake;

	fixture_knob("report.reserve_pct", 100);
	fake = fake_registered(mm, 9, 8, 1);
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.high_pct", 100);
	host_should_yield = idle_always_due;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	host_should_yield = NULL;
	CHECK(fake_isolated(mm) > 0);
	fixture_knob_word("zero.policy", "alloc");
	report_now(mm);
	CHECK_EQ(zero_idle(mm, &wake), ZERO_NOTHING);
	CHECK(fake_run(mm));
	CHECK_EQ(fake_reported(mm), FAKE_FRAMES);
	fake_unregister(mm, fake);
}

/* The one block there is to report is with zeroing, a part of it: it will be there, so reporting isn't done. */
TEST(zero_meanwhile, what_is_being_zeroed_for_the_host_is_still_to_come)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake = fake_sink(FAKE_FRAMES, 16, 2);
	uint64_t wake;

	fake->sink.keeps_zero = true;
	CHECK_EQ(mm_take_range(mm, fixture_base() + AREA_FRAMES, FAKE_FRAMES - AREA_FRAMES), 0);
	CHECK_EQ(report_register(mm, &fake->sink), 0);
	report_now(mm);
	(void)report_step(mm);
	host_should_yield = idle_always_due;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK(mm->isolated != 0);
	CHECK(!report_is_done(mm));
	(void)report_step(mm);
	CHECK(mm->report_engine.now_frames != 0);
	host_should_yield = NULL;
	for (int i = 0; i < 20; i++) {
		while (zero_idle(mm, &wake) == ZERO_AGAIN)
			;
		host_time_set(report_step(mm));
	}
	CHECK(report_is_done(mm));
	CHECK_EQ(mm->reported_zero, AREA_FRAMES);
	CHECK_EQ(report_unregister(mm, &fake->sink), 0);
}
