/* The console's bytes: COM1, interrupt-driven both ways.
 */
#pragma once

#include "lib/types.h"

/* Blocks the calling thread until there is a byte. Without a UART it blocks for ever. One reader at a time. */
int tty_getc(void);

/* The next byte, which stays to be read: waits for it until a time on clock_ns, perhaps past. -1: there is none. */
int tty_peek_until(uint64_t deadline_ns);

/* The time on clock_ns that is so far from now. */
uint64_t tty_deadline_ns(uint64_t from_now_ns);

/* Whether ^C waits to be read: then takes it, and what was typed ahead of it, of which drop is told byte by byte, with
 * interrupts off. For commands that take long. */
bool tty_interrupted(void (*drop)(char byte));

/* Writes bytes as they are, "\n" as "\r\n". A thread waits while the line is busy; at boot and in the idle loop it is
 * polled. Never allocates. */
void tty_write(const char *bytes, size_t count);

/* Waits until everything has left for the line, polled and bounded. Before the machine is switched off. */
void tty_flush(void);

/* From now on every write is polled and nothing waits for an interrupt or another thread: for panics. */
void tty_panic_mode(void);

/* Finds the UART; from then on writes go out, polled. At boot, before anything is said. False: there is none, and
 * nobody will see what is written. */
bool tty_init(void);

/* From now on by interrupts. When the interrupt controllers are up. False: COM1 has no interrupt, so there will be no
 * input. */
bool tty_start(void);
