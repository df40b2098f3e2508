/* Cooperative threads: one runs until it blocks, sleeps (wait.h) or yields; interrupts only make others ready.
 *
 * Each CPU has a queue of its own, though the boot CPU is the only one that runs yet. A thread has a fixed stack with
 * an unmapped guard page below it. Nothing here allocates but thread_create.
 */
#pragma once

#include "lib/types.h"

#define THREAD_STACK_BYTES (32u * 1024u)
#define THREAD_MAX	   32u

struct thread;

/* Starts a thread; it runs when the others let it. name must stay valid. When run returns the thread is gone.
 * NULL: THREAD_MAX are alive, or no memory for the stack. */
struct thread *thread_create(const char *name, void (*run)(void *), void *arg);

/* The one that runs, and its name ("idle" is the boot CPU's idle loop). */
struct thread *thread_current(void);
const char *thread_name(const struct thread *t);

/* Lets every other ready thread run first. */
void thread_yield(void);

/* A thread is ready to run: what runs now should get out of the way if it is only filling time. */
bool thread_wake_due(void);

/* True in a thread that may block: not at boot, nor in the idle loop. Whoever has interrupts off knows by himself that
 * he mayn't. */
bool thread_may_block(void);
