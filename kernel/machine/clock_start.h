/* The local APIC and the clock, by what ACPI's tables and CPUID say.
 */
#pragma once

#include "lib/types.h"

/* Starts both and says how fast they are, and what was measured, told or assumed. A machine without a timer to wake
 * threads is a panic that says so. After acpi_init. */
void clock_start(uint64_t entry_tsc);
