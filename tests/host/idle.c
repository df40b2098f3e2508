/* See idle.h. */
#include "idle.h"

#include "host.h"
#include "mm/state.h"
#include "tests/unit/fixture.h"

void idle_knobs(uint64_t batch)
{
	fixture_quiet();
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 100);
	fixture_knob("zero.high_pct", 100);
	fixture_knob("zero.batch_frames", batch);
}

struct mm *idle_mm(uint64_t batch)
{
	struct mm *mm;

	idle_knobs(batch);
	mm = fixture_mm(IDLE_FRAMES, MM_FRESH_DIRTY);
	host_lock_watch = &mm->lock;
	return mm;
}

bool idle_always_due(void)
{
	return true;
}

uint64_t idle_due_at;

bool idle_due_from(void)
{
	return host_counts.zero_cold_frames >= idle_due_at;
}
