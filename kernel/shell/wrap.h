/* Text on the console in lines of at most 80 columns.
 */
#pragma once

#include "lib/types.h"

#define WRAP_COLUMNS 80u

/* Prints words, from the column that the cursor is in on; lines after the first one begin at column indent. A word that
 * is longer than a line isn't cut, but behind a |. Ends the line. */
void wrap_print(unsigned column, unsigned indent, const char *text);
