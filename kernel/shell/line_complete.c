/* The tab key: as much of the word at the cursor as is certain, and then what it could become. */
#include <string.h>

#include "kernel/shell/line_parts.h"

/* The words that are offered and begin as the one at the cursor does. */
struct matches {
	struct line *line;
	unsigned start; /* where the word begins */
	const char *typed;
	unsigned typed_length;
	unsigned count;	  /* of different ones, as far as can be told */
	unsigned common;  /* so many characters all of them begin with */
	unsigned longest; /* one of them has so many */
	unsigned listed;  /* of them, so far */
	unsigned rows;	  /* that the list has, so far */
	char first[LINE_WORD_MAX + 1];
};

static bool is_match(const struct matches *matches, const char *word)
{
	return strncmp(word, matches->typed, matches->typed_length) == 0 && strlen(word) <= LINE_WORD_MAX;
}

static void count(void *to, const char *word)
{
	struct matches *matches = to;
	unsigned length = (unsigned)strlen(word), same = 0;

	if (!is_match(matches, word))
		return;
	if (matches->count == 0) {
		strcpy(matches->first, word);
		matches->common = length;
	} else if (strcmp(matches->first, word) == 0) {
		return;
	}
	while (same < matches->common && word[same] == matches->first[same])
		same++;
	matches->common = same;
	matches->count++;
	if (length > matches->longest)
		matches->longest = length;
}

/* The last column of the terminal stays empty here too. */
static void list(void *to, const char *word)
{
	struct matches *matches = to;
	struct line *line = matches->line;
	unsigned room = line->columns - 1, width = matches->longest + 2, length = (unsigned)strlen(word);
	unsigned in_row = room > width ? room / width : 1;

	if (!is_match(matches, word) || matches->rows == LINE_LISTED_MAX)
		return;
	if (matches->listed > 0 && strcmp(matches->first, word) == 0)
		return;
	line_put(line, word, length < room ? length : room);
	if (++matches->listed % in_row == 0 || matches->listed == matches->count) {
		line_put_text(line, "\n");
		matches->rows++;
		return;
	}
	for (unsigned i = length; i < width; i++)
		line_put(line, " ", 1);
}

static void list_all(struct matches *matches)
{
	struct line *line = matches->line;

	line_put_text(line, "\n");
	line->complete(line->arg, line->text, matches->start, list, matches);
	if (matches->listed < matches->count)
		line_put_text(line, "... more: type on\n");
	line_repaint(line);
}

void line_complete(struct line *line)
{
	unsigned start = line->cursor;
	while (start > 0 && line->text[start - 1] != ' ')
		start--;
	struct matches matches = {
		.line = line, .start = start, .typed = line->text + start, .typed_length = line->cursor - start};

	if (matches.typed_length <= LINE_WORD_MAX)
		line->complete(line->arg, line->text, start, count, &matches);
	if (matches.count == 0) {
		line_put_text(line, "\a");
		return;
	}
	for (unsigned i = matches.typed_length; i < matches.common; i++)
		line_insert(line, matches.first[i]);
	if (matches.count == 1) {
		if (line->cursor == line->length || line->text[line->cursor] != ' ')
			line_insert(line, ' ');
		else
			line_move(line, line->cursor + 1);
	} else if (line->tabbed) {
		list_all(&matches);
	} else {
		line_put_text(line, "\a");
		line->tabbed = true;
	}
}
