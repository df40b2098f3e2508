/* Cooperative threads on per-CPU run queues.
 *
 * Interrupt handlers touch a run queue only through thread_wake and the timer, and everybody does so with interrupts
 * off on the CPU whose queue it is: no lock is needed. There are few threads, so sleepers are found by a look at all.
 */
#include "kernel/sched/thread.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/context.h"
#include "arch/x86_64/irq.h"
#include "arch/x86_64/stacks.h"
#include "kernel/sched/idle.h"
#include "kernel/sched/sched.h"
#include "lib/assert.h"
#include "lib/table.h"
#include "mm/mm.h"
#include "port/mm_port.h"

_Static_assert(THREAD_MAX <= STACK_SLOTS && THREAD_STACK_BYTES < STACK_SLOT_BYTES, "each thread has a slot");

enum thread_state {
	THREAD_FREE, /* the slot, perhaps with a stack of an earlier thread */
	THREAD_READY,
	THREAD_RUNNING,
	THREAD_BLOCKED,
};

struct thread {
	const char *name;
	void (*run)(void *);
	void *arg;
	struct thread *next; /* in the queue of ready threads */
	uint64_t rsp;	     /* while it doesn't run */
	uint64_t wake_ns;    /* BLOCKED: until then at the latest */
	enum thread_state state;
	bool woken; /* by thread_wake while it wasn't blocked */
};

/* One CPU's threads. Interrupts off. */
static struct run_queue {
	struct thread *current;
	struct thread *first, *last; /* ready, in order */
	struct thread idle;
	uint64_t armed_ns; /* what the timer is set to; UINT64_MAX: nothing */
} queues[MM_CPUS_MAX];

static struct thread threads[THREAD_MAX];

static uint64_t switches;
STAT(thread_switches, "thread.switches", "switches", "from one thread to another", &switches);

static struct run_queue *my_queue(void)
{
	return &queues[mm_port_cpu()];
}

static void push_ready(struct run_queue *q, struct thread *t)
{
	t->state = THREAD_READY;
	t->next = NULL;
	if (q->first)
		q->last->next = t;
	else
		q->first = t;
	q->last = t;
}

/* A blocked thread becomes ready. Interrupts off. */
static void make_ready(struct run_queue *q, struct thread *t)
{
	bool first = !q->first;

	push_ready(q, t);
	if (first)
		idle_wake_due();
}

static void arm(struct run_queue *q, uint64_t deadline_ns)
{
	q->armed_ns = deadline_ns;
	timer_arm(deadline_ns);
}

static uint64_t earliest_wake(void)
{
	uint64_t earliest = UINT64_MAX;

	for (unsigned i = 0; i < THREAD_MAX; i++)
		if (threads[i].state == THREAD_BLOCKED && threads[i].wake_ns < earliest)
			earliest = threads[i].wake_ns;
	return earliest;
}

/* The timer's interrupt. */
static void wake_sleepers(void)
{
	struct run_queue *q = my_queue();
	uint64_t now = clock_ns();

	for (unsigned i = 0; i < THREAD_MAX; i++)
		if (threads[i].state == THREAD_BLOCKED && threads[i].wake_ns <= now)
			make_ready(q, &threads[i]);
	arm(q, earliest_wake());
}

void sched_init(void)
{
	struct run_queue *q = my_queue();

	q->idle.name = "idle";
	q->idle.state = THREAD_RUNNING;
	q->current = &q->idle;
	q->armed_ns = UINT64_MAX;
	timer_init(wake_sleepers);
}

void sched_arm(uint64_t deadline_ns)
{
	struct run_queue *q = my_queue();
	uint64_t earliest = earliest_wake();

	if (deadline_ns < earliest)
		earliest = deadline_ns;
	if (earliest != q->armed_ns)
		arm(q, earliest);
}

/* Runs the next ready thread, or the idle loop. The caller has already said what becomes of the current one. Interrupts
 * are off, and off again when this returns, which is when the caller runs again. */
static void switch_away(struct run_queue *q)
{
	struct thread *from = q->current, *to = q->first;

	if (to) {
		q->first = to->next;
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

/* The first thing a new thread does. */
static void thread_start(void)
{
	struct thread *self = my_queue()->current;

	irq_restore(true);
	self->run(self->arg);
	irq_save();
	self->state = THREAD_FREE;
	switch_away(my_queue());
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
		make_ready(my_queue(), t);
		irq_restore(on);
		return t;
	}
	return NULL;
}

struct thread *thread_current(void)
{
	return my_queue()->current;
}

const char *thread_name(const struct thread *t)
{
	return t ? t->name : "boot";
}

void thread_yield(void)
{
	bool on = irq_save();
	struct run_queue *q = my_queue();

	if (q->first) {
		if (q->current != &q->idle)
			push_ready(q, q->current);
		switch_away(q);
	}
	irq_restore(on);
}

/* Returns whether thread_wake ended it. */
static bool block_until(uint64_t wake_ns)
{
	bool on = irq_save();
	struct run_queue *q = my_queue();
	struct thread *self = q->current;

	ASSERT(on && self != &q->idle);
	if (!self->woken && wake_ns > clock_ns()) {
		self->state = THREAD_BLOCKED;
		self->wake_ns = wake_ns;
		if (wake_ns < q->armed_ns)
			arm(q, wake_ns);
		switch_away(q);
	}
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
		make_ready(my_queue(), t);
	irq_restore(on);
}

bool thread_wake_due(void)
{
	return __atomic_load_n(&my_queue()->first, __ATOMIC_RELAXED);
}

bool thread_may_block(void)
{
	struct run_queue *q = my_queue();

	return q->current && q->current != &q->idle;
}
