/* Ready threads in a queue, sleepers in a list by their times: those that are late all at once still wake in order. */
#include "kernel/sched/runqueue.h"

#include "arch/x86_64/clock.h"
#include "arch/x86_64/context.h"
#include "arch/x86_64/timer.h"
#include "lib/table.h"

static struct run_queue queues[CPUS_MAX]; /* by their fields */
static void (*became_ready_hook)(void);	  /* (B) */

static uint64_t switches; /* (I, A) */
STAT(thread_switches, "thread.switches", "switches", "from one thread to another", &switches);

struct run_queue *runqueue_mine(void)
{
	return &queues[cpu_number()];
}

void runqueue_add(struct run_queue *q, struct thread *t)
{
	bool first = !q->first;

	t->state = THREAD_READY;
	t->queue = q;
	t->next = NULL;
	*q->last = t;
	q->last = &t->next;
	if (first)
		became_ready_hook();
}

void runqueue_wake(struct thread *t)
{
	struct run_queue *q = t->queue;
	struct thread **at = &q->blocked;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	runqueue_add(q, t);
}

static void arm(struct run_queue *q, uint64_t deadline_ns)
{
	q->armed_ns = deadline_ns;
	timer_arm(deadline_ns);
}

static uint64_t earliest_wake(const struct run_queue *q)
{
	return q->blocked ? q->blocked->wake_ns : UINT64_MAX;
}

/* The timer's interrupt. */
static void wake_sleepers(void)
{
	struct run_queue *q = runqueue_mine();
	uint64_t now = clock_ns();

	while (q->blocked && q->blocked->wake_ns <= now) {
		struct thread *t = q->blocked;

		q->blocked = t->next;
		runqueue_add(q, t);
	}
	arm(q, earliest_wake(q));
}

void runqueue_arm(struct run_queue *q, uint64_t deadline_ns)
{
	uint64_t earliest = earliest_wake(q);

	if (deadline_ns < earliest)
		earliest = deadline_ns;
	if (earliest != q->armed_ns)
		arm(q, earliest);
}

void runqueue_switch(struct run_queue *q)
{
	struct thread *from = q->current, *to = q->first;

	if (to) {
		q->first = to->next;
		if (!q->first)
			q->last = &q->first;
	} else {
		to = &q->idle;
	}
	to->state = THREAD_RUNNING;
	if (to == from)
		return;
	q->current = to;
	switches++;
	context_switch(&from->rsp, to->rsp);
}

void runqueue_block(struct run_queue *q, uint64_t wake_ns)
{
	struct thread *self = q->current, **at = &q->blocked;

	self->state = THREAD_BLOCKED;
	self->wake_ns = wake_ns;
	while (*at && (*at)->wake_ns <= wake_ns)
		at = &(*at)->next;
	self->next = *at;
	*at = self;
	if (wake_ns < q->armed_ns)
		arm(q, wake_ns);
	runqueue_switch(q);
}

void sched_init(void (*became_ready)(void))
{
	became_ready_hook = became_ready;
	for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
		struct run_queue *q = &queues[cpu];

		*q = (struct run_queue){.last = &q->first, .armed_ns = UINT64_MAX};
		q->idle = (struct thread){.name = "idle", .queue = q, .state = THREAD_RUNNING};
	}
	runqueue_mine()->current = &runqueue_mine()->idle;
	timer_init(wake_sleepers);
}
