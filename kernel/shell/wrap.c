/* Words into lines; see wrap.h. */
#include "kernel/shell/wrap.h"

#include <stdio.h>
#include <string.h>

/* A line may also end behind a |, as in "zero|report|idle". */
static unsigned piece_length(const char *text)
{
	unsigned length = (unsigned)strcspn(text, " |");

	return text[length] == '|' ? length + 1 : length;
}

void wrap_print(unsigned column, unsigned indent, const char *text)
{
	bool first = true; /* piece of its line */

	for (text += strspn(text, " "); *text;) {
		unsigned length = piece_length(text), blanks = (unsigned)strspn(text + length, " ");
		if (!first && column + length > WRAP_COLUMNS) {
			iprintf("\n%*s", (int)indent, "");
			column = indent;
		}
		iprintf("%.*s", (int)length, text);
		column += length;
		first = false;
		text += length + blanks;
		/* The blank ahead of the next word only if that comes on this line. */
		if (blanks > 0 && *text && column + 1 + piece_length(text) <= WRAP_COLUMNS) {
			iprintf(" ");
			column++;
		} else if (blanks > 0) {
			column = WRAP_COLUMNS;
		}
	}
	iprintf("\n");
}
