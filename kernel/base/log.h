/* The log: lines with a time ahead, on the console and in a fixed ring that keeps the newest. Never allocates.
 */
#pragma once

#include "lib/types.h"

/* Adds one line, without a newline at its end. Lines over 200 bytes are cut. Any context but interrupt handlers. */
void log_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Who owns the terminal's last row from now on: around each line of the log, hide takes what stands there out of the
 * way and show puts it back. */
void log_row_owner(void (*hide)(void), void (*show)(void));

/* Between the two, lines go into the ring only: for tests that provoke what is logged. */
void log_quiet(void);
void log_loud(void);

/* Reads the ring, oldest line first: start with *cursor = 0. Copies the next line, NUL-terminated, without a newline.
 * Returns its length, or -1 when there is none left. */
int log_next(uint64_t *cursor, char *line, size_t max);
