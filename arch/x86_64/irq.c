/* Handlers by vector, and how long interrupts stay off.
 */
#include "arch/x86_64/irq.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/irq_private.h"
#include "arch/x86_64/trap.h"
#include "lib/table.h"

static struct {
	irq_fn *fn;
	void *arg;
} handlers[256];

static uint64_t handled, unexpected;
STAT(irq_handled, "irq.handled", "interrupts", "interrupts that had a handler", &handled);
STAT(irq_unexpected, "irq.unexpected", "interrupts", "interrupts without a handler, spurious ones included",
     &unexpected);

static uint64_t off_since, off_max; /* in TSC ticks */

uint64_t irq_off_max_tsc(void)
{
	return off_max;
}

static void off_end(void)
{
	uint64_t ticks = rdtsc() - off_since;

	if (off_since && ticks > off_max)
		off_max = ticks;
}

bool irq_save(void)
{
	bool on = interrupts_on();

	__asm__ volatile("cli" ::: "memory");
	if (on)
		off_since = rdtsc();
	return on;
}

void irq_restore(bool on)
{
	if (!on)
		return;
	off_end();
	__asm__ volatile("sti" ::: "memory");
}

void irq_halt(void)
{
	off_end();
	__asm__ volatile("sti; hlt" ::: "memory"); /* an interrupt between the two wakes the hlt: SDM volume 2, STI */
}

int irq_set_vector(unsigned vector, irq_fn *fn, void *arg)
{
	if (handlers[vector].fn)
		return -1;
	handlers[vector].arg = arg;
	handlers[vector].fn = fn;
	return 0;
}

void irq_dispatch(unsigned vector)
{
	irq_fn *fn = handlers[vector].fn;

	off_since = rdtsc();
	if (fn) {
		handled++;
		fn(handlers[vector].arg);
		lapic_eoi();
	} else {
		/* Neither a spurious vector nor the 8259s' are acknowledged: SDM volume 3, 11.9. */
		unexpected++;
	}
	off_end();
}
