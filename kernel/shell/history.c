/* Lines one after the other, the oldest first, each with its NUL. */
#include "kernel/shell/history.h"

#include <string.h>

static bool is_blank(const char *line)
{
	return line[strspn(line, " ")] == '\0';
}

void history_add(struct history *history, const char *line)
{
	size_t bytes = strlen(line) + 1;
	const char *newest = history_line(history, 1);

	if (is_blank(line) || bytes > history->size || (newest && strcmp(newest, line) == 0))
		return;
	size_t dropped = 0;
	while (history->used - dropped + bytes > history->size)
		dropped += strlen(history->bytes + dropped) + 1;
	history->used -= dropped;
	memmove(history->bytes, history->bytes + dropped, history->used);
	memcpy(history->bytes + history->used, line, bytes);
	history->used += bytes;
}

const char *history_line(const struct history *history, unsigned back)
{
	size_t at = history->used;

	for (; back > 0; back--) {
		if (at == 0)
			return NULL;
		at--; /* its NUL */
		while (at > 0 && history->bytes[at - 1] != '\0')
			at--;
	}
	return history->bytes + at;
}
