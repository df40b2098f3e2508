/* The clock: nanoseconds since the loader started, from the time stamp counter.
 */
#pragma once

#include "lib/types.h"

/* Monotonic. 0 until clock_init. Any context. */
uint64_t clock_ns(void);
