/* What newlib asks of an operating system.
 *
 * stdout is line-buffered in a static buffer and belongs to the console's thread; everybody else uses log_printf.
 */
#pragma once

#include "lib/types.h"

/* Sets up stdin, stdout and stderr. When the allocator is up. */
void newlib_init(void);
