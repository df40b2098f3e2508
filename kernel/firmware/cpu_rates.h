/* How fast a machine's clocks are, by what CPUID tells: the leaves in, rates out. Pure, so that it runs on the host
 * with leaves of any CPU and any hypervisor.
 */
#pragma once

#include "lib/types.h"

struct cpu_leaf {
	uint32_t a, b, c, d;
};

/* All zero where the CPU doesn't know the leaf. */
struct cpu_leaves {
	struct cpu_leaf features;   /* 1; bit 31 of ECX: there is a hypervisor, and what follows at 0x40000000 is its */
	struct cpu_leaf crystal;    /* 0x15 */
	struct cpu_leaf frequency;  /* 0x16 */
	struct cpu_leaf hypervisor; /* 0x40000000: the largest of its leaves in EAX, its name in the others */
	struct cpu_leaf timing;	    /* 0x40000010, if that isn't beyond the largest */
};

struct cpu_rates {
	const char *tsc_by; /* which leaf tells of the TSC; NULL: none */
	uint64_t tsc_hz;
	const char *bus_by; /* why the local APIC's clock, before it is divided, is known; NULL: it isn't */
	uint64_t bus_hz;
};

/* The TSC's rate by the hypervisor's leaf, which alone knows what it made of the hardware's, or by the CPU's: crystal
 * and ratio, or the base frequency. A rate that can't be, below 10 MHz or above 100 GHz, counts as none. */
struct cpu_rates cpu_rates(const struct cpu_leaves *leaves);
