/* A thread waits: for a time, for somebody who wakes it, or for whichever comes first.
 */
#pragma once

#include "lib/types.h"

struct thread;

/* Blocks until that time on clock_ns, or until thread_wake; UINT64_MAX: only that. A thread_wake that came since the
 * last block isn't lost: it ends this one at once. So callers look at their condition again. */
void thread_block_until(uint64_t wake_ns);

/* Blocks for at least ns, whoever wakes it meanwhile (that wake-up then isn't lost but ends the next block). */
void thread_sleep_ns(uint64_t ns);

/* Makes t ready. Any context, interrupt handlers included. */
void thread_wake(struct thread *t);
