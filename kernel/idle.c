/* The idle loop: other threads first, then a batch of zeroing, then sleep.
 */
#include "kernel/idle.h"

#include "arch/x86_64/clock.h"
#include "arch/x86_64/irq.h"
#include "kernel/sched.h"
#include "kernel/thread.h"
#include "lib/table.h"
#include "mm/mm.h"
#include "mm/zero.h"
#include "port/mm_port.h"

static bool zeroing[MM_CPUS_MAX];

static uint64_t halted_ns, halts;
STAT(idle_halted, "idle.halted_ns", "ns", "the CPU was halted, since there was nothing to do", &halted_ns);
STAT(idle_halts, "idle.halts", "halts", "how often it was", &halts);

bool idle_is_zeroing(void)
{
	return zeroing[mm_port_cpu()];
}

static void halt_until(uint64_t wake_ns)
{
	bool on = irq_save();

	if (thread_wake_due()) { /* since we looked last */
		irq_restore(on);
		return;
	}
	sched_arm(wake_ns);
	uint64_t before = clock_ns();
	irq_halt();
	halted_ns += clock_ns() - before;
	halts++;
}

_Noreturn void idle_run(void)
{
	bool *mine = &zeroing[mm_port_cpu()];

	for (;;) {
		uint64_t wake_ns = UINT64_MAX;

		thread_yield();
		*mine = true;
		enum zero_verdict verdict = zero_idle(&mm_system, &wake_ns);
		*mine = false;
		if (verdict != ZERO_AGAIN)
			halt_until(verdict == ZERO_LATER ? wake_ns : UINT64_MAX);
	}
}
