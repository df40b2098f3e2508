/* The idle loop: other threads first, then a little of what may be done meanwhile, then sleep.
 */
#include "kernel/sched/idle.h"

#include "arch/x86_64/clock.h"
#include "arch/x86_64/irq.h"
#include "kernel/sched/runqueue.h"
#include "kernel/sched/thread.h"

static const struct idle_row *running[CPUS_MAX]; /* (I) */

static uint64_t halted_ns, halts; /* (A) the idle loop writes them */
STAT(idle_halted, "idle.halted_ns", "ns", "the CPU was halted, since there was nothing to do", &halted_ns);
STAT(idle_halts, "idle.halts", "halts", "how often it was", &halts);

void idle_wake_due(void)
{
	const struct idle_row *row = running[cpu_number()];

	if (row)
		row->wake_due();
}

static void halt_until(uint64_t wake_ns)
{
	bool on = irq_save();

	if (thread_wake_due()) { /* since we looked last */
		irq_restore(on);
		return;
	}
	runqueue_arm(runqueue_mine(), wake_ns);
	uint64_t before = clock_ns();
	irq_halt();
	halted_ns += clock_ns() - before;
	halts++;
}

_Noreturn void idle_run(void)
{
	const struct idle_row **mine = &running[cpu_number()];

	for (;;) {
		uint64_t halt_ns = UINT64_MAX;
		bool again = false;

		thread_yield();
		TABLE_FOR_EACH (idle, struct idle_row, row) {
			uint64_t wake_ns = UINT64_MAX;
			*mine = row;
			enum idle_verdict verdict = row->run(&wake_ns);
			*mine = NULL;
			again |= verdict == IDLE_AGAIN;
			if (verdict == IDLE_LATER && wake_ns < halt_ns)
				halt_ns = wake_ns;
		}
		if (!again)
			halt_until(halt_ns);
	}
}
