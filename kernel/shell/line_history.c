/* Earlier lines: one after the other, or by what they contain. */
#include <string.h>

#include "kernel/shell/line_parts.h"

/* Before an earlier line is shown: what was edited last must not be lost, whether it was typed anew or is an earlier
 * line that was changed. */
static void keep_draft(struct line *line)
{
	line->text[line->length] = '\0';
	if (line->back > 0 && strcmp(line->text, history_line(line->history, line->back)) == 0)
		return;
	memcpy(line->draft, line->text, line->length + 1);
	line->draft_too_long = line->too_long;
	line->back = 0;
}

/* Shows the line that is so many back, 0 is the draft, with the cursor at its end. */
static void show(struct line *line, unsigned back)
{
	const char *text = back == 0 ? line->draft : history_line(line->history, back);

	line->back = back;
	line_set(line, text, (unsigned)strlen(text));
	line->too_long = back == 0 && line->draft_too_long;
}

void line_older(struct line *line)
{
	if (!line->history || !history_line(line->history, line->back + 1))
		return;
	unsigned back = line->back + 1;
	keep_draft(line);
	show(line, back);
}

void line_newer(struct line *line)
{
	if (line->back == 0)
		return;
	unsigned back = line->back - 1;
	keep_draft(line);
	show(line, back);
}

/* The row must have room for a few characters of the line too, so of a long pattern the end is shown. */
void line_search_label(struct line *line)
{
	unsigned room = line->columns / 2 - 5;
	const char *shown = line->search.pattern + (line->search.length > room ? line->search.length - room : 0);

	line->search.pattern[line->search.length] = '\0';
	strcpy(line->search.label, "^R ");
	strcat(line->search.label, shown);
	strcat(line->search.label, ": ");
}

void line_search_begin(struct line *line)
{
	if (!line->history)
		return;
	keep_draft(line);
	line->search.on = true;
	line->search.back = 0;
	line->search.cursor = line->cursor;
	line->search.length = 0;
	line_search_label(line);
	line_repaint(line);
}

/* Shows the next line with the pattern, looking from so many back in steps of 1 or -1. Returns false, with a bell, when
 * there is none. */
static bool find(struct line *line, unsigned back, int step)
{
	const char *text, *at;

	for (; back > 0 && (text = history_line(line->history, back)); back += (unsigned)step) {
		at = strstr(text, line->search.pattern);
		if (!at)
			continue;
		line->search.back = back;
		line_set(line, text, (unsigned)(at - text));
		return true;
	}
	line_put_text(line, "\a");
	return false;
}

/* The pattern grew or shrank: what is shown always contains it, so what nothing contains isn't taken. */
static void set_pattern(struct line *line, unsigned length)
{
	unsigned before = line->search.length;

	line->search.length = length;
	line_search_label(line);
	if (length == 0) {
		line->search.back = 0;
		show(line, line->back);
		return;
	}
	unsigned from = length > before && line->search.back > 0 ? line->search.back : 1;
	if (find(line, from, 1) || length < before)
		return;
	line->search.length = before;
	line_search_label(line);
}

/* The search is over: the line from before is edited now, or the one that was found. */
static void give_up(struct line *line)
{
	line->search.on = false;
	show(line, line->back);
	line_move(line, line->search.cursor);
}

static void take(struct line *line)
{
	if (line->search.back == 0) {
		give_up(line);
		return;
	}
	line->search.on = false;
	line->back = line->search.back;
	line_repaint(line);
}

bool line_search(struct line *line, enum key key, char c)
{
	switch (key) {
	case KEY_TEXT:
		if (line->search.length == LINE_PATTERN_MAX) {
			line_put_text(line, "\a");
		} else {
			line->search.pattern[line->search.length] = c;
			set_pattern(line, line->search.length + 1);
		}
		return true;
	case KEY_BACKSPACE:
		if (line->search.length > 0)
			set_pattern(line, line->search.length - 1);
		return true;
	case KEY_SEARCH:
		find(line, line->search.back + 1, 1);
		return true;
	case KEY_SEARCH_NEWER:
		find(line, line->search.back > 0 ? line->search.back - 1 : 0, -1);
		return true;
	case KEY_CANCEL:
	case KEY_INTERRUPT:
		give_up(line);
		return true;
	default:
		take(line);
		return false;
	}
}
