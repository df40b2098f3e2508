/* Cooperative threads: one runs until it blocks, sleeps (wait.h) or yields; interrupts only make others ready.
 *
 * Each CPU has a queue of its own, though the boot CPU is the only one that runs yet. A thread has a fixed stack with
 * an unmapped guard page below it. Nothing here allocates but thread_create.
 *
 * So most of kernel/ needs no lock. Who may touch what is shared is written beside it, in all of kernel/ by this key:
 *   (B) written at boot, before there are threads; constant afterwards
 *   (T) the console's thread
 *   (K) any thread and the idle loop, in one stretch without a yield: nobody is switched in meanwhile
 *   (I) its CPU, with interrupts off: handlers touch it too
 *   (A) written as one of the others says; anybody reads it, a single word that may be a moment old
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

/* True in a thread: it may block, if interrupts are on. False at boot and in the idle loop. */
bool thread_may_block(void);
