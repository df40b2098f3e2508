/* report.rate_mbps: how much is reported in a time, by a clock that the test drives. */
#include "host.h"
#include "mm/report.h"
#include "mm/state.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"

#define SECOND 1000000000ull

/* The reporting thread for that long, by its own wish when to be called; the clock of the host makes each step take
 * 1 us. Returns the bytes that were reported. */
static uint64_t run_for(struct mm *mm, struct fake_sink *fake, uint64_t ns, uint64_t *steps)
{
	uint64_t end = mm_port_now_ns() + ns, before = fake->frames;

	for (*steps = 0; mm_port_now_ns() < end; ++*steps) {
		uint64_t wake = report_step(mm);

		CHECK(wake > mm_port_now_ns());
		host_time_advance(1000);
		if (wake > mm_port_now_ns())
			host_time_set(wake < end ? wake : end);
	}
	return (fake->frames - before) * FRAME_SIZE;
}

static void check_rate(uint64_t bytes, uint64_t mbps, uint64_t ns, uint64_t block)
{
	uint64_t want = mbps * ns / 1000;

	/* one piece that can't be cut; or two slices of 10 ms */
	block = larger(block, mbps * 20000);
	CHECK(bytes + block >= want - want / 50);
	CHECK(bytes <= want + want / 50 + block);
}

TEST(rate_report, every_rate_and_order)
{
	static const uint64_t rates[] = {1, 2, 5, 10, 100, 200};

	for (unsigned r = 0; r < ARRAY_LEN(rates); r++) {
		for (unsigned order = 0; order <= 10; order++) {
			struct mm *mm = fake_mm(order, 32);
			struct fake_sink *fake = fake_registered(mm, order, 16, 2);
			uint64_t ns = rates[r] > 10 ? SECOND / 20 : SECOND, steps;

			fixture_knob("report.rate_mbps", rates[r]);
			check_rate(run_for(mm, fake, ns, &steps), rates[r], ns, FRAME_SIZE << order);
			CHECK(steps <= 400 + ns / 1000000); /* it sleeps in between */
			fake_unregister(mm, fake);
			fixture_end();
		}
	}
}

/* After a quiet time nothing is made up for: blocks of 2 MiB come out right within a second already. */
TEST(rate_report, the_first_second)
{
	static const uint64_t rates[] = {11, 12, 13, 15};

	for (unsigned r = 0; r < ARRAY_LEN(rates); r++) {
		struct mm *mm = fake_mm(9, 32);
		struct fake_sink *fake = fake_registered(mm, 9, 16, 2);
		uint64_t steps, want = rates[r] * 1000000;

		fixture_knob("report.rate_mbps", rates[r]);
		report_pause(mm);
		(void)run_for(mm, fake, SECOND, &steps);
		report_resume(mm);
		report_now(mm);
		uint64_t bytes = run_for(mm, fake, SECOND, &steps);
		CHECK(bytes >= want - want / 10);
		CHECK(bytes <= want + want / 10);
		fake_unregister(mm, fake);
		fixture_end();
	}
}

/* A block takes longer than a second: each waits until the one before is paid for. */
TEST(rate_report, less_than_a_block_a_second)
{
	struct mm *mm = fake_mm(9, 32);
	struct fake_sink *fake = fake_registered(mm, 9, 16, 2);
	uint64_t steps;

	fixture_knob("report.rate_mbps", 1);
	check_rate(run_for(mm, fake, 15 * SECOND, &steps), 1, 15 * SECOND, 2 * MIB);
	CHECK(steps < 100);
	fake_unregister(mm, fake);
}

TEST(rate_report, now_is_limited_and_a_change_takes_effect_at_once)
{
	struct mm *mm = fake_mm(9, 32);
	struct fake_sink *fake = fake_registered(mm, 9, 16, 2);
	uint64_t steps;

	fixture_knob("report.rate_mbps", 1);
	report_now(mm);
	CHECK_EQ(run_for(mm, fake, SECOND, &steps), 2 * MIB);
	fixture_knob("report.rate_mbps", 100);
	CHECK(report_step(mm) <= mm_port_now_ns() + 1000000);
	check_rate(run_for(mm, fake, SECOND / 10, &steps), 100, SECOND / 10, 2 * MIB);
	fixture_knob("report.rate_mbps", 0);
	(void)run_for(mm, fake, SECOND / 100, &steps);
	CHECK(report_is_done(mm));
	CHECK_EQ(fake->frames, FAKE_FRAMES);
	fake_unregister(mm, fake);
}

/* What the sink refuses doesn't count. */
TEST(rate_report, refused_batches_cost_nothing)
{
	struct mm *mm = fake_mm(9, 32);
	struct fake_sink *fake = fake_registered(mm, 9, 16, 2);
	uint64_t steps;

	fixture_knob("report.rate_mbps", 1);
	fake->answer = FAKE_REFUSE;
	(void)report_step(mm);
	CHECK_EQ(fake->submits, 1);
	fake->answer = FAKE_ACCEPT;
	report_now(mm);
	CHECK_EQ(run_for(mm, fake, SECOND / 2, &steps), 2 * MIB);
	fake_unregister(mm, fake);
}
