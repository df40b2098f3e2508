/* The end: prints the cause, the registers and a symbolic backtrace, then ends the machine with POWER_PANIC.
 *
 * Any context, with any lock held, and again from within itself. Never allocates, prints polled.
 */
#pragma once

#include "lib/types.h"

_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
