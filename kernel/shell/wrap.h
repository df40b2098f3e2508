/* Text on the console in lines of at most 80 columns.
 */
#pragma once

#include "lib/types.h"

#define WRAP_COLUMNS 80u

/* Prints words, beginning at column, where the cursor is; lines after the first one begin at column indent. Lines are
 * broken at blanks and behind a |, nowhere else: a longer piece sticks out. Ends the last line, too. */
void wrap_print(unsigned column, unsigned indent, const char *text);
