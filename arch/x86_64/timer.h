/* What the clock's calibration and the local APIC timer tell each other.
 */
#pragma once

#include "lib/types.h"

/* Lets the timer count down from its largest value, without an interrupt; and where it has got to. */
void lapic_timer_free_run(void);
uint32_t lapic_timer_count(void);
