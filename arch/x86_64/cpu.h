/* Which CPU runs. A leaf: everybody who has something for each CPU asks here, and mm's port passes the answer on.
 *
 * A thread may keep the number until it yields or blocks: threads are switched nowhere else, and change their CPU
 * nowhere else.
 */
#pragma once

#include "lib/types.h"

#define CPUS_MAX 64u

/* How many run; doesn't change after boot. */
static inline unsigned cpu_count(void)
{
	return 1;
}

/* 0 to cpu_count() - 1; the boot CPU is 0. Any context. */
static inline unsigned cpu_number(void)
{
	return 0;
}
