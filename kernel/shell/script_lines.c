/* Where the lines of a script are. */
#include "kernel/shell/script_lines.h"

#include <string.h>

static bool is_end(char c)
{
	return c == '\n' || c == '\r';
}

bool script_next(const char *script, size_t length, size_t *at, unsigned *number, struct script_line *out)
{
	/* Editors on Windows put a byte order mark ahead of a file. */
	if (*at == 0 && length >= 3 && memcmp(script, "\xef\xbb\xbf", 3) == 0)
		*at = 3;
	while (*at < length) {
		size_t start = *at, end = start;
		while (end < length && !is_end(script[end]))
			end++;
		bool cr_lf = end + 1 < length && script[end] == '\r' && script[end + 1] == '\n';
		*at = end + (cr_lf ? 2 : 1);
		(*number)++;

		while (start < end && (script[start] == ' ' || script[start] == '\t'))
			start++;
		if (start == end || script[start] == '#')
			continue;
		*out = (struct script_line){.text = script + start, .length = end - start, .number = *number};
		return true;
	}
	return false;
}
