/* The trace: zeroing against the events that it must write. */
#include "mm/zero.h"
#include "tests/unit/fixture_zero.h"
#include "tests/unit/trace_rig.h"

TEST(trace, zeroing_by_each_of_the_three)
{
	struct mm *mm = traced_mm();
	struct trace_entry e;
	pfn_t pfn = mm_alloc(mm, 2, MM_ZERO_COLD);

	CHECK_EQ(trace_events(TRACE_ZERO, 0, &e), 1);
	CHECK_EQ(e.pfn, pfn);
	CHECK_EQ(e.frames, 4);
	CHECK_EQ(e.from, MM_STATE_DIRTY);
	CHECK_EQ(e.to, MM_STATE_ALLOCATED);
	fixture_knob_word("zero.policy", "free");
	mm_free(mm, pfn, 2);
	CHECK_EQ(trace_events(TRACE_ZERO, 1, &e), 2);
	CHECK_EQ(e.from, MM_STATE_ALLOCATED);
	CHECK_EQ(e.to, MM_STATE_ZERO);
	CHECK_EQ(trace_events(TRACE_FREE, 0, &e), 1);
	CHECK_EQ(e.to, MM_STATE_ZERO);

	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 100);
	fixture_knob("zero.high_pct", 100);
	trace_begin(mm, TRACE_RING);
	uint64_t zeroed = fixture_idle(mm), told = 0;
	unsigned n = trace_events(TRACE_ZERO, 0, &e);
	for (unsigned i = 0; i < n; i++) {
		trace_events(TRACE_ZERO, i, &e);
		CHECK_EQ(e.from, MM_STATE_DIRTY);
		CHECK_EQ(e.to, MM_STATE_ZERO);
		CHECK(!e.caller);
		told += e.frames;
	}
	CHECK_EQ(trace_overwritten(), 0);
	CHECK_EQ(told, zeroed);
	CHECK_EQ(told, 2044);
	/* what comes from stock was zero, and isn't zeroed again */
	mm_alloc(mm, 9, MM_ZERO_COLD);
	CHECK_EQ(trace_events(TRACE_ZERO, 0, &e), n);
	CHECK_EQ(trace_events(TRACE_ALLOC, 0, &e), 1);
	CHECK_EQ(e.from, MM_STATE_ZERO);
}
