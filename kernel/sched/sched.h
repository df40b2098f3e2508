/* Between the threads and the idle loop.
 */
#pragma once

#include "lib/types.h"

/* Makes the caller, on the boot stack, the boot CPU's idle thread. Timer up, interrupts off or on. */
void sched_init(void);

/* Called by the idle thread with interrupts off: arms the timer for the earliest of deadline_ns and the sleepers. */
void sched_arm(uint64_t deadline_ns);
