/* What a CPU does when no thread is ready.
 */
#pragma once

#include "lib/types.h"

/* The boot CPU's idle loop: zeroes free memory while there is some to zero, else halts. */
_Noreturn void idle_run(void);

/* True while this CPU's idle loop is zeroing: who makes a thread ready then tells zero_wake_due. */
bool idle_is_zeroing(void);
