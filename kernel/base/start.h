/* What runs beside the console from boot on: rows, so that main knows no feature by name.
 */
#pragma once

#include "lib/table.h"

/* start is called once, in no particular order, when memory, clock and interrupts are up and threads can be made,
 * before devices are looked for; settle, which may be NULL, afterwards, ahead of the first command. */
struct start_row {
	const char *name;
	void (*start)(void);
	void (*settle)(void);
};

#define START(ident, ...)                                            \
	static const struct start_row start_##ident = {__VA_ARGS__}; \
	TABLE_ADD(start, start_##ident)

TABLE_DECLARE(start);
