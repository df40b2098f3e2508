/* See trace_rig.h. */
#include "tests/unit/trace_rig.h"

static uint64_t ticks;

static uint64_t cycles(void)
{
	return ++ticks;
}

void trace_begin(struct mm *mm, size_t count)
{
	ticks = 0;
	trace_start(mm, fixture_bytes(count * sizeof(struct trace_entry)), count, cycles);
}

struct mm *traced_mm(void)
{
	struct mm *mm;

	fixture_quiet();
	mm = fixture_mm(2048, MM_FRESH_DIRTY);
	mm_cache_enable(mm, MM_OFF);
	trace_begin(mm, TRACE_RING);
	return mm;
}

unsigned trace_events(enum trace_event event, unsigned n, struct trace_entry *e)
{
	struct trace_entry entry;
	unsigned found = 0;

	for (uint64_t number = 1; number <= trace_written(); number++) {
		if (!trace_read(number, &entry) || entry.event != event)
			continue;
		CHECK_EQ(entry.number, number);
		if (found++ == n)
			*e = entry;
	}
	return found;
}
