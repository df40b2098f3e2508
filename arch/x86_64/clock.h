/* The clock: nanoseconds since the loader started, from the time stamp counter.
 */
#pragma once

#include "lib/types.h"

/* Monotonic. 0 until clock_init. Any context. */
uint64_t clock_ns(void);

/* Measures the TSC and the local APIC timer against the ACPI PM timer (bits: 24 or 32 wide; port 0: there is none),
 * or else against the PIT, for some 30 ms, and starts the clock as if it had been 0 when the TSC was epoch_tsc.
 * Returns the name of what it measured against; NULL: nothing there counts, a TSC of 1 GHz is assumed. */
const char *clock_init(uint16_t pm_port, unsigned pm_bits, uint64_t epoch_tsc);

/* Ticks a second, as measured: of the TSC, and of the local APIC timer. */
uint64_t clock_tsc_hz(void);
uint64_t clock_lapic_hz(void);

/* So many TSC ticks in ns. */
uint64_t clock_tsc_to_ns(uint64_t ticks);
