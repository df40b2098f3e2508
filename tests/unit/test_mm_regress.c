/* The peers' bugs in keeping zeroed memory apart, each as a test under its name. Those that need a wake-up or another
 * CPU in the middle of a batch are in tests/host/test_zero_port.c. */
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/naive.h"

/* Xen 1e2df96088: a merge took over the predecessor's first dirty frame and forgot the successor's, so that frames
 * after it were handed out as clean. Here: every pair of neighbours of every order, the one dirty frame anywhere in
 * either. */
TEST(mm_regress, xen_1e2df96088_merge_that_forgets_a_dirty_frame)
{
	for (unsigned order = 0; order < 9; order++) {
		size_t frames = (size_t)2 << order;

		for (size_t dirty = 0; dirty < frames; dirty += order < 4 ? 1 : frames / 8 + 1) {
			struct mm *mm;
			pfn_t base, pfn;

			fixture_end();
			fixture_quiet();
			mm = fixture_mm(frames, MM_FRESH_DIRTY);
			base = fixture_base();
			fixture_zero_all(mm);
			/* apart: both halves allocated; one comes back clean but for one frame, then the other */
			CHECK_EQ(mm_take_range(mm, base + dirty, 1), 0);
			fixture_fill(base + dirty, 1, FIXTURE_JUNK);
			mm_free(mm, base + dirty, 0);
			mm_drain(mm);
			CHECK_EQ(fixture_count(mm, base, frames, MM_STATE_ZERO), frames - 1);
			pfn = mm_alloc(mm, order + 1, MM_ZERO_COLD);
			CHECK_EQ(pfn, base);
			CHECK(fixture_is(base, frames, 0));
		}
	}
}

/* Xen 7d190bdde9: a page whose allocation failed late went back to the heap without its mark that it needs scrubbing.
 * Here: the bulk call that fails half way, and the report that the device declines or refuses. */
TEST(mm_regress, xen_7d190bdde9_dirtiness_lost_on_an_error_path)
{
	static const enum fake_answer answers[] = {FAKE_DECLINE, FAKE_REFUSE, FAKE_SILENT};
	pfn_t *pfns;
	struct mm *mm;
	pfn_t base, pfn;

	fixture_quiet();
	mm = fixture_mm(1024, MM_FRESH_DIRTY);
	base = fixture_base();
	pfns = fixture_bytes(1025 * sizeof(*pfns));
	CHECK(!mm_alloc_bulk(mm, 0, MM_ZERO_COLD, 1025, pfns));
	CHECK(!mm_alloc_bulk(mm, 9, MM_ZERO_COLD, 3, pfns));
	CHECK_EQ(mm_take_range(mm, base + 5, 1024), -1);
	mm_drain(mm);
	for (pfn = base; pfn < base + 1024; pfn++)
		CHECK(mm_frame_state(mm, pfn) != MM_STATE_ZERO || fixture_is(pfn, 1, 0));
	CHECK_EQ(mm_alloc(mm, 10, MM_ZERO_COLD), base);
	CHECK(fixture_is(base, 1024, 0));

	for (size_t a = 0; a < ARRAY_LEN(answers); a++) {
		struct fake_sink *fake;

		fixture_end();
		fixture_quiet();
		fixture_knob("report.order", 9);
		fixture_knob("report.timeout_ms", 20);
		mm = fixture_mm(1024, MM_FRESH_DIRTY);
		base = fixture_base();
		fake = fake_sink(1024, 4, 1);
		fake->order = 9;
		fake->answer = answers[a];
		CHECK_EQ(report_register(mm, &fake->sink), 0);
		report_now(mm);
		for (int i = 0; i < 10; i++) {
			(void)report_step(mm);
			test_port_pass_ns(5000000);
		}
		CHECK(fake->submits > 0);
		CHECK_EQ(report_unregister(mm, &fake->sink), 0);
		CHECK_EQ(fixture_count(mm, base, 1024, MM_STATE_DIRTY), 1024);
		CHECK_EQ(mm_alloc(mm, 10, MM_ZERO_COLD), base);
		CHECK(fixture_is(base, 1024, 0));
		CHECK_MM(mm);
	}
}

/* XSA-245: a region was reported to the scrubber with the wrong size, so that part of memory was never scrubbed. Here:
 * ranges with odd bounds, touching, overlapping, out of order; every frame of them reads as zero when asked for so. */
TEST(mm_regress, xsa_245_memory_never_scrubbed_since_a_region_was_misreported)
{
	static const struct mm_range ranges[] = {
		{2047, 2049, MM_FRESH_DIRTY}, {1, 2, MM_FRESH_DIRTY},	    {511, 1026, MM_FRESH_DIRTY},
		{1026, 1100, MM_FRESH_DIRTY}, {3000, 4093, MM_FRESH_DIRTY}, {1000, 1050, MM_FRESH_DIRTY},
		{63, 65, MM_FRESH_DIRTY},     {1535, 1536, MM_FRESH_DIRTY},
	};
	struct mm_totals totals;
	struct mm *mm;
	pfn_t pfn;
	uint64_t n = 0;

	for (int stocked = 0; stocked <= 1; stocked++) {
		fixture_end();
		fixture_quiet();
		mm = fixture_mm_ranges(4096, ranges, ARRAY_LEN(ranges));
		if (stocked)
			fixture_zero_all(mm);
		mm_totals(mm, &totals);
		for (n = 0; (pfn = mm_alloc(mm, 0, MM_ZERO_COLD)) != MM_PFN_NONE; n++)
			CHECK(fixture_is(pfn, 1, 0));
		CHECK_EQ(n, totals.managed);
		CHECK_EQ(n, 2 + 1 + (1100 - 511) + 1093 + 2 + 1);
	}
}

/* Xen 83a784a15b: a huge dirty block was scrubbed in one go, until the watchdog struck. Here: zero_idle does one batch
 * at a time however large the block is, and gives back all it holds between two. */
TEST(mm_regress, xen_83a784a15b_huge_dirty_block_zeroed_in_one_go)
{
	struct zero_ledger ledger;
	struct mm *mm;
	uint64_t done = 0, wake;

	fixture_quiet();
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 100);
	fixture_knob("zero.high_pct", 100);
	fixture_knob("zero.batch_frames", 8);
	mm = fixture_mm(4096, MM_FRESH_DIRTY);
	while (zero_idle(mm, &wake) == ZERO_AGAIN) {
		zero_ledger(mm, &ledger);
		CHECK(ledger.idle_frames - done <= 8);
		done = ledger.idle_frames;
		CHECK_MM(mm);
	}
	CHECK_EQ(done, 4096);
}

/* Xen 009401506e: the repair of that cleared the mark before the scrubbing was done, and handed the rest out. Here:
 * after every step of a batch, what is said to be zero is zero, and what is handed out as zero is as well. */
TEST(mm_regress, xen_009401506e_unscrubbed_pages_handed_out)
{
	struct mm *mm;
	uint64_t wake;
	pfn_t base;

	fixture_quiet();
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 100);
	fixture_knob("zero.high_pct", 100);
	fixture_knob("zero.batch_frames", 64);
	mm = fixture_mm(1024, MM_FRESH_DIRTY);
	base = fixture_base();
	for (int i = 0; i < 40; i++) {
		pfn_t pfn;

		(void)zero_idle(mm, &wake);
		for (pfn_t f = base; f < base + 1024; f++)
			CHECK(mm_frame_state(mm, f) != MM_STATE_ZERO || fixture_is(f, 1, 0));
		pfn = mm_alloc(mm, 4, MM_ZERO_COLD);
		CHECK(fixture_is(pfn, 16, 0));
		fixture_fill(pfn, 16, 0x5f);
		if (i % 3)
			mm_free(mm, pfn, 4);
		CHECK_MM(mm);
	}
	/* all of what is left at once, with a batch perhaps held */
	(void)zero_idle(mm, &wake);
	for (pfn_t pfn; (pfn = mm_alloc(mm, 3, MM_ZERO_COLD)) != MM_PFN_NONE;)
		CHECK(fixture_is(pfn, 8, 0));
	CHECK_MM(mm);
}
