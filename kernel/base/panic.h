/* The end: prints the cause, the registers and a symbolic backtrace, then ends the machine with POWER_PANIC.
 *
 * Any context, with any lock held, and again from within itself. Never allocates, prints polled.
 */
#pragma once

#include "lib/types.h"

_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Called first by panic(), mm_port_panic() and a failed ASSERT, not for exceptions, with the message. It may leave with
 * longjmp, as a test does that expects the panic; when it returns, the panic goes on. NULL: none. */
extern void (*panic_hook)(const char *message);
