/* Blocking, and the wake-up that isn't lost: one that comes while the thread runs ends its next block. */
#include "kernel/sched/wait.h"

#include "arch/x86_64/clock.h"
#include "arch/x86_64/irq.h"
#include "kernel/sched/runqueue.h"
#include "kernel/sched/thread.h"
#include "lib/assert.h"

/* Returns whether thread_wake ended it. */
static bool block_until(uint64_t wake_ns)
{
	bool on = irq_save();
	struct run_queue *q = runqueue_mine();
	struct thread *self = q->current;

	ASSERT(on && self != &q->idle);
	if (!self->woken && wake_ns > clock_ns())
		runqueue_block(q, wake_ns);
	bool woken = self->woken;
	self->woken = false;
	irq_restore(on);
	return woken;
}

void thread_block_until(uint64_t wake_ns)
{
	block_until(wake_ns);
}

void thread_sleep_ns(uint64_t ns)
{
	uint64_t until = clock_ns() + ns;
	bool woken = false;

	while (clock_ns() < until)
		woken |= block_until(until);
	if (woken)
		thread_wake(thread_current());
}

void thread_wake(struct thread *t)
{
	bool on = irq_save();

	t->woken = true;
	if (t->state == THREAD_BLOCKED)
		runqueue_wake(t);
	irq_restore(on);
}
