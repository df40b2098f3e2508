/* Zeroing seen from the machine's side: who is interrupted when, what another CPU may do in the middle of a batch, how
 * often a frame is written. The hook in host_hook stands for the other CPU: it runs between two frames of a batch. */
#include <pthread.h>

#include "host.h"
#include "mm/report.h"
#include "mm/state.h"
#include "mm/timing.h"
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/naive.h"

#define FRAMES 1024u

static void idle_knobs(uint64_t batch)
{
	fixture_quiet();
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 100);
	fixture_knob("zero.high_pct", 100);
	fixture_knob("zero.batch_frames", batch);
}

static struct mm *idle_mm(uint64_t batch)
{
	struct mm *mm;

	idle_knobs(batch);
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	host_lock_watch = &mm->lock;
	return mm;
}

static bool always_due(void)
{
	return true;
}

TEST(zero_port, every_frame_is_zeroed_once_cold_and_outside_the_lock)
{
	struct mm *mm = idle_mm(64);

	fixture_idle(mm);
	CHECK_EQ(host_counts.zero_cold_frames, FRAMES);
	CHECK_EQ(host_counts.zero_hot_frames, 0);
	CHECK_EQ(host_counts.zero_calls_locked, 0);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++)
		CHECK_EQ(host_zeroed(pfn), 1);
}

TEST(zero_port, one_fence_a_batch)
{
	struct mm *mm = idle_mm(64);

	fixture_idle(mm);
	CHECK(host_counts.fences >= FRAMES / 64);
	CHECK(host_counts.fences <= FRAMES / 64 + 1);
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

	host_should_yield = always_due;
	for (uint64_t n = 0; n < FRAMES;) {
		uint64_t before = n;

		CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
		n = host_counts.zero_cold_frames;
		CHECK(n - before <= 1);
		CHECK(n > before || n % 64 == 0); /* the end of a batch takes a call of its own */
	}
	host_should_yield = NULL;
	fixture_idle(mm);
	CHECK_EQ(host_counts.zero_cold_frames, FRAMES);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++)
		CHECK_EQ(host_zeroed(pfn), 1);
	CHECK_MM(mm);
}

static uint64_t due_at;

static bool due_from(void)
{
	return host_counts.zero_cold_frames >= due_at;
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
		due_at = n;
		host_should_yield = due_from;
		while (host_counts.zero_cold_frames < n)
			CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
		CHECK_EQ(host_counts.zero_cold_frames, n);
		host_should_yield = NULL;
		CHECK_MM(mm);
		fixture_idle(mm);
		for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++)
			CHECK_EQ(host_zeroed(pfn), 1);
		CHECK_EQ(fixture_count(mm, fixture_base(), FRAMES, MM_STATE_ZERO), FRAMES);
		CHECK_MM(mm);
	}
}

TEST(zero_port, a_batch_that_made_way_can_be_taken)
{
	struct mm *mm = idle_mm(64);
	struct zero_status status;
	struct mm_totals totals;
	uint64_t wake;

	due_at = 10;
	host_should_yield = due_from;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	zero_status(mm, &status);
	CHECK_EQ(status.batch_frames, 64);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.isolated, 64);
	CHECK_MM(mm);
	/* all memory in one block: the batch has to come back, its first ten frames zero */
	CHECK_EQ(mm_alloc(mm, 10, MM_ZERO_COLD), fixture_base());
	CHECK(fixture_is(fixture_base(), FRAMES, 0));
	CHECK_EQ(host_counts.zero_cold_frames, FRAMES);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++)
		CHECK_EQ(host_zeroed(pfn), 1);
	CHECK(mm->zero_engine.aborts > 0);
	host_should_yield = NULL;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_NOTHING);
	CHECK_MM(mm);
}

/* What the other CPU does while frame number hook_at of the batch is being written. */
static struct {
	struct mm *mm;
	uint64_t at;
	void (*act)(struct mm *mm);
	pfn_t got;
	unsigned order;
	unsigned want;
	bool done;
} other;

static void other_cpu(const char *what, pfn_t pfn, size_t frames)
{
	(void)pfn;
	(void)frames;
	if (strcmp(what, "cold") != 0 || other.done || host_counts.zero_cold_frames != other.at)
		return;
	other.done = true;
	host_cpu = 1;
	other.act(other.mm);
	host_cpu = 0;
}

static void other_pauses(struct mm *mm)
{
	zero_pause(mm);
}

static void other_looks(struct mm *mm)
{
	struct mm_totals totals;

	mm_totals(mm, &totals);
	CHECK_EQ(totals.free + totals.isolated, FRAMES);
	CHECK(mm_check(mm));
	CHECK_EQ(mm_frame_state(mm, fixture_base()) == MM_STATE_UNMANAGED, 0);
}

static void run_against(struct mm *mm, uint64_t at, void (*act)(struct mm *mm))
{
	other.mm = mm;
	other.at = at;
	other.act = act;
	other.done = false;
	host_hook = other_cpu;
}

TEST(zero_port, another_cpu_looks_on)
{
	for (uint64_t at = 1; at <= 20; at++) {
		struct mm *mm;

		fixture_end();
		host_reset();
		mm = idle_mm(16);
		run_against(mm, at, other_looks);
		fixture_idle(mm);
		CHECK(other.done);
		CHECK_EQ(host_counts.zero_cold_frames, FRAMES);
		CHECK_MM(mm);
	}
}

static pthread_t other_thread;

static void *take_in_thread(void *mm)
{
	host_cpu = 1;
	other.got = mm_alloc(mm, other.order, other.want);
	return NULL;
}

/* In a thread, since it may have to wait for this CPU to leave the frame that it is writing. */
static void other_takes(struct mm *mm)
{
	CHECK_EQ(pthread_create(&other_thread, NULL, take_in_thread, mm), 0);
}

/* The handshake of the abort, frame by frame: another CPU allocates while frames are being written. What it gets
 * mustn't be written to any more. */
TEST(zero_port, another_cpu_allocates_in_the_middle_of_a_batch)
{
	static const unsigned orders[] = {0, 3, 6, 9, 10};

	for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
		for (uint64_t at = 1; at <= 20; at++) {
			size_t got_frames = (size_t)1 << orders[o];
			struct mm_totals totals;
			struct mm *mm;
			uint64_t wake;

			fixture_end();
			host_reset();
			mm = idle_mm(16);
			other.order = orders[o];
			other.want = at & 1 ? MM_ANY : MM_ZERO_COLD;
			run_against(mm, at, other_takes);
			CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
			if (!other.done)
				CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
			CHECK(other.done);
			CHECK_EQ(pthread_join(other_thread, NULL), 0);
			CHECK(other.got != MM_PFN_NONE);
			CHECK_MM(mm);
			fixture_fill(other.got, got_frames, 0x4e);
			host_hook = NULL;
			fixture_idle(mm);
			CHECK(fixture_is(other.got, got_frames, 0x4e));
			/* but for what the other CPU keeps for itself */
			mm_totals(mm, &totals);
			CHECK_EQ(totals.free, FRAMES - got_frames);
			CHECK(totals.cached <= NEXT_FRAMES);
			CHECK_EQ(totals.zero, totals.free - totals.cached);
			for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++)
				CHECK(host_zeroed(pfn) <= 1);
			CHECK_MM(mm);
		}
	}
}

/* Goes on only when the request has reached the point of asking for the batch. */
static void other_asks_for_the_batch(struct mm *mm)
{
	other_takes(mm);
	while (!__atomic_load_n(&mm->zero_engine.abort, __ATOMIC_ACQUIRE))
		;
}

TEST(zero_port, an_abort_is_seen_at_the_next_frame)
{
	struct mm *mm = idle_mm(64);
	struct zero_ledger ledger;
	uint64_t wake;

	other.order = 10; /* all memory */
	other.want = MM_ZERO_COLD;
	run_against(mm, 5, other_asks_for_the_batch);
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	zero_ledger(mm, &ledger);
	CHECK_EQ(pthread_join(other_thread, NULL), 0);
	CHECK_EQ(ledger.idle_frames, 5);
	CHECK_EQ(other.got, fixture_base());
	CHECK(fixture_is(fixture_base(), FRAMES, 0));
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++)
		CHECK_EQ(host_zeroed(pfn), 1);
	CHECK_MM(mm);
}

TEST(zero_port, another_cpu_pauses_in_the_middle_of_a_batch)
{
	for (uint64_t at = 1; at <= 20; at++) {
		struct mm *mm;
		struct mm_totals totals;
		uint64_t wake;

		fixture_end();
		host_reset();
		mm = idle_mm(16);
		run_against(mm, at, other_pauses);
		for (int i = 0; i < 5; i++)
			(void)zero_idle(mm, &wake);
		CHECK(other.done);
		mm_totals(mm, &totals);
		CHECK_EQ(totals.isolated, 0);
		CHECK(host_counts.zero_cold_frames < at + 16);
		CHECK_EQ(totals.zero, host_counts.zero_cold_frames);
		CHECK_MM(mm);
		zero_resume(mm);
		host_hook = NULL;
		fixture_idle(mm);
		for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++)
			CHECK_EQ(host_zeroed(pfn), 1);
	}
}

TEST(zero_port, a_request_that_would_fail_takes_the_batch_back)
{
	/* free memory is no more than the batch */
	for (uint64_t done = 1; done < 64; done += 9) {
		struct mm *mm;
		uint64_t wake;
		pfn_t base;

		fixture_end();
		host_reset();
		mm = idle_mm(64);
		base = fixture_base();
		CHECK_EQ(mm_take_range(mm, base + 64, FRAMES - 64), 0);
		due_at = done;
		host_should_yield = due_from;
		while (host_counts.zero_cold_frames < done)
			CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
		CHECK_EQ(mm_alloc(mm, 6, MM_ZERO_COLD), base);
		CHECK(fixture_is(base, 64, 0));
		for (pfn_t pfn = base; pfn < base + 64; pfn++)
			CHECK_EQ(host_zeroed(pfn), 1);
		CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
		CHECK_EQ(mm->zero_engine.aborts, 1);
		CHECK_MM(mm);
	}
}

TEST(zero_port, bulk_takes_the_batch_back_too)
{
	struct mm *mm = idle_mm(64);
	pfn_t *pfns = fixture_bytes(FRAMES * sizeof *pfns);
	uint64_t wake;

	due_at = 10;
	host_should_yield = due_from;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK(mm_alloc_bulk(mm, 0, MM_ZERO_COLD, FRAMES, pfns));
	CHECK(fixture_is(fixture_base(), FRAMES, 0));
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++)
		CHECK_EQ(host_zeroed(pfn), 1);
	CHECK_MM(mm);
}

TEST(zero_port, a_range_and_a_bad_frame_are_taken_out_of_the_batch)
{
	struct mm *mm = idle_mm(64);
	uint64_t wake;
	pfn_t held = MM_PFN_NONE;

	due_at = 10;
	host_should_yield = due_from;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++) {
		if (mm_frame_state(mm, pfn) == MM_STATE_ISOLATED)
			held = pfn;
	}
	CHECK(held != MM_PFN_NONE);
	CHECK_EQ(mm_take_range(mm, held, 1), 0);
	CHECK_EQ(mm_frame_state(mm, held), MM_STATE_ALLOCATED);
	mm_free(mm, held, 0);
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	for (held = fixture_base(); mm_frame_state(mm, held) != MM_STATE_ISOLATED; held++)
		CHECK(held < fixture_base() + FRAMES);
	CHECK_EQ(mm_retire(mm, held), 0);
	CHECK_EQ(mm_frame_state(mm, held), MM_STATE_UNMANAGED);
	CHECK_MM(mm);
	host_should_yield = NULL;
	fixture_idle(mm);
	CHECK_EQ(fixture_count(mm, fixture_base(), FRAMES, MM_STATE_ZERO), FRAMES - 1);
	CHECK_MM(mm);
}

TEST(zero_port, hot_requests_use_ordinary_stores)
{
	struct mm *mm;
	pfn_t pfn;

	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
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
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
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
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	host_hook = time_passes;
	/* 16 frames at 100 ns each, while the caller waits */
	pfns[0] = mm_alloc(mm, 4, MM_ZERO_COLD);
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.alloc_frames, 16);
	CHECK_EQ(ledger.alloc_ns, 1600);
	CHECK_EQ(ledger.miss_frames, 16);
	CHECK_EQ(ledger.spent_ns, 0);
	CHECK_EQ(ledger.saved_ns, 0);
	/* 200 frames while idle: exactly 10% of 1024, 102, then to the high mark of 20% */
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 10);
	fixture_knob("zero.high_pct", 20);
	fixture_idle(mm);
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.idle_frames, FRAMES * 20 / 100);
	CHECK_EQ(ledger.idle_ns, ledger.idle_frames * 100);
	CHECK_EQ(ledger.spent_ns, ledger.idle_ns);
	/* a hit saves what a miss costs here */
	pfns[1] = mm_alloc(mm, 5, MM_ZERO_COLD);
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.hit_frames, 32);
	CHECK_EQ(ledger.saved_ns, 3200);
	/* when freed */
	fixture_knob_word("zero.policy", "free");
	mm_free(mm, pfns[0], 4);
	mm_free(mm, pfns[1], 5);
	zero_ledger(mm, &ledger);
	CHECK_EQ(ledger.free_frames, 48);
	CHECK_EQ(ledger.free_ns, 4800);
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

/* A few frames that were zeroed by their takers make no price: they may have been touched for the first time. */
TEST(zero_port, the_price_of_a_miss_is_everybodys_until_there_were_enough)
{
	struct zero_ledger ledger;
	struct mm *mm;

	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
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

static uint64_t made_due_at;

/* The timer interrupt strikes while that frame is being written. */
static void becomes_due(const char *what, pfn_t pfn, size_t frames)
{
	(void)pfn;
	(void)frames;
	if (strcmp(what, "cold") == 0 && host_counts.zero_cold_frames == made_due_at)
		zero_wake_due(other.mm);
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

	other.mm = mm;
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
	other.mm = mm;
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
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	host_should_yield = always_due;
	CHECK(mm_alloc(mm, 9, MM_ZERO_COLD) != MM_PFN_NONE);
	CHECK(host_counts.relaxes >= 512 / 16 - 1);
}

/* A parked batch of what was left free in the first area. */
static struct mm *parked_mm(void)
{
	struct mm *mm = idle_mm(16);
	uint64_t wake;

	CHECK_EQ(mm_take_range(mm, fixture_base(), 496), 0);
	host_should_yield = always_due;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(mm->isolated, 16);
	CHECK_EQ(mm_frame_state(mm, fixture_base() + 511), MM_STATE_ISOLATED);
	return mm;
}

TEST(zero_port, a_batch_that_is_the_better_fit_is_taken_back)
{
	struct mm *mm = parked_mm();

	/* rather than that the second area, which is whole, is broken */
	CHECK_EQ(mm_alloc(mm, 3, MM_ANY) / 512, fixture_base() / 512);
	CHECK_EQ(mm->zero_engine.aborts, 1);
	CHECK_MM(mm);
}

TEST(zero_port, a_batch_too_small_for_a_request_is_left_alone)
{
	struct mm *mm = parked_mm();

	CHECK_EQ(mm_alloc(mm, 5, MM_ANY) / 512, fixture_base() / 512 + 1);
	CHECK_EQ(mm->zero_engine.aborts, 0);
	CHECK_MM(mm);
}

TEST(zero_port, a_batch_that_keeps_an_area_from_being_whole_is_taken_back)
{
	static const struct mm_range ranges[] = {{0, 512, MM_FRESH_DIRTY}, {512, 1024, MM_FRESH_REPORTED}};
	struct mm *mm;
	uint64_t wake;

	idle_knobs(16);
	mm = fixture_mm_ranges(FRAMES, ranges, ARRAY_LEN(ranges));
	host_should_yield = always_due;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(mm->isolated, 16);
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY), fixture_base());
	CHECK_EQ(mm->zero_engine.aborts, 1);
	CHECK_MM(mm);
}

TEST(zero_port, a_batch_above_4_gib_is_no_help_below)
{
	static const struct mm_range around_4g[] = {{MM_PFN_4G - 512, MM_PFN_4G + 512, MM_FRESH_DIRTY}};
	struct mm *mm;
	uint64_t wake;

	idle_knobs(16);
	mm = fixture_mm_at(around_4g, 1);
	CHECK_EQ(mm_take_range(mm, MM_PFN_4G, 496), 0);
	host_should_yield = always_due;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(mm_frame_state(mm, MM_PFN_4G + 511), MM_STATE_ISOLATED);
	CHECK(mm_alloc(mm, 3, MM_ANY | MM_BELOW_4G) < MM_PFN_4G);
	CHECK_EQ(mm->zero_engine.aborts, 0);
	CHECK_MM(mm);
}

TEST(zero_port, a_parked_batch_comes_back_when_the_policy_changes)
{
	struct mm *mm = parked_mm();
	uint64_t wake;

	fixture_knob_word("zero.policy", "alloc");
	CHECK_EQ(zero_idle(mm, &wake), ZERO_NOTHING);
	CHECK_EQ(mm->isolated, 0);
	CHECK_EQ(host_counts.zero_cold_frames, 1);
	CHECK_EQ(mm->zero, 1);
	CHECK_MM(mm);
}

/* While an allocation waits for the host the idle loop runs, and begins a batch of what came back. */
static void idle_meanwhile(const char *what, pfn_t pfn, size_t frames)
{
	uint64_t wake;

	(void)pfn;
	(void)frames;
	if (strcmp(what, "relax") != 0 || other.done || other.mm->isolated != 0)
		return;
	other.done = true;
	(void)zero_idle(other.mm, &wake);
	CHECK(other.mm->isolated != 0);
}

TEST(zero_port, a_batch_begun_while_a_request_waits_is_taken_back_too)
{
	struct mm *mm = idle_mm(16);
	struct fake_sink *fake;

	fixture_knob("zero.high_pct", 0);
	fixture_knob("report.order", 9);
	fake = fake_sink(FRAMES, 8, 1);
	fake->order = 9;
	CHECK_EQ(report_register(mm, &fake->sink), 0);
	(void)report_step(mm);
	CHECK_EQ(mm->isolated, FRAMES);
	fixture_knob("zero.high_pct", 100);
	host_should_yield = always_due;
	other.mm = mm;
	other.done = false;
	host_hook = idle_meanwhile;
	CHECK_EQ(mm_alloc(mm, 10, MM_ANY), fixture_base());
	CHECK(other.done);
	host_hook = NULL;
	fake_used(fake, fixture_base(), FRAMES);
	CHECK_EQ(report_unregister(mm, &fake->sink), 0);
	CHECK_MM(mm);
}

static pfn_t second_got;

/* On the other CPU, while its request waits for the batch, another thread allocates, and fills that CPU's cache. */
static void a_second_allocates(const char *what, pfn_t pfn, size_t frames)
{
	static bool within;

	if (host_cpu == 0) {
		within = false;
		other_cpu(what, pfn, frames);
	} else if (strcmp(what, "relax") == 0 && !within) {
		within = true;
		second_got = mm_alloc(other.mm, 0, MM_ANY);
	}
}

TEST(zero_port, a_cache_filled_while_a_request_waits_is_kept)
{
	struct mm *mm = idle_mm(64);
	uint64_t wake;

	CHECK_EQ(mm_take_range(mm, fixture_base(), 448), 0);
	other.order = 0;
	other.want = MM_ANY;
	run_against(mm, 3, other_asks_for_the_batch);
	host_hook = a_second_allocates;
	second_got = MM_PFN_NONE;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(pthread_join(other_thread, NULL), 0);
	host_hook = NULL;
	CHECK(other.got != MM_PFN_NONE);
	CHECK(second_got != MM_PFN_NONE);
	CHECK(other.got != second_got);
	CHECK_MM(mm);
}

TEST(zero_port, the_longest_hold_of_the_lock_is_kept)
{
	struct mm *mm = idle_mm(16);

	for (unsigned i = 1; i <= 3; i++) {
		mm_lock_timed(mm);
		host_time_advance(i == 2 ? 70000 : 50000);
		mm_unlock(mm);
	}
	CHECK_EQ(mm->lock_max_ns, 70000);
}

/* What a parked batch holds is free: it keeps no area from being reported. */
TEST(zero_port, report_now_includes_a_parked_batch)
{
	struct mm *mm = fake_mm(9, 8);
	struct fake_sink *fake;
	uint64_t wake;

	fixture_knob("report.reserve_pct", 100);
	fake = fake_registered(mm, 9, 8, 1);
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.high_pct", 100);
	host_should_yield = always_due;
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
