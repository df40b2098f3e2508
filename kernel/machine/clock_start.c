/* Hands the clock what there is to know of it. */
#include "kernel/machine/clock_start.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/firmware/cpu_rates.h"
#include "kernel/machine/acpi.h"

#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_TIMING	0x40000010u

static struct cpu_leaf leaf_of(struct cpuid r)
{
	return (struct cpu_leaf){r.a, r.b, r.c, r.d};
}

static struct cpu_rates rates_by_cpuid(void)
{
	struct cpu_leaves leaves = {
		.features = leaf_of(cpuid(1)),
		.crystal = leaf_of(cpuid(0x15)),
		.frequency = leaf_of(cpuid(0x16)),
		.hypervisor = leaf_of(cpuid_at(LEAF_HYPERVISOR)),
	};

	/* Leaves from 0x40000000 on have a largest one of their own. */
	if (leaves.hypervisor.a >= LEAF_TIMING && leaves.hypervisor.a < LEAF_HYPERVISOR + 0x10000)
		leaves.timing = leaf_of(cpuid_at(LEAF_TIMING));
	return cpu_rates(&leaves);
}

static void say_rates(enum clock_way way, const char *by, const struct cpu_rates *rates)
{
	const unsigned long tsc = clock_tsc_hz() / 1000, lapic = clock_lapic_hz() / 1000;
	const unsigned long bus_mhz = rates->bus_hz / 1000000;
	const bool whole = bus_mhz % 1000 == 0;

	if (way != CLOCK_MEASURED)
		log_printf("clock: neither the ACPI PM timer nor the PIT nor an HPET counts");
	switch (way) {
	case CLOCK_MEASURED:
		log_printf("clock: TSC %lu kHz, APIC timer %lu kHz, by the %s", tsc, lapic, by);
		break;
	case CLOCK_TOLD:
		log_printf("clock: TSC %lu kHz, APIC timer %lu kHz, by %s", tsc, lapic, by);
		break;
	case CLOCK_BUS_ASSUMED:
		log_printf("clock: TSC %lu kHz, APIC timer %lu kHz: CPUID has no rate of the TSC, an APIC clock of "
			   "%lu %s is assumed, %s",
			   tsc, lapic, whole ? bus_mhz / 1000 : bus_mhz, whole ? "GHz" : "MHz", rates->bus_by);
		break;
	case CLOCK_TSC_ASSUMED:
		log_printf("clock: CPUID has no rate either, a TSC of 1 GHz is assumed; APIC timer %lu kHz", lapic);
		break;
	}
}

void clock_start(uint64_t entry_tsc)
{
	const struct acpi_info *acpi = acpi_info();
	const struct cpu_rates rates = rates_by_cpuid();
	const struct clock_sources sources = {
		.pm_port = acpi->pm_timer_port,
		.pm_bits = acpi->pm_timer_bits,
		.hpet = acpi->hpet,
		.tsc_hz = rates.tsc_hz,
		.tsc_by = rates.tsc_by,
		.bus_hz = rates.bus_hz,
	};
	const paddr_t lapic = lapic_init(acpi->lapic);
	const char *by;

	if (!lapic)
		panic("boot: no local APIC at 0x%lx, which the timer needs", acpi->lapic);
	if (lapic != acpi->lapic)
		log_printf("interrupts: the local APIC is at 0x%lx, as the CPU says, and not at 0x%lx, as ACPI says",
			   lapic, acpi->lapic);
	const enum clock_way way = clock_init(&sources, entry_tsc, &by);
	say_rates(way, by, &rates);
	if (!clock_lapic_hz())
		panic("boot: the timer of the local APIC at 0x%lx stands still, and nothing else wakes threads", lapic);
}
