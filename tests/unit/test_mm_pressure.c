/* Watermarks: when memory is short nobody isolates any of it and no cache keeps any, until there is enough again. */
#include "mm/report.h"
#include "mm/state.h"
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"

#define FRAMES 8192u

/* All memory dirty, and taken but for left frames. */
static struct mm *short_of_memory(size_t left, pfn_t **pfns)
{
	struct mm *mm;

	fixture_quiet();
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 100);
	fixture_knob("zero.high_pct", 100);
	fixture_knob("report.order", 0);
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	CHECK(mm->watermark_low > 4);
	CHECK(mm->watermark_high > mm->watermark_low + 4);
	*pfns = fixture_bytes(FRAMES * sizeof(**pfns));
	CHECK(mm_alloc_bulk(mm, 0, MM_ANY, FRAMES - left, *pfns));
	return mm;
}

TEST(mm_pressure, below_the_low_watermark_nothing_is_isolated_until_the_high_one)
{
	pfn_t *pfns;
	struct mm *mm = short_of_memory(4, &pfns);
	struct fake_sink *fake = fake_sink(FRAMES, 8, 1);
	size_t given = 0;
	uint64_t wake;

	CHECK_EQ(report_register(mm, &fake->sink), 0);
	CHECK(zero_is_done(mm));
	CHECK(report_is_done(mm));
	/* up to the high watermark, not only to the low one */
	while (4 + given < mm->watermark_high) {
		struct mm_totals totals;

		CHECK_EQ(zero_idle(mm, &wake), ZERO_NOTHING);
		report_now(mm);
		CHECK(!report_is_done(mm)); /* it was asked for */
		(void)report_step(mm);
		mm_totals(mm, &totals);
		CHECK_EQ(totals.isolated, 0);
		CHECK_EQ(totals.zero, 0);
		mm_free(mm, pfns[given++], 0);
	}
	CHECK_EQ(fake->submits, 0);
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	fixture_idle(mm);
	CHECK_EQ(fixture_count(mm, fixture_base(), FRAMES, MM_STATE_ZERO), mm->watermark_high);
	CHECK_EQ(report_unregister(mm, &fake->sink), 0);
	CHECK_MM(mm);
}

/* Memory that is short only because most of it is with the host isn't short any more when it is back, and nobody frees
 * anything on an idle machine. */
TEST(mm_pressure, ends_when_a_batch_comes_back)
{
	pfn_t *pfns;
	struct mm *mm = short_of_memory(FRAMES / 2, &pfns);
	struct fake_sink *fake = fake_sink(FRAMES, 64, 1);
	uint64_t wake;

	fake->answer = FAKE_SILENT;
	fixture_knob("zero.high_pct", 0);
	fixture_knob("report.batch", FRAMES);
	fixture_knob("report.reserve_pct", 1);
	CHECK_EQ(report_register(mm, &fake->sink), 0);
	(void)report_step(mm);
	CHECK(mm->isolated > FRAMES / 4);
	CHECK(mm->free >= mm->watermark_low);
	while (mm->free >= mm->watermark_low)
		CHECK(mm_alloc(mm, 0, MM_ZERO_COLD) != MM_PFN_NONE);
	CHECK(mm->pressure);
	fake->answer = FAKE_ACCEPT;
	report_pause(mm);
	(void)report_step(mm);
	CHECK_EQ(mm->isolated, 0);
	CHECK(!mm->pressure);
	fixture_knob("zero.high_pct", 100);
	CHECK_EQ(zero_idle(mm, &wake), ZERO_AGAIN);
	CHECK_EQ(report_unregister(mm, &fake->sink), 0);
	CHECK_MM(mm);
}

TEST(mm_pressure, below_the_low_watermark_caches_are_empty)
{
	pfn_t *pfns;
	struct mm *mm = short_of_memory(64, &pfns);
	struct mm_totals totals;
	size_t given = 0;

	/* not short yet: what is freed stays hot */
	for (; given < 8; given++)
		mm_free(mm, pfns[given], 0);
	mm_totals(mm, &totals);
	if (totals.cached == 0)
		return; /* the caches are switched off */
	while (totals.free >= mm->watermark_low) {
		CHECK(mm_alloc(mm, 0, MM_ZERO_COLD) != MM_PFN_NONE);
		mm_totals(mm, &totals);
	}
	for (; totals.free < mm->watermark_high; given++) {
		CHECK_EQ(totals.cached, 0);
		mm_free(mm, pfns[given], 0);
		mm_totals(mm, &totals);
	}
	/* from an area that is full still, as the cache wants it */
	mm_free(mm, pfns[FRAMES / 2], 0);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.cached, 1);
	CHECK_MM(mm);
}

TEST(mm_pressure, the_last_frame_can_be_had)
{
	pfn_t *pfns;
	struct mm *mm = short_of_memory(1, &pfns);

	CHECK(mm_alloc(mm, 0, MM_ZERO_HOT) != MM_PFN_NONE);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
	mm_free_bulk(mm, 0, FRAMES - 1, pfns);
	CHECK_MM(mm);
}

TEST(mm_pressure, taking_ranges_and_retiring_count_too)
{
	struct mm *mm;
	pfn_t base;
	uint64_t left;

	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	base = fixture_base();
	left = mm->watermark_low;
	CHECK_EQ(mm_take_range(mm, base, FRAMES - left), 0);
	CHECK(!mm->pressure);
	CHECK_EQ(mm_take_range(mm, base + FRAMES - left, 1), 0);
	CHECK(mm->pressure);

	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	CHECK_EQ(mm_take_range(mm, base, FRAMES - left), 0);
	CHECK_EQ(mm_retire(mm, base + FRAMES - left), 0);
	CHECK(mm->pressure);
	CHECK_EQ(mm->retired, 1);
	CHECK_MM(mm);
}
