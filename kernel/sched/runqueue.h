/* Between the files of this room: a thread as they see it, and each CPU's queues of them. Others use thread.h, wait.h
 * and idle.h; of what is here, main calls sched_init.
 *
 * Who may touch what is by the key of thread.h, and (C): constant once the thread or the CPU has started. (I) is all
 * the lock there is: a thread stays with the CPU that it ran on.
 */
#pragma once

#include "arch/x86_64/cpu.h"
#include "lib/types.h"

enum thread_state {
	THREAD_FREE, /* the slot, perhaps with a stack of an earlier thread */
	THREAD_READY,
	THREAD_RUNNING,
	THREAD_BLOCKED,
};

struct thread {
	const char *name;	 /* (C) */
	void (*run)(void *);	 /* (C) */
	void *arg;		 /* (C) */
	struct run_queue *queue; /* (C) */
	struct thread *next;	 /* (I) READY, BLOCKED: in the list of those */
	uint64_t rsp;		 /* (I) while it doesn't run */
	uint64_t wake_ns;	 /* (I) BLOCKED: until then at the latest */
	enum thread_state state; /* (I) */
	bool woken;		 /* (I) by thread_wake while it wasn't blocked */
};

/* One CPU's threads. */
struct run_queue {
	struct thread *current;	      /* (I, A) NULL until sched_init */
	struct thread *first, **last; /* (I, A) ready, in order; (I) where the next one goes */
	struct thread *blocked;	      /* (I) the earliest first */
	struct thread idle;	      /* (I) the idle loop, which is in no list */
	uint64_t armed_ns;	      /* (I) what the timer is set to; UINT64_MAX: nothing */
};

/* Makes the caller, on the boot stack, the boot CPU's idle thread. became_ready is called, with interrupts off, when a
 * thread becomes ready on a CPU that had none. Timer up, interrupts off or on. */
void sched_init(void (*became_ready)(void));

/* The queue of the CPU that runs. Interrupts off, unless a single word of it is all that is wanted. */
struct run_queue *runqueue_mine(void);

/* All that follows: interrupts off, on the queue's CPU. */

/* t, which is in no list, is ready now, behind the others. */
void runqueue_add(struct run_queue *q, struct thread *t);

/* t, which is blocked, is ready now. */
void runqueue_wake(struct thread *t);

/* Runs the next ready thread, or the idle loop. The caller has said already what becomes of the current one: it is in a
 * list, or gone. Returns when the caller runs again. */
void runqueue_switch(struct run_queue *q);

/* Blocks the current thread until that time on clock_ns, or until runqueue_wake. */
void runqueue_block(struct run_queue *q, uint64_t wake_ns);

/* Sets the timer to the earliest of deadline_ns and the sleepers: for the idle loop, before it halts. */
void runqueue_arm(struct run_queue *q, uint64_t deadline_ns);
