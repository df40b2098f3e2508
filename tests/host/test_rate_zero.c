/* zero.rate_mbps: how much the idle loop zeroes in a time, by a clock that the test drives. */
#include "host.h"
#include "mm/state.h"
#include "tests/unit/fixture_zero.h"

#define FRAMES 4096u
#define SECOND 1000000000ull

static struct mm *mm;
static uint64_t laters;

/* A frame takes as long as at 4 GB/s. */
static void frame_takes_time(const char *what, pfn_t pfn, size_t frames)
{
	(void)what;
	(void)pfn;
	host_time_advance(frames * 1000);
}

static void begin(uint64_t mbps, uint64_t batch)
{
	fixture_quiet();
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 100);
	fixture_knob("zero.high_pct", 100);
	fixture_knob("zero.batch_frames", batch);
	fixture_knob("zero.rate_mbps", mbps);
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	host_hook = frame_takes_time;
	laters = 0;
}

/* All memory is free and dirty again. */
static void dirty(void)
{
	CHECK_EQ(mm_take_range(mm, fixture_base(), FRAMES), 0);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++)
		mm_free(mm, pfn, 0);
	mm_drain(mm);
}

/* An idle CPU for that long, with more to zero than it may. Returns the bytes it zeroed. */
static uint64_t idle_for(uint64_t ns)
{
	uint64_t end = mm_port_now_ns() + ns, before = mm->zero_engine.idle_frames, wake_ns = 0;

	while (mm_port_now_ns() < end) {
		switch (zero_idle(mm, &wake_ns)) {
		case ZERO_AGAIN:
			break;
		case ZERO_LATER:
			CHECK(wake_ns > mm_port_now_ns()); /* or an idle CPU would spin */
			host_time_set(wake_ns < end ? wake_ns : end);
			laters++;
			break;
		case ZERO_NOTHING:
			dirty();
			break;
		}
	}
	return (mm->zero_engine.idle_frames - before) * FRAME_SIZE;
}

/* Within so many percent; and two frames, which can't be halved. */
static void check_rate(uint64_t bytes, uint64_t mbps, uint64_t ns, unsigned percent)
{
	uint64_t want = mbps * ns / 1000;

	CHECK(bytes + 2 * FRAME_SIZE >= want - want * percent / 100);
	CHECK(bytes <= want + want * percent / 100 + 2 * FRAME_SIZE);
}

TEST(rate_zero, every_second_has_its_share)
{
	static const uint64_t rates[] = {1, 2, 3, 7, 10, 33, 100, 250};
	static const uint64_t batches[] = {1, 64, 512};

	for (unsigned r = 0; r < ARRAY_LEN(rates); r++) {
		for (unsigned b = 0; b < ARRAY_LEN(batches); b++) {
			begin(rates[r], batches[b]);
			for (int second = 0; second < 3; second++)
				check_rate(idle_for(SECOND), rates[r], SECOND, 3);
			CHECK(laters <= 3 * 130); /* it sleeps in between */
			CHECK(laters >= 3 * 30);
			fixture_end();
		}
	}
}

TEST(rate_zero, high_rates_in_a_tenth_of_a_second)
{
	static const uint64_t rates[] = {500, 1000, 2500};

	for (unsigned r = 0; r < ARRAY_LEN(rates); r++) {
		begin(rates[r], 64);
		check_rate(idle_for(SECOND / 10), rates[r], SECOND / 10, 21); /* a slice is a tenth of this */
		fixture_end();
	}
}

/* More than it can: the limit does nothing, and what wasn't used isn't made up for. */
TEST(rate_zero, a_rate_out_of_reach_and_none)
{
	begin(1000000, 64);
	check_rate(idle_for(SECOND / 10), 4096, SECOND / 10, 3);
	CHECK_EQ(laters, 0);
	fixture_knob("zero.rate_mbps", 100);
	check_rate(idle_for(SECOND), 100, SECOND, 3);
	fixture_knob("zero.rate_mbps", 0);
	laters = 0;
	check_rate(idle_for(SECOND / 10), 4096, SECOND / 10, 3);
	CHECK_EQ(laters, 0);
}

TEST(rate_zero, a_change_takes_effect_at_once)
{
	uint64_t wake_ns;

	begin(1, 512);
	while (zero_idle(mm, &wake_ns) == ZERO_AGAIN)
		;
	CHECK_EQ(zero_idle(mm, &wake_ns), ZERO_LATER);
	fixture_knob("zero.rate_mbps", 100);
	CHECK_EQ(zero_idle(mm, &wake_ns), ZERO_AGAIN);
	check_rate(idle_for(SECOND), 100, SECOND, 3);
	fixture_knob("zero.rate_mbps", 2);
	check_rate(idle_for(SECOND), 2, SECOND, 3);
}

/* After a long rest, or when other threads had the CPU for longer than 50 ms, it begins anew. */
TEST(rate_zero, a_rest_is_not_saved_up)
{
	begin(100, 64);
	(void)idle_for(SECOND);
	host_time_advance(10 * SECOND);
	check_rate(idle_for(SECOND), 100, SECOND, 3);
}

TEST(rate_zero, a_late_wakeup_is_made_up_for)
{
	uint64_t start, before, wake_ns;

	begin(50, 64);
	start = mm_port_now_ns();
	before = mm->zero_engine.idle_frames;
	while (mm_port_now_ns() < start + SECOND) {
		enum zero_verdict verdict = zero_idle(mm, &wake_ns);

		if (verdict == ZERO_LATER)
			host_time_set(wake_ns + 7000000);
		else if (verdict == ZERO_NOTHING)
			dirty();
	}
	check_rate((mm->zero_engine.idle_frames - before) * FRAME_SIZE, 50, mm_port_now_ns() - start, 3);
}

TEST(rate_zero, now_is_limited_too)
{
	uint64_t wake_ns;

	begin(10, 64);
	fixture_knob_word("zero.policy", "alloc");
	zero_now(mm);
	check_rate(idle_for(SECOND), 10, SECOND, 3);
	while (zero_idle(mm, &wake_ns) == ZERO_AGAIN)
		;
	CHECK_EQ(zero_idle(mm, &wake_ns), ZERO_LATER);
	CHECK(!zero_is_done(mm));
	/* what rests can be taken back, and is when zeroing is paused */
	zero_pause(mm);
	CHECK_EQ(mm->isolated, 0);
	CHECK_EQ(zero_idle(mm, &wake_ns), ZERO_NOTHING);
	CHECK_MM(mm);
}

TEST(rate_zero, allocations_and_frees_are_not)
{
	pfn_t pfn;
	uint64_t start;

	begin(1, 64);
	(void)idle_for(SECOND / 100);
	start = mm_port_now_ns();
	pfn = mm_alloc(mm, 9, MM_ZERO_COLD);
	CHECK(fixture_is(pfn, 512, 0));
	fixture_knob_word("zero.policy", "free");
	mm_free(mm, pfn, 9);
	CHECK(mm_port_now_ns() - start <= 2 * 512 * 1000);
	CHECK_EQ(fixture_count(mm, pfn, 512, MM_STATE_ZERO), 512);
}
