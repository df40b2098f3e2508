/* Handlers by vector, and how long interrupts stay off.
 */
#include "arch/x86_64/irq.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/irq_private.h"
#include "arch/x86_64/trap.h"
#include "lib/table.h"

static struct {
	irq_fn *fn;
	void *arg;
} handlers[256];

/* Each CPU's own, touched with its interrupts off. */
static struct irq_cpu {
	uint64_t handled, unexpected;
	uint64_t off_since, off_max; /* in TSC ticks */
} cpus[CPUS_MAX];

static struct irq_cpu *my_cpu(void)
{
	return &cpus[cpu_number()];
}

static const struct irq_cpu *const first_cpu = cpus;
static const uint32_t irq_cpus = CPUS_MAX;
STAT_SUM(irq_handled, "irq.handled", "interrupts", "interrupts that had a handler", first_cpu, irq_cpus, handled);
STAT_SUM(irq_unexpected, "irq.unexpected", "interrupts", "interrupts without a handler, spurious ones included",
	 first_cpu, irq_cpus, unexpected);

uint64_t irq_off_max_tsc(void)
{
	uint64_t max = 0;

	for (unsigned i = 0; i < CPUS_MAX; i++)
		max = cpus[i].off_max > max ? cpus[i].off_max : max;
	return max;
}

static void off_begin(void)
{
	my_cpu()->off_since = rdtsc();
}

static void off_end(void)
{
	struct irq_cpu *cpu = my_cpu();
	uint64_t ticks = rdtsc() - cpu->off_since;

	if (cpu->off_since && ticks > cpu->off_max)
		cpu->off_max = ticks;
}

bool irq_save(void)
{
	bool on = interrupts_on();

	__asm__ volatile("cli" ::: "memory");
	if (on)
		off_begin();
	return on;
}

void irq_enable(void)
{
	off_end();
	__asm__ volatile("sti" ::: "memory");
}

void irq_restore(bool on)
{
	if (on)
		irq_enable();
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

	off_begin();
	if (fn) {
		my_cpu()->handled++;
		fn(handlers[vector].arg);
		lapic_eoi();
	} else {
		/* Neither a spurious vector nor the 8259s' are acknowledged: SDM volume 3, 11.9. */
		my_cpu()->unexpected++;
	}
	off_end();
}
