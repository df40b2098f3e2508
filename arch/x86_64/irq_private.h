/* What the parts of the interrupt machinery share among themselves.
 */
#pragma once

#include "arch/x86_64/irq.h"

/* Called by trap_dispatch for every vector that is no exception. */
void irq_dispatch(unsigned vector);

/* Makes fn the handler of that vector. Returns 0, or -1: taken. */
int irq_set_vector(unsigned vector, irq_fn *fn, void *arg);

/* Acknowledges the interrupt in service. */
void lapic_eoi(void);

/* The boot CPU's id, for routing. */
uint32_t lapic_id(void);

#define LAPIC_TIMER_DIVISOR 16u /* of the local APIC's clock */

/* The local APIC's timer counts down from so many ticks to 0, once; 0: it stands still. At 0 it interrupts with the
 * vector that it was given, or doesn't interrupt while that is 0. And where it has got to. */
void lapic_timer_mode(unsigned vector);
void lapic_timer_start(uint32_t ticks);
uint32_t lapic_timer_count(void);
