/* What CPUs count each for itself in struct mm_cpu, added up.
 */
#pragma once

#include "lib/table.h"
#include "mm/state.h"

/* The sum of a counter over an allocator's CPUs. */
#define CPU_SUM(mm, field) stat_sum(&(mm)->cpu->field, sizeof(*(mm)->cpu), (mm)->cpu_count)

/* A row of `stats`: that sum for mm_system. */
#define STAT_CPUS(field, name, unit, help) \
	STAT_SUM(cpu_##field, name, unit, help, mm_system.cpu, mm_system.cpu_count, field)
