/* The terminal's size, where it comes among the keys: ESC [ 8 ; ROWS ; COLUMNS t, which terminals send when they are
 * asked for it (CSI 18 t), or ESC [ 48 ; ROWS ; COLUMNS ; HEIGHT ; WIDTH t, which some send whenever it changes (their
 * mode 2048). What is no such report passes as it is. Pure: no terminal, no clock.
 */
#pragma once

#include "lib/types.h"

#define RESIZE_BYTES 40u /* longest report */

struct resize {
	unsigned rows, columns; /* of the last report */

	/* its own: bytes that a report could begin with */
	char held[RESIZE_BYTES];
	unsigned length;
};

enum resize_event {
	RESIZE_HELD, /* it may become a report */
	RESIZE_PASS, /* out has bytes for whoever reads keys, in their order */
	RESIZE_NEW,  /* rows and columns are the terminal's */
};

/* Takes one byte; a zeroed struct is ready for the first. With RESIZE_PASS out has *count bytes, and what is left may
 * still be the beginning of a report. */
enum resize_event resize_feed(struct resize *r, char byte, char out[RESIZE_BYTES + 1], unsigned *count);

/* No more bytes come for now: what is held were keys. Writes them to out, returns how many. */
unsigned resize_give_up(struct resize *r, char out[RESIZE_BYTES + 1]);
