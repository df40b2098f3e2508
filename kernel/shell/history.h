/* The lines that were entered last, in a buffer of the owner's: a new one pushes the oldest out. Pure.
 */
#pragma once

#include "lib/types.h"

struct history {
	char *bytes; /* set by the owner, as is size: at least 1 */
	size_t size;
	size_t used; /* 0 at first */
};

/* Adds a line, as the newest. Blank ones aren't kept, nor one that is the same as the newest already, nor one that the
 * whole buffer has no room for. */
void history_add(struct history *history, const char *line);

/* The line that is so many back: 1 is the newest. NULL: there are fewer. Good until the next history_add. */
const char *history_line(const struct history *history, unsigned back);
