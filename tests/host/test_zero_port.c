/* Zeroing seen from the machine's side: how a frame is stored and how often, who is interrupted when, what the ledger
 * and the histogram say of it. */
#include "host.h"
#include "idle.h"
#include "mm/state.h"
#include "mm/zero.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"

TEST(zero_port, every_frame_is_zeroed_once_cold_and_outside_the_lock)
{
	struct mm *mm = idle_mm(64);

	fixture_idle(mm);
	CHECK_EQ(host_counts.zero_cold_frames, IDLE_FRAMES);
	CHECK_EQ(host_counts.zero_hot_frames, 0);
	CHECK_EQ(host_counts.zero_calls_locked, 0);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + IDLE_FRAMES; pfn++)
		CHECK_EQ(host_zeroed(pfn), 1);
}

TEST(zero_port, one_fence_a_batch)
{
	struct mm *mm = idle_mm(64);

	fixture_idle(mm);
	CHECK(host_counts.fences >= IDLE_FRAMES / 64);
	CHECK(host_counts.fences <= IDLE_FRAMES / 64 + 1);
}

TEST(zero_port, asks_for_a_wakeup_after_every_frame)
{
	struct mm *mm = idle_mm(64);
	uint64_t wake;

	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(host_counts.zero_cold_frames, 64);
	CHECK_EQ(host_counts.zero_cold_calls, 64);
	CHECK(host_counts.yields >= 63);
}

TEST(zero_port, makes_way_after_the_frame_in_hand)
{
	struct mm *mm = idle_mm(64);
	uint64_t wake;

	host_should_yield = idle_always_due;
	for (uint64_t n = 0; n < IDLE_FRAMES;) {
		uint64_t before = n;

		CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
		n = host_counts.zero_cold_frames;
		CHECK(n - before <= 1);
		CHECK(n > before || n % 64 == 0); /* the end of a batch takes a call of its own */
	}
	host_should_yield = NULL;
	fixture_idle(mm);
	CHECK_EQ(host_counts.zero_cold_frames, IDLE_FRAMES);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + IDLE_FRAMES; pfn++)
		CHECK_EQ(host_zeroed(pfn), 1);
	CHECK_MM(mm);
}

/* A wake-up at the n-th chance, for every n: nothing is lost, nothing done twice. */
TEST(zero_port, a_wakeup_at_every_moment)
{
	for (uint64_t n = 1; n <= 40; n++) {
		struct mm *mm;
		uint64_t wake;

		fixture_end();
		host_reset();
		mm = idle_mm(16);
		idle_due_at = n;
		host_should_yield = idle_due_from;
		while (host_counts.zero_cold_frames < n)
			CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
		CHECK_EQ(host_counts.zero_cold_frames, n);
		host_should_yield = NULL;
		CHECK_MM(mm);
		fixture_idle(mm);
		for (pfn_t pfn = fixture_base(); pfn < fixture_base() + IDLE_FRAMES; pfn++)
			CHECK_EQ(host_zeroed(pfn), 1);
		CHECK_EQ(fixture_count(mm, fixture_base(), IDLE_FRAMES, MM_STATE_ZERO), IDLE_FRAMES);
		CHECK_MM(mm);
	}
}

TEST(zero_port, hot_requests_use_ordinary_stores)
{
	struct mm *mm;
	pfn_t pfn;

	fixture_quiet();
	mm = fixture_mm(IDLE_FRAMES, MM_FRESH_DIRTY);
	host_lock_watch = &mm->lock;
	pfn = mm_alloc(mm, 2, MM_ZERO_HOT);
	CHECK(pfn != MM_PFN_NONE);
	CHECK_EQ(host_counts.zero_hot_frames, 4);
	CHECK_EQ(host_counts.zero_cold_frames, 0);
	pfn = mm_alloc(mm, 2, MM_ZERO_COLD);
	CHECK(pfn != MM_PFN_NONE);
	CHECK_EQ(host_counts.zero_hot_frames, 4);
	CHECK_EQ(host_counts.zero_cold_frames, 4);
	CHECK(host_counts.fences >= 1);
	CHECK_EQ(host_counts.zero_calls_locked, 0);
}

TEST(zero_port, policy_free_stores_outside_the_lock)
{
	struct mm *mm;
	pfn_t pfn;

	fixture_quiet();
	fixture_knob_word("zero.policy", "free");
	mm = fixture_mm(IDLE_FRAMES, MM_FRESH_DIRTY);
	host_lock_watch = &mm->lock;
	pfn = mm_alloc(mm, 9, MM_ANY);
	mm_free(mm, pfn, 9);
	CHECK_EQ(host_counts.zero_cold_frames, 512);
	CHECK_EQ(host_counts.zero_calls_locked, 0);
	CHECK(host_counts.fences >= 1);
}

static void time_passes(const char *what, pfn_t pfn, size_t frames)
{
	(void)pfn;
	if (strcmp(what, "cold") == 0 || strcmp(what, "hot") == 0)
		host_time_advance(100 * frames);
}

TEST(zero_port, the_ledger_adds_up)
{
	struct zero_ledger ledger;
	struct mm *mm;
	pfn_t pfns[3];

	fixture_quiet();
	mm = fixture_mm(IDLE_FRAMES, MM_FRESH_DIRTY);
	host_hook = time_passes;
	/* 64 frames at 100 ns each, while the caller waits */
	pfns[0] = mm_alloc(mm, 6, MM_ZERO_COLD);
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.alloc_frames, 64);
	CHECK_EQ(ledger.alloc_ns, 6400);
	CHECK_EQ(ledger.miss_frames, 64);
	CHECK_EQ(ledger.spent_ns, 0);
	CHECK_EQ(ledger.saved_ns, 0);
	/* 200 frames while idle: exactly 10% of 1024, 102, then to the high mark of 20% */
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 10);
	fixture_knob("zero.high_pct", 20);
	fixture_idle(mm);
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.idle_frames, IDLE_FRAMES * 20 / 100);
	CHECK_EQ(ledger.idle_ns, ledger.idle_frames * 100);
	CHECK_EQ(ledger.spent_ns, ledger.idle_ns);
	/* a hit saves what a miss costs here */
	pfns[1] = mm_alloc(mm, 5, MM_ZERO_COLD);
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.hit_frames, 32);
	CHECK_EQ(ledger.saved_ns, 3200);
	/* when freed */
	fixture_knob_word("zero.policy", "free");
	mm_free(mm, pfns[0], 6);
	mm_free(mm, pfns[1], 5);
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.free_frames, 96);
	CHECK_EQ(ledger.free_ns, 9600);
	CHECK_EQ(ledger.spent_ns, ledger.idle_ns + ledger.free_ns);
	/* in vain */
	fixture_knob_word("zero.policy", "alloc");
	CHECK_EQ(ledger.wasted_frames, 0);
	fixture_zero_all(mm);
	pfns[2] = mm_alloc(mm, 3, MM_ANY);
	CHECK(pfns[2] != MM_PFN_NONE);
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.wasted_frames, 8);
}

/* The clock is looked at for one in 64 frames, whose time stands for that of the others; not at all for hits. */
TEST(zero_port, the_clock_is_read_now_and_then)
{
	static const unsigned wants[] = {MM_ZERO_COLD, MM_ZERO_HOT};

	for (unsigned i = 0; i < ARRAY_LEN(wants); i++) {
		struct zero_ledger ledger;
		struct mm *mm;
		uint64_t reads;

		fixture_end();
		fixture_quiet();
		mm = fixture_mm(IDLE_FRAMES, MM_FRESH_DIRTY);
		host_hook = time_passes;
		reads = host_counts.clock_reads;
		for (unsigned k = 0; k < 640; k++)
			CHECK(mm_alloc(mm, 0, wants[i]) != MM_PFN_NONE);
		CHECK(host_counts.clock_reads - reads <= 640 / 64 * 2 + 640 / 16); /* and the locks that are timed */
		zero_ledger(mm, &ledger);
		CHECK_EQ(ledger.alloc_frames, 640);
		CHECK_EQ(ledger.alloc_ns, 64000);
		fixture_zero_all(mm);
		reads = host_counts.clock_reads;
		for (unsigned k = 0; k < 32; k++)
			CHECK(mm_alloc(mm, 0, wants[i]) != MM_PFN_NONE);
		CHECK(host_counts.clock_reads - reads <= 2);
	}
}

/* A few frames that were zeroed by their takers make no price: they may have been touched for the first time. */
TEST(zero_port, the_price_of_a_miss_is_everybodys_until_there_were_enough)
{
	struct zero_ledger ledger;
	struct mm *mm;

	fixture_quiet();
	mm = fixture_mm(IDLE_FRAMES, MM_FRESH_DIRTY);
	mm->cpu[0].hit_frames = 100;
	mm->cpu[0].alloc_zero_frames = 1000;
	mm->cpu[0].alloc_zero_ns = 1000 * 900;
	mm->cpu[0].free_zero_frames = 500;
	mm->cpu[0].free_zero_ns = 500 * 300;
	mm->zero_engine.idle_frames = 500;
	mm->zero_engine.idle_ns = 500 * 300;
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.saved_ns, 100 * 600);
	mm->cpu[0].alloc_zero_frames = 1024;
	mm->cpu[0].alloc_zero_ns = 1024 * 900;
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.saved_ns, 100 * 900);
}

static struct mm *made_due;
static uint64_t made_due_at;

/* The timer interrupt strikes while that frame is being written. */
static void becomes_due(const char *what, pfn_t pfn, size_t frames)
{
	(void)pfn;
	(void)frames;
	if (strcmp(what, "cold") == 0 && host_counts.zero_cold_frames == made_due_at)
		zero_wake_due(made_due);
}

static bool due_late(void)
{
	return host_counts.zero_cold_frames >= made_due_at + 3;
}

TEST(zero_port, the_histogram_counts_frames_from_due_to_return)
{
	struct mm *mm = idle_mm(64);
	struct zero_status status;
	uint64_t wake;

	made_due = mm;
	host_hook = becomes_due;
	host_should_yield = due_late;
	for (uint64_t i = 0; i < 7; i++) {
		made_due_at = host_counts.zero_cold_frames + 5;
		CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	}
	zero_status(mm, &status);
	/* the frame in hand when it became due, and three more */
	for (unsigned i = 0; i < ZERO_YIELD_BUCKETS; i++)
		CHECK_EQ(status.yields[i], i == 4 ? 7 : 0);
}

TEST(zero_port, reported_frames_are_not_touched_above_the_low_mark)
{
	static const struct mm_range range = {1 << 18, (1 << 18) + 2000, MM_FRESH_REPORTED};
	struct mm *mm;

	fixture_quiet();
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 5);
	fixture_knob("zero.high_pct", 100);
	mm = fixture_mm_at(&range, 1);
	fixture_idle(mm);
	CHECK_EQ(host_counts.zero_cold_frames, 100);
	CHECK_EQ(host_resident(range.start, 2000), 100);
	CHECK_MM(mm);
}

TEST(zero_port, the_histogram_counts_from_the_first_wakeup_and_only_of_this_batch)
{
	struct mm *mm = idle_mm(64);
	struct zero_status status;
	uint64_t wake;

	/* due while nothing was being zeroed: that is nobody's delay */
	zero_wake_due(mm);
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	zero_status(mm, &status);
	for (unsigned i = 0; i < ZERO_YIELD_BUCKETS; i++)
		CHECK_EQ(status.yields[i], 0);
	/* more than 16 frames late is one bucket; a second wake-up meanwhile changes nothing */
	made_due = mm;
	host_hook = becomes_due;
	made_due_at = host_counts.zero_cold_frames + 5;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	host_hook = NULL;
	zero_wake_due(mm);
	mm->zero_engine.idle_frames += 3;
	zero_wake_due(mm);
	CHECK_EQ(mm->zero_engine.due_at, mm->zero_engine.idle_frames - 3);
	zero_status(mm, &status);
	for (unsigned i = 0; i < ZERO_YIELD_BUCKETS; i++)
		CHECK_EQ(status.yields[i], i == ZERO_YIELD_BUCKETS - 1 ? 1 : 0);
}

TEST(zero_port, an_allocation_that_zeroes_makes_way_now_and_then)
{
	struct mm *mm;

	fixture_quiet();
	mm = fixture_mm(IDLE_FRAMES, MM_FRESH_DIRTY);
	host_should_yield = idle_always_due;
	CHECK(mm_alloc(mm, 9, MM_ZERO_COLD) != MM_PFN_NONE);
	CHECK(host_counts.relaxes >= 512 / 16 - 1);
}