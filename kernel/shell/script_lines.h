/* Where the lines of a script are: what a script is, kernel/console/script.h says.
 */
#pragma once

#include "lib/types.h"

/* A line found in a script. */
struct script_line {
	const char *text; /* not terminated */
	size_t length;
	unsigned number; /* from 1 */
};

/* Finds the next line that isn't blank or a comment. *at and *number start as 0 and are its own. False: none left. */
bool script_next(const char *script, size_t length, size_t *at, unsigned *number, struct script_line *out);
