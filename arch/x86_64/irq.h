/* Interrupts: who handles which, and when they are off.
 *
 * Handlers run with interrupts off, must be short, never allocate and never take a spinlock; they call thread_wake.
 */
#pragma once

#include "lib/types.h"

typedef void irq_fn(void *arg);

/* By which an input interrupts, unless the MADT overrides it. */
enum irq_trigger {
	IRQ_EDGE,  /* edge, active high: ISA */
	IRQ_LEVEL, /* level, active low: PCI INTx */
};

/* Routes a global system interrupt (an IOAPIC input) to this CPU and enables it.
 *
 * Returns 0, or -1: no IOAPIC has that input, or it is taken. */
int irq_install(unsigned gsi, enum irq_trigger trigger, irq_fn *fn, void *arg);

/* The same for an ISA interrupt, by the MADT's overrides. */
int irq_install_isa(unsigned isa, irq_fn *fn, void *arg);

/* Turns interrupts off; returns whether they were on, for irq_restore. Pairs nest. */
bool irq_save(void);
void irq_restore(bool on);

/* Turns interrupts on where they are off for good: at the end of the boot order, and at the start of a thread. */
void irq_enable(void);

/* With interrupts off: turns them on and halts until one has been handled. */
void irq_halt(void);

/* The longest time that interrupts were off, in TSC ticks, without halting. */
uint64_t irq_off_max_tsc(void);
