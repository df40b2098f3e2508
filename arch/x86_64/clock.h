/* The clock: nanoseconds since the loader started, from the time stamp counter.
 */
#pragma once

#include "lib/types.h"

/* Monotonic. 0 until clock_init. Any context. */
uint64_t clock_ns(void);

/* What there is to measure against, and what was told; 0 for what there isn't. */
struct clock_sources {
	uint16_t pm_port; /* of the ACPI PM timer */
	unsigned pm_bits; /* 24 or 32 */
	paddr_t hpet;	  /* the HPET's registers */
	uint64_t tsc_hz;  /* the TSC's rate, and who told it */
	const char *tsc_by;
	uint64_t bus_hz; /* the rate of the local APIC's clock before it is divided */
};

enum clock_way {
	CLOCK_MEASURED,	   /* against something that counts at a known rate */
	CLOCK_TOLD,	   /* nothing like that counts, the rate is the one that was told */
	CLOCK_BUS_ASSUMED, /* nor was it told; the local APIC's clock is taken for one of bus_hz */
	CLOCK_TSC_ASSUMED, /* nor has that a rate; a TSC of 1 GHz is assumed */
};

/* Measures the TSC and the local APIC's timer for some 30 ms against the first that counts: ACPI PM timer, PIT, HPET.
 * Else by what was told or can be assumed; the local APIC's timer is measured against the TSC then. Starts the clock as
 * if it had been 0 when the TSC was epoch_tsc. by gets the name of what the rates are by; NULL: they are assumed. After
 * lapic_init. */
enum clock_way clock_init(const struct clock_sources *from, uint64_t epoch_tsc, const char **by);

/* Ticks a second: of the TSC, and of the local APIC timer, which has 0 when it stands still. */
uint64_t clock_tsc_hz(void);
uint64_t clock_lapic_hz(void);

/* So many TSC ticks in ns. */
uint64_t clock_tsc_to_ns(uint64_t ticks);
