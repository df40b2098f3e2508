/* Reporting to a host that keeps zero, in blocks so large that they aren't runs within a word of a gib's areas: 256 MiB
 * to 1 GiB. All of it is zero, and never touched, but for one area. */
#include "host.h"
#include "mm/buddy.h"
#include "mm/report.h"
#include "mm/state.h"
#include "mm/timing.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"

#define GIB_PFNS (1ull << 18)

/* Frames that the host doesn't back yet read as zero: says so of n areas, without a look at them. */
static void say_zero(struct mm *mm, pfn_t first, size_t areas)
{
	for (pfn_t pfn = first; pfn < first + areas * AREA_FRAMES; pfn += AREA_FRAMES) {
		mm_lock(mm);
		buddy_take_exact(mm, pfn, AREA_FRAMES);
		buddy_give_frames(mm, pfn, AREA_FRAMES, CLASS_ZERO);
		mm_unlock(mm);
	}
}

/* Two blocks that don't lie side by side, so that the lists name one for both; half of it is to stay in stock. One is
 * zero, but for the other's three frames no more could go: they must be zeroed. */
TEST(mm_poison_large, a_dirty_block_is_found_beside_a_zero_one_as_large)
{
	for (unsigned order = 12; order <= 16; order++) {
		const pfn_t base = 2 * GIB_PFNS, n = 1ull << order;
		const struct mm_range ranges[] = {{base, base + n, MM_FRESH_REPORTED},
						  {base + 2 * n, base + 3 * n, MM_FRESH_REPORTED}};
		struct mm *mm;
		struct fake_sink *fake;
		struct report_status status;
		uint64_t zeroed = 0;

		fixture_end();
		fixture_quiet();
		fixture_knob("report.order", order);
		fixture_knob("zero.high_pct", 50);
		mm = fixture_mm_at(ranges, ARRAY_LEN(ranges));
		say_zero(mm, ranges[0].start, n / AREA_FRAMES);
		say_zero(mm, ranges[1].start, n / AREA_FRAMES);
		CHECK_EQ(mm->zero, 2 * n);
		fixture_dirty(mm, ranges[1].start + 519, 3);
		fake = fake_sink(3 * n, 16, 1);
		fake->base = base;
		fake->order = order;
		fake->sink.keeps_zero = true;
		CHECK_EQ(report_register(mm, &fake->sink), 0);
		(void)report_step(mm);
		report_status(mm, &status);
		CHECK(status.waits_for_zero);
		CHECK(!report_is_done(mm));
		for (unsigned i = 0; i < 100 && !report_is_done(mm); i++) {
			zeroed += fixture_idle(mm);
			host_time_advance(5000000);
			(void)report_step(mm);
		}
		CHECK_EQ(zeroed, 3);
		CHECK_EQ(mm->reported_zero, n);
		CHECK_EQ(report_unregister(mm, &fake->sink), 0);
	}
}
