/* The trace: reporting against the events that it must write. */
#include "mm/report.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/trace_rig.h"

TEST(trace, reports_are_told_by_block)
{
	struct mm *mm = fake_mm(5, 8);
	struct fake_sink *fake = fake_registered(mm, 5, 8, 1);
	struct trace_entry e;
	uint64_t told = 0;

	trace_begin(mm, 2048);
	CHECK(fake_run(mm));
	unsigned n = trace_events(TRACE_REPORT, 0, &e);
	for (unsigned i = 0; i < n; i++) {
		trace_events(TRACE_REPORT, i, &e);
		CHECK(e.from == MM_STATE_DIRTY);
		CHECK(e.to == MM_STATE_REPORTED);
		told += e.frames;
	}
	CHECK_EQ(trace_overwritten(), 0);
	CHECK(n > 0);
	CHECK_EQ(told, fake->frames);
	fake_unregister(mm, fake);
}

TEST(trace, a_declined_report_leaves_the_state)
{
	struct mm *mm = fake_mm(9, 1);
	struct fake_sink *fake = fake_registered(mm, 9, 1, 1);
	struct trace_entry e;

	fake->answer = FAKE_DECLINE;
	trace_begin(mm, TRACE_RING);
	for (unsigned i = 0; i < 4 && trace_events(TRACE_REPORT, 0, &e) == 0; i++)
		report_step(mm);
	CHECK(trace_events(TRACE_REPORT, 0, &e) > 0);
	CHECK_EQ(e.from, MM_STATE_DIRTY);
	CHECK_EQ(e.to, MM_STATE_DIRTY);
	fake_unregister(mm, fake);
}
