/* Zeroing as something that an idle CPU does.
 */
#include "kernel/sched/idle.h"
#include "mm/mm.h"
#include "mm/zero.h"

static enum idle_verdict run(uint64_t *wake_ns)
{
	static const enum idle_verdict verdicts[] = {
		[ZERO_NOTHING] = IDLE_NOTHING,
		[ZERO_LATER] = IDLE_LATER,
		[ZERO_AGAIN] = IDLE_AGAIN,
	};

	return verdicts[zero_idle(&mm_system, wake_ns)];
}

static void wake_due(void)
{
	zero_wake_due(&mm_system);
}

IDLE(zero, .run = run, .wake_due = wake_due);
