/* A batch that is being zeroed, and who takes it back: requests that would fail or fit better, and other CPUs in the
 * middle of it. The hook in host_hook stands for the other CPU: it runs between two frames of a batch. */
#include <pthread.h>

#include "host.h"
#include "idle.h"
#include "mm/marks.h"
#include "mm/state.h"
#include "mm/zero.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"

TEST(zero_taken, a_batch_that_made_way_can_be_taken)
{
	struct mm *mm = idle_mm(64);
	struct zero_status status;
	struct mm_totals totals;
	uint64_t wake;

	idle_due_at = 10;
	host_should_yield = idle_due_from;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	zero_status(mm, &status);
	CHECK_EQ(status.batch_frames, 64);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.isolated, 64);
	CHECK_MM(mm);
	/* all memory in one block: the batch has to come back, its first ten frames zero */
	CHECK_EQ(mm_alloc(mm, 10, MM_ZERO_COLD), fixture_base());
	CHECK(fixture_is(fixture_base(), IDLE_FRAMES, 0));
	CHECK_EQ(host_counts.zero_cold_frames, IDLE_FRAMES);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + IDLE_FRAMES; pfn++)
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
	CHECK_EQ(totals.free + totals.isolated, IDLE_FRAMES);
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

TEST(zero_taken, another_cpu_looks_on)
{
	for (uint64_t at = 1; at <= 20; at++) {
		struct mm *mm;

		fixture_end();
		host_reset();
		mm = idle_mm(16);
		run_against(mm, at, other_looks);
		fixture_idle(mm);
		CHECK(other.done);
		CHECK_EQ(host_counts.zero_cold_frames, IDLE_FRAMES);
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
TEST(zero_taken, another_cpu_allocates_in_the_middle_of_a_batch)
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
			CHECK_EQ(totals.free, IDLE_FRAMES - got_frames);
			CHECK(totals.cached <= NEXT_FRAMES);
			CHECK_EQ(totals.zero, totals.free - totals.cached);
			for (pfn_t pfn = fixture_base(); pfn < fixture_base() + IDLE_FRAMES; pfn++)
				CHECK(host_zeroed(pfn) <= 1);
			CHECK_MM(mm);
		}
	}
}

/* Goes on only when the request has reached the point of asking for the batch. */
static void other_asks_for_the_batch(struct mm *mm)
{
	other_takes(mm);
	while (!__atomic_load_n(&mm->hold[0].abort, __ATOMIC_ACQUIRE))
		;
}

TEST(zero_taken, an_abort_is_seen_at_the_next_frame)
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
	CHECK(fixture_is(fixture_base(), IDLE_FRAMES, 0));
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + IDLE_FRAMES; pfn++)
		CHECK_EQ(host_zeroed(pfn), 1);
	CHECK_MM(mm);
}

TEST(zero_taken, another_cpu_pauses_in_the_middle_of_a_batch)
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
		for (pfn_t pfn = fixture_base(); pfn < fixture_base() + IDLE_FRAMES; pfn++)
			CHECK_EQ(host_zeroed(pfn), 1);
	}
}

TEST(zero_taken, a_request_that_would_fail_takes_the_batch_back)
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
		CHECK_EQ(mm_take_range(mm, base + 64, IDLE_FRAMES - 64), 0);
		idle_due_at = done;
		host_should_yield = idle_due_from;
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

TEST(zero_taken, bulk_takes_the_batch_back_too)
{
	struct mm *mm = idle_mm(64);
	pfn_t *pfns = fixture_bytes(IDLE_FRAMES * sizeof(*pfns));
	uint64_t wake;

	idle_due_at = 10;
	host_should_yield = idle_due_from;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK(mm_alloc_bulk(mm, 0, MM_ZERO_COLD, IDLE_FRAMES, pfns));
	CHECK(fixture_is(fixture_base(), IDLE_FRAMES, 0));
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + IDLE_FRAMES; pfn++)
		CHECK_EQ(host_zeroed(pfn), 1);
	CHECK_MM(mm);
}

TEST(zero_taken, a_range_and_a_bad_frame_are_taken_out_of_the_batch)
{
	struct mm *mm = idle_mm(64);
	uint64_t wake;
	pfn_t held = MM_PFN_NONE;

	idle_due_at = 10;
	host_should_yield = idle_due_from;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + IDLE_FRAMES; pfn++) {
		if (mm_frame_state(mm, pfn) == MM_STATE_ISOLATED)
			held = pfn;
	}
	CHECK(held != MM_PFN_NONE);
	CHECK_EQ(mm_take_range(mm, held, 1), 0);
	CHECK_EQ(mm_frame_state(mm, held), MM_STATE_ALLOCATED);
	mm_free(mm, held, 0);
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	for (held = fixture_base(); mm_frame_state(mm, held) != MM_STATE_ISOLATED; held++)
		CHECK(held < fixture_base() + IDLE_FRAMES);
	CHECK_EQ(mm_retire(mm, held), 0);
	CHECK_EQ(mm_frame_state(mm, held), MM_STATE_UNMANAGED);
	CHECK_MM(mm);
	host_should_yield = NULL;
	fixture_idle(mm);
	CHECK_EQ(fixture_count(mm, fixture_base(), IDLE_FRAMES, MM_STATE_ZERO), IDLE_FRAMES - 1);
	CHECK_MM(mm);
}

/* A parked batch of what was left free in the first area. */
static struct mm *parked_mm(void)
{
	struct mm *mm = idle_mm(16);
	uint64_t wake;

	CHECK_EQ(mm_take_range(mm, fixture_base(), 496), 0);
	host_should_yield = idle_always_due;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(mm->isolated, 16);
	CHECK_EQ(mm_frame_state(mm, fixture_base() + 511), MM_STATE_ISOLATED);
	return mm;
}

TEST(zero_taken, a_batch_that_is_the_better_fit_is_taken_back)
{
	struct mm *mm = parked_mm();

	/* rather than that the second area, which is whole, is broken */
	CHECK_EQ(mm_alloc(mm, 3, MM_ANY) / 512, fixture_base() / 512);
	CHECK_EQ(mm->zero_engine.aborts, 1);
	CHECK_MM(mm);
}

TEST(zero_taken, a_batch_too_small_for_a_request_is_left_alone)
{
	struct mm *mm = parked_mm();

	CHECK_EQ(mm_alloc(mm, 5, MM_ANY) / 512, fixture_base() / 512 + 1);
	CHECK_EQ(mm->zero_engine.aborts, 0);
	CHECK_MM(mm);
}

TEST(zero_taken, a_batch_that_keeps_an_area_from_being_whole_is_taken_back)
{
	static const struct mm_range ranges[] = {{0, 512, MM_FRESH_DIRTY}, {512, 1024, MM_FRESH_REPORTED}};
	struct mm *mm;
	uint64_t wake;

	idle_knobs(16);
	mm = fixture_mm_ranges(IDLE_FRAMES, ranges, ARRAY_LEN(ranges));
	host_should_yield = idle_always_due;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(mm->isolated, 16);
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY), fixture_base());
	CHECK_EQ(mm->zero_engine.aborts, 1);
	CHECK_MM(mm);
}

TEST(zero_taken, a_batch_above_4_gib_is_no_help_below)
{
	static const struct mm_range around_4g[] = {{MM_PFN_4G - 512, MM_PFN_4G + 512, MM_FRESH_DIRTY}};
	struct mm *mm;
	uint64_t wake;

	idle_knobs(16);
	mm = fixture_mm_at(around_4g, 1);
	CHECK_EQ(mm_take_range(mm, MM_PFN_4G, 496), 0);
	host_should_yield = idle_always_due;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(mm_frame_state(mm, MM_PFN_4G + 511), MM_STATE_ISOLATED);
	CHECK(mm_alloc(mm, 3, MM_ANY | MM_BELOW_4G) < MM_PFN_4G);
	CHECK_EQ(mm->zero_engine.aborts, 0);
	CHECK_MM(mm);
}

TEST(zero_taken, a_parked_batch_comes_back_when_the_policy_changes)
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

/* But what reporting demands is zeroed under every policy: the batch that made way goes on. */
TEST(zero_taken, a_parked_batch_that_was_demanded_goes_on)
{
	struct mm *mm;
	uint64_t wake;

	fixture_quiet();
	mm = fixture_mm(IDLE_FRAMES, MM_FRESH_DIRTY);
	marks_demand(mm, MM_ORDER_AREA, AREA_FRAMES);
	host_should_yield = idle_always_due;
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(mm->isolated, 64);
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(host_counts.zero_cold_frames, 2);
	host_should_yield = NULL;
	CHECK_EQ(fixture_idle(mm), AREA_FRAMES - 2);
	CHECK_EQ(mm->zero, AREA_FRAMES);
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

TEST(zero_taken, a_cache_filled_while_a_request_waits_is_kept)
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
