/* The timer: one interrupt at one time, which the local APIC gives.
 */
#pragma once

#include "lib/types.h"

/* Calls fn with interrupts off when the time that timer_arm was given has come. After clock_init. */
void timer_init(void (*fn)(void));

/* Makes the timer fire at that time on clock_ns, at once when it has passed; may fire early when it is far off.
 * Replaces what was armed; UINT64_MAX: not at all. With interrupts off. */
void timer_arm(uint64_t deadline_ns);
