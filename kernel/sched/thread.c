/* What a thread is made of: a slot, a stack, and the function that it runs. */
#include "kernel/sched/thread.h"

#include "arch/x86_64/context.h"
#include "arch/x86_64/irq.h"
#include "arch/x86_64/stacks.h"
#include "kernel/sched/runqueue.h"

_Static_assert(THREAD_MAX <= STACK_SLOTS && THREAD_STACK_BYTES < STACK_SLOT_BYTES, "each thread has a slot");

static struct thread threads[THREAD_MAX]; /* by their fields */

/* The first thing a new thread does. */
static void thread_start(void)
{
	struct thread *self = runqueue_mine()->current;

	irq_enable();
	self->run(self->arg);
	irq_save();
	self->state = THREAD_FREE;
	runqueue_switch(runqueue_mine());
	__builtin_unreachable();
}

struct thread *thread_create(const char *name, void (*run)(void *), void *arg)
{
	for (unsigned i = 0; i < THREAD_MAX; i++) {
		struct thread *t = &threads[i];

		if (t->state != THREAD_FREE)
			continue;
		uint64_t top = stack_map(i, THREAD_STACK_BYTES);
		if (!top)
			return NULL;
		*t = (struct thread){.name = name, .run = run, .arg = arg, .rsp = context_new(top, thread_start)};
		bool on = irq_save();
		runqueue_add(runqueue_mine(), t);
		irq_restore(on);
		return t;
	}
	return NULL;
}

struct thread *thread_current(void)
{
	return runqueue_mine()->current;
}

const char *thread_name(const struct thread *t)
{
	return t ? t->name : "boot";
}

void thread_yield(void)
{
	bool on = irq_save();
	struct run_queue *q = runqueue_mine();

	if (q->first) {
		if (q->current != &q->idle)
			runqueue_add(q, q->current);
		runqueue_switch(q);
	}
	irq_restore(on);
}

bool thread_wake_due(void)
{
	return __atomic_load_n(&runqueue_mine()->first, __ATOMIC_RELAXED);
}

bool thread_may_block(void)
{
	struct run_queue *q = runqueue_mine();

	return q->current && q->current != &q->idle;
}
