/* The line editor: which key does what; see line.h. */
#include <string.h>

#include "kernel/shell/line_parts.h"

static void press(struct line *line, enum key key, char c)
{
	switch (key) {
	case KEY_TEXT:
		line_insert(line, c);
		break;
	case KEY_TAB:
		if (line->complete)
			line_complete(line);
		else
			line_insert(line, ' ');
		break;
	case KEY_LEFT:
		if (line->cursor > 0)
			line_move(line, line->cursor - 1);
		break;
	case KEY_RIGHT:
		if (line->cursor < line->length)
			line_move(line, line->cursor + 1);
		break;
	case KEY_HOME:
		line_move(line, 0);
		break;
	case KEY_END:
		line_move(line, line->length);
		break;
	case KEY_DELETE:
		if (line->cursor < line->length)
			line_cut(line, line->cursor, line->cursor + 1);
		break;
	case KEY_BACKSPACE:
		if (line->cursor > 0)
			line_cut(line, line->cursor - 1, line->cursor);
		break;
	case KEY_CUT_LEFT:
		line_cut(line, 0, line->cursor);
		break;
	case KEY_CUT_RIGHT:
		line_cut(line, line->cursor, line->length);
		break;
	case KEY_CUT_WORD:
		line_cut(line, line_word_start(line), line->cursor);
		break;
	case KEY_CLEAR:
		line_put_text(line, "\033[H\033[2J");
		line_repaint(line);
		break;
	case KEY_OLDER:
		line_older(line);
		break;
	case KEY_NEWER:
		line_newer(line);
		break;
	case KEY_SEARCH:
		line_search_begin(line);
		break;
	case KEY_NONE:
	case KEY_ENTER:
	case KEY_INTERRUPT:
	case KEY_SEARCH_NEWER:
	case KEY_CANCEL:
		break;
	}
}

static enum line_event finish(struct line *line, enum line_event event, const char *shown)
{
	line->text[line->length] = '\0';
	if (event == LINE_FINISHED && line->history)
		history_add(line->history, line->text);
	line_put_text(line, shown);
	return event;
}

/* ^C is shown where the cursor stands, but never in the last column. */
static enum line_event cancel(struct line *line)
{
	unsigned column = (unsigned)strlen(line->prompt) + line->cursor - line->window;
	for (; column + 3 > line->columns; column--)
		line_put_text(line, "\b");
	return finish(line, LINE_CANCELLED, "^C\n");
}

void line_begin(struct line *line)
{
	line->length = 0;
	line->cursor = 0;
	line->window = 0;
	line->too_long = false;
	line->text[0] = '\0';
	line->back = 0;
	line->tabbed = false;
	line->search.on = false;
	line_put_text(line, line->prompt);
}

void line_hide(struct line *line)
{
	line_put_text(line, "\r\033[K");
}

void line_show(struct line *line)
{
	line_repaint(line);
}

void line_resize(struct line *line, unsigned columns)
{
	line->columns = columns;
	line->window = 0;
	if (line->search.on)
		line_search_label(line);
	line_repaint(line);
}

enum line_event line_feed(struct line *line, unsigned char byte)
{
	char c = '\0';
	enum key key = keys_feed(&line->keys, byte, &c);

	if (key == KEY_NONE)
		return LINE_EDITING;
	if (key != KEY_TAB)
		line->tabbed = false;
	if (line->search.on && line_search(line, key, c))
		return LINE_EDITING;
	if (key == KEY_ENTER)
		return finish(line, line->too_long ? LINE_TOO_LONG : LINE_FINISHED, "\n");
	if (key == KEY_INTERRUPT)
		return cancel(line);
	press(line, key, c);
	return LINE_EDITING;
}
