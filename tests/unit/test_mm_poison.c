/* Reporting to a host that keeps zero memory zero: only such memory goes, it comes back as it was, and what is dirty is
 * zeroed first, which zeroing does without knowing why. */
#include "mm/marks.h"
#include "mm/report.h"
#include "mm/state.h"
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"
#include "tests/unit/naive.h"

#define FRAMES FAKE_FRAMES

/* Its memory is dirty, and really holds junk. */
static struct fake_sink *keeper(struct mm **mm, unsigned order)
{
	struct fake_sink *fake;

	*mm = fake_mm(order, 8);
	fake = fake_sink(FRAMES, 16, 2);
	fake->sink.keeps_zero = true;
	fake->order = order;
	CHECK_EQ(report_register(*mm, &fake->sink), 0);
	return fake;
}

/* The reporting thread and the idle loop by turns. Returns whether nothing is left to report. */
static bool run(struct mm *mm)
{
	for (int i = 0; i < 5000; i++) {
		uint64_t wake = report_step(mm), now = mm_port_now_ns();

		fixture_idle(mm);
		if (report_is_done(mm))
			return true;
		if (wake != UINT64_MAX && wake > now)
			test_port_pass_ns(wake - now);
	}
	return false;
}

TEST(mm_poison, dirty_memory_is_zeroed_reported_and_a_hit)
{
	static const char *const policies[] = {"idle", "alloc", "free"};
	struct zero_ledger before, after;

	for (unsigned i = 0; i < ARRAY_LEN(policies); i++) {
		struct mm *mm;
		struct fake_sink *fake = keeper(&mm, 9);
		pfn_t pfn;

		fixture_knob_word("zero.policy", policies[i]);
		zero_ledger(mm, &before);
		CHECK(run(mm));
		CHECK_EQ(fake->frames, FRAMES);
		CHECK_EQ(fixture_count(mm, fixture_base(), FRAMES, MM_STATE_REPORTED_ZERO), FRAMES);
		CHECK(zero_is_done(mm));
		naive_check_buddy(mm, fixture_base(), FRAMES);
		pfn = mm_alloc(mm, 10, MM_ZERO_COLD);
		zero_ledger(mm, &after);
		CHECK(fixture_is(pfn, 1024, 0));
		CHECK_EQ(after.hit_frames - before.hit_frames, 1024);
		CHECK_EQ(after.miss_frames - before.miss_frames, 0);
		CHECK_EQ(after.idle_frames - before.idle_frames, FRAMES);
		CHECK_EQ(after.wasted_frames - before.wasted_frames, 0);
		/* given to somebody who doesn't want it zero, it was in vain */
		(void)mm_alloc(mm, 9, MM_ANY);
		zero_ledger(mm, &after);
		CHECK_EQ(after.wasted_frames - before.wasted_frames, 512);
		fake_unregister(mm, fake);
		fixture_end();
	}
}

/* Blocks that are free and unreported of the order or larger go, zeroed; all others stay, and most of them dirty. */
TEST(mm_poison, every_order_reports_what_is_large_enough)
{
	for (unsigned order = 0; order <= 12; order++) {
		struct mm *mm;
		struct fake_sink *fake = keeper(&mm, order);
		pfn_t base = fixture_base();
		uint64_t want = 0;

		CHECK_EQ(mm_take_range(mm, base + 3, 1), 0);
		CHECK_EQ(mm_take_range(mm, base + 100, 1), 0);
		CHECK_EQ(mm_take_range(mm, base + 700, 130), 0);
		CHECK_EQ(mm_take_range(mm, base + 2000, 1), 0);
		mm_drain(mm);
		for (pfn_t pfn = base; pfn < base + FRAMES; pfn += (pfn_t)1 << order)
			if (fixture_count(mm, pfn, (size_t)1 << order, MM_STATE_DIRTY) == (size_t)1 << order)
				want += (uint64_t)1 << order;
		CHECK(run(mm));
		CHECK_EQ(fake->frames, want);
		CHECK_EQ(mm->reported_zero, want);
		CHECK_EQ(mm->reported, want);
		CHECK(zero_is_done(mm));
		fake_unregister(mm, fake);
		fixture_end();
	}
}

/* An area that has some zero frames already: only the others are zeroed. */
TEST(mm_poison, a_mixed_area_costs_its_dirty_frames)
{
	struct mm *mm;
	struct fake_sink *fake;
	struct zero_ledger before, after;

	fixture_quiet();
	fake = keeper(&mm, 9);
	fixture_zero_all(mm);
	fixture_dirty(mm, fixture_base() + 700, 5);
	fixture_dirty(mm, fixture_base() + 2000, 77);
	zero_ledger(mm, &before);
	report_now(mm);
	CHECK(run(mm));
	zero_ledger(mm, &after);
	CHECK_EQ(after.idle_frames - before.idle_frames, 82);
	CHECK_EQ(mm->reported_zero, FRAMES);
	fake_unregister(mm, fake);
}

TEST(mm_poison, small_blocks_of_mixed_areas_too)
{
	struct mm *mm;
	struct fake_sink *fake = keeper(&mm, 3);

	fixture_zero_all(mm);
	CHECK_EQ(mm_take_range(mm, fixture_base() + 64, 1), 0);
	fixture_dirty(mm, fixture_base() + 3, 1);
	fixture_dirty(mm, fixture_base() + 70, 1); /* in no free block of 8 */
	fixture_dirty(mm, fixture_base() + 300, 30);
	report_now(mm);
	CHECK(run(mm));
	CHECK_EQ(mm->reported_zero, FRAMES - 8);
	fake_unregister(mm, fake);
}

/* Memory that was zeroed beside it, as large and meant to stay, doesn't hide what is still dirty. */
TEST(mm_poison, the_stock_hides_no_dirty_block)
{
	for (unsigned order = 8; order <= 10; order++) {
		const size_t frames = order == 10 ? 1024 : 512;
		struct mm *mm;
		struct fake_sink *fake = keeper(&mm, order);
		const pfn_t base = fixture_base();

		fixture_zero_all(mm);
		CHECK_EQ(mm_take_range(mm, base + 1024 + frames, FRAMES - 1024 - frames), 0);
		fixture_dirty(mm, base + 1024 + 300, frames - 300);
		fixture_knob("zero.high_pct", 25);
		CHECK(run(mm));
		CHECK_EQ(fake->frames, frames);
		CHECK_EQ(mm->zero, 1024);
		fake_unregister(mm, fake);
		fixture_end();
	}
}

TEST(mm_poison, goal_and_reserve_stay)
{
	static const struct {
		uint64_t high, reserve, stays;
	} rows[] = {{25, 0, FRAMES / 4}, {0, 50, FRAMES / 2}, {25, 50, FRAMES / 2}, {100, 0, FRAMES}};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct mm *mm;
		struct fake_sink *fake;

		fake = keeper(&mm, 9);
		fixture_knob_word("zero.policy", "idle");
		fixture_knob("zero.high_pct", rows[i].high);
		fixture_knob("report.reserve_pct", rows[i].reserve);
		CHECK(run(mm));
		CHECK_EQ(FRAMES - mm->reported, rows[i].stays);
		CHECK_EQ(mm->reported_zero, mm->reported);
		CHECK_EQ(mm->zero, FRAMES * rows[i].high / 100);
		report_now(mm);
		CHECK(run(mm));
		CHECK_EQ(mm->reported_zero, FRAMES);
		fake_unregister(mm, fake);
		fixture_end();
	}
}

TEST(mm_poison, reported_memory_of_unknown_contents_is_left_alone)
{
	static const struct mm_range ranges[] = {{0, 1024, MM_FRESH_DIRTY}, {1024, FRAMES, MM_FRESH_REPORTED}};
	struct fake_sink *fake;
	struct mm *mm;

	fixture_quiet();
	mm = fixture_mm_ranges(FRAMES, ranges, ARRAY_LEN(ranges));
	fake = fake_sink(FRAMES, 16, 2);
	fake->sink.keeps_zero = true;
	CHECK_EQ(report_register(mm, &fake->sink), 0);
	CHECK(run(mm));
	report_now(mm);
	CHECK(run(mm));
	CHECK_EQ(fixture_count(mm, fixture_base(), 1024, MM_STATE_REPORTED_ZERO), 1024);
	CHECK_EQ(fixture_count(mm, fixture_base() + 1024, FRAMES - 1024, MM_STATE_REPORTED), FRAMES - 1024);
	fake_unregister(mm, fake);
}

/* Nothing is zeroed for the host before report.delay_ms, and zero.delay_ms doesn't come on top. */
TEST(mm_poison, delay_is_kept)
{
	struct mm *mm;
	struct fake_sink *fake = keeper(&mm, 9);
	uint64_t wake;

	fixture_knob("report.delay_ms", 30);
	fixture_knob("zero.delay_ms", 60000);
	wake = report_step(mm);
	CHECK(wake <= mm_port_now_ns() + 30000000u);
	CHECK_EQ(fixture_idle(mm), 0);
	CHECK(zero_is_done(mm));
	test_port_pass_ns(31000000);
	(void)report_step(mm);
	CHECK(!zero_is_done(mm));
	CHECK_EQ(fixture_idle(mm), FRAMES);
	CHECK(run(mm));
	CHECK_EQ(fake->frames, FRAMES);
	fake_unregister(mm, fake);
}

/* What waits for zeroing says so, and is reported once zeroing goes on. */
TEST(mm_poison, paused_zeroing_leaves_it_to_do)
{
	struct mm *mm;
	struct fake_sink *fake = keeper(&mm, 9);
	struct report_status status;

	zero_pause(mm);
	for (int i = 0; i < 10; i++) {
		uint64_t before = mm_port_now_ns(), wake = report_step(mm), now = mm_port_now_ns();

		CHECK(wake >= before + (i == 0 ? 1000000 : 50000000)); /* seldom, while nothing gets on */
		CHECK_EQ(fixture_idle(mm), 0);
		test_port_pass_ns(wake > now ? wake - now : 0);
	}
	CHECK_EQ(fake->submits, 0);
	CHECK(!report_is_done(mm));
	CHECK(!zero_is_done(mm));
	report_status(mm, &status);
	CHECK(status.keeps_zero);
	CHECK(status.waits_for_zero);
	CHECK_EQ(status.reportable_frames, FRAMES);
	zero_resume(mm);
	CHECK(run(mm));
	report_status(mm, &status);
	CHECK(!status.waits_for_zero);
	CHECK_EQ(fake->frames, FRAMES);
	fake_unregister(mm, fake);
}

/* Whoever doesn't want to report any more wants nothing zeroed for it either. */
TEST(mm_poison, the_demand_ends_with_the_wish_to_report)
{
	struct mm *mm;
	struct fake_sink *fake = keeper(&mm, 9);

	for (unsigned i = 0; i < 3; i++) {
		(void)report_step(mm);
		CHECK_EQ(mm->demand.frames, FRAMES);
		if (i == 0)
			report_pause(mm);
		else if (i == 1)
			fixture_knob("report.reserve_pct", 100);
		else
			fake_unregister(mm, fake);
		(void)report_step(mm);
		CHECK_EQ(mm->demand.frames, 0);
		CHECK_EQ(fixture_idle(mm), 0);
		report_resume(mm);
		fixture_knob("report.reserve_pct", 0);
	}
}

TEST(mm_poison, a_declined_report_stays_zero_and_a_reset_one_is_dirty)
{
	struct mm *mm;
	struct fake_sink *fake = keeper(&mm, 9);

	fixture_zero_all(mm);
	fake->answer = FAKE_DECLINE;
	report_now(mm);
	fake_until_in_flight(mm, fake);
	fake->sink.poll(&fake->sink);
	CHECK_EQ(mm->zero, FRAMES);
	fake->answer = FAKE_SILENT;
	test_port_pass_ns(100000000); /* not again at once */
	fake_until_in_flight(mm, fake);
	uint64_t isolated = mm->isolated;
	test_port_pass_ns(60000000);
	report_pause(mm);
	(void)report_step(mm);
	CHECK_EQ(fake->resets, 1);
	CHECK_EQ(mm->zero, FRAMES - isolated);
	CHECK_EQ(mm->free - mm->zero - mm->reported, isolated);
	report_resume(mm);
	fake->answer = FAKE_ACCEPT;
	CHECK(run(mm));
	fake_unregister(mm, fake);
}

/* A frame that was written though it is free and zero must not go as zero. */
TEST(mm_poison, a_zero_block_that_was_written_is_caught)
{
	struct mm *mm;

	if (!DEBUG)
		return;
	(void)keeper(&mm, 9);
	fixture_zero_all(mm);
	fixture_fill(fixture_base() + 1234, 1, 1);
	report_now(mm);
	CHECK_PANIC(for (int i = 0; i < 100; i++) report_step(mm), "not zero");
}

/* What the host keeps zero isn't the guest's to write to, whoever is given it next. */
TEST(mm_poison, a_write_to_what_was_reported_is_caught)
{
	struct mm *mm;

	if (!DEBUG)
		return;
	(void)keeper(&mm, 9);
	CHECK(run(mm));
	CHECK_EQ(mm->reported_zero, FRAMES);
	fixture_fill(fixture_base() + 1234, 1, 1);
	CHECK_PANIC((void)mm_alloc(mm, 12, MM_ANY), "written while free and zero");
}

/* What DEBUG builds fill freed frames with is gone by the time they go, and doesn't come back. */
TEST(mm_poison, the_fill_of_freed_frames_is_never_reported)
{
	struct mm *mm;
	struct fake_sink *fake = keeper(&mm, 9);
	pfn_t pfn;

	for (int round = 0; round < 3; round++) {
		CHECK(run(mm));
		CHECK(fixture_is(fixture_base(), FRAMES, 0)); /* as the host would see it */
		pfn = mm_alloc(mm, 11, round == 1 ? MM_ZERO_HOT : MM_ANY);
		fake_used(fake, pfn, 2048);
		fixture_fill(pfn, 2048, 0x99);
		mm_free(mm, pfn, 11);
		CHECK_EQ(fixture_count(mm, pfn, 2048, MM_STATE_DIRTY), 2048);
		CHECK(!fixture_is(pfn, 1, 0));
	}
	CHECK(run(mm));
	CHECK(fixture_is(fixture_base(), FRAMES, 0));
	fake_unregister(mm, fake);
}

/* Allocations, frees and the two engines by turns: what is REPORTED+ZERO reads as zero whenever it is taken. */
TEST(mm_poison, random_use_never_meets_anything_but_zero)
{
	struct mm *mm;
	struct fake_sink *fake = keeper(&mm, 4);
	uint64_t random = 1;
	struct {
		pfn_t pfn;
		unsigned order;
	} held[64];
	unsigned count = 0;

	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 5);
	fixture_knob("zero.high_pct", 10);
	for (int i = 0; i < 2000; i++) {
		uint64_t what = fixture_random(&random, 4), wake_ns;

		if (what == 0 && count < ARRAY_LEN(held)) {
			unsigned order = (unsigned)fixture_random(&random, 10);
			bool zero = fixture_random(&random, 2);
			pfn_t pfn = mm_alloc(mm, order, zero ? MM_ZERO_COLD : MM_ANY);

			if (pfn == MM_PFN_NONE)
				continue;
			CHECK(!zero || fixture_is(pfn, 1u << order, 0));
			fixture_fill(pfn, 1u << order, 0x77);
			fake_used(fake, pfn, 1u << order);
			held[count].pfn = pfn;
			held[count++].order = order;
		} else if (what == 1 && count) {
			unsigned at = (unsigned)fixture_random(&random, count);

			mm_free(mm, held[at].pfn, held[at].order);
			held[at] = held[--count];
		} else if (what == 2) {
			(void)zero_idle(mm, &wake_ns);
		} else {
			(void)report_step(mm);
		}
		test_port_pass_ns(200000);
		if (i % 50 == 0)
			CHECK_MM(mm);
	}
	while (count) {
		count--;
		mm_free(mm, held[count].pfn, held[count].order);
	}
	report_now(mm);
	CHECK(run(mm));
	CHECK_MM(mm);
	fake_unregister(mm, fake);
}

/* A block with dirty frames in an area that has a zero one as large, and larger: no list names it, and what is zero is
 * to stay in stock. It doesn't wait for ever. Where the dirty frames complete no block, they do for the stock. */
enum shadow { COMPLETES_A_BLOCK, COMPLETES_NONE };

static void in_the_shadow_of_the_stock(unsigned order, enum shadow shadow)
{
	struct mm *mm;
	struct fake_sink *fake;
	const pfn_t n = (pfn_t)1 << order;
	uint64_t zeroed = 0, goal, percent;

	fixture_end();
	fixture_quiet();
	fixture_knob("report.order", order);
	mm = fixture_mm(1024, MM_FRESH_DIRTY);
	fixture_zero_all(mm);
	CHECK_EQ(mm_take_range(mm, fixture_base(), 1), 0);
	CHECK_EQ(mm_take_range(mm, fixture_base() + 512, 1), 0);
	if (shadow == COMPLETES_NONE) /* another's frame is in each block that has dirty ones */
		CHECK_EQ(mm_take_range(mm, fixture_base() + n + 1, 1), 0);
	fixture_dirty(mm, fixture_base() + n + n / 2, n / 2);
	/* as much may be reported as a block, but less than that of what is zero */
	percent = (mm->free - n) * 100 / mm->managed;
	goal = mm->managed * percent / 100;
	fixture_knob("zero.high_pct", percent);
	CHECK(mm->free - goal >= n);
	CHECK(mm->zero - goal < n);
	fake = fake_sink(1024, 16, 2);
	fake->sink.keeps_zero = true;
	fake->order = order;
	CHECK_EQ(report_register(mm, &fake->sink), 0);
	CHECK(!report_is_done(mm));
	for (int i = 0; i < 100 && !report_is_done(mm); i++) {
		(void)report_step(mm);
		zeroed += fixture_idle(mm);
		test_port_pass_ns(5000000);
	}
	CHECK(report_is_done(mm));
	CHECK(zeroed > 0);
	CHECK(zeroed <= n / 2);
	CHECK(mm->reported_zero >= n);
	CHECK(mm->zero >= goal);
	fake_unregister(mm, fake);
}

TEST(mm_poison, no_dirty_block_waits_in_the_shadow_of_the_stock)
{
	for (unsigned order = 5; order < MM_ORDER_AREA - 1; order++) {
		in_the_shadow_of_the_stock(order, COMPLETES_A_BLOCK);
		in_the_shadow_of_the_stock(order, COMPLETES_NONE);
	}
}
