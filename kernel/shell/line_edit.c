/* The text of a line, the cursor in it, and the row of the terminal that shows both. */
#include <string.h>

#include "kernel/shell/line_parts.h"

#define ESC 0x1b

void line_put(struct line *line, const char *bytes, size_t count)
{
	if (count)
		line->write(line->arg, bytes, count);
}

void line_put_text(struct line *line, const char *text)
{
	line_put(line, text, strlen(text));
}

/* CSI n C, where 0 would count as 1. Columns stay below 1000. */
static void put_right(struct line *line, unsigned columns)
{
	if (columns == 0)
		return;
	char sequence[] = {
		ESC, '[', (char)('0' + columns / 100 % 10), (char)('0' + columns / 10 % 10), (char)('0' + columns % 10),
		'C'};
	line_put(line, sequence, sizeof(sequence));
}

/* What stands ahead of the line. */
static const char *label(const struct line *line)
{
	return line->search.on ? line->search.label : line->prompt;
}

/* Characters that fit behind the prompt. The last column stays empty: terminals differ in what they do after it. */
static unsigned window_size(const struct line *line)
{
	return line->columns - (unsigned)strlen(label(line)) - 1;
}

static bool more_right(const struct line *line)
{
	return line->length > line->window + window_size(line);
}

/* The cursor may stand on any cell of the window but the markers', and right behind the last character. */
static bool cursor_in_window(const struct line *line)
{
	unsigned size = window_size(line);
	if (line->window > 0 && line->cursor <= line->window)
		return false;
	return line->cursor < line->window + size - (more_right(line) ? 1 : 0) ||
	       (line->cursor == line->length && line->cursor <= line->window + size);
}

/* Moves in halves of the window, so that typing a long line repaints seldom. */
static void move_window(struct line *line)
{
	if (cursor_in_window(line))
		return;
	unsigned half = window_size(line) / 2;
	line->window = line->cursor >= window_size(line) - 1 ? line->cursor - half : 0;
}

void line_repaint(struct line *line)
{
	move_window(line);
	unsigned size = window_size(line);
	unsigned first = line->window, end = line->length;
	bool left = first > 0, right = more_right(line);
	if (right)
		end = first + size;

	line_put_text(line, "\r");
	line_put_text(line, label(line));
	if (left)
		line_put_text(line, "<");
	line_put(line, line->text + first + left, end - first - left - right);
	line_put_text(line, right ? ">\033[K\r" : "\033[K\r");
	put_right(line, (unsigned)strlen(label(line)) + line->cursor - first);
}

void line_move(struct line *line, unsigned cursor)
{
	unsigned from = line->cursor;
	line->cursor = cursor;
	if (!cursor_in_window(line))
		line_repaint(line);
	else if (cursor + 1 == from)
		line_put_text(line, "\b");
	else if (cursor < from)
		line_repaint(line);
	else if (cursor > from)
		put_right(line, cursor - from);
}

void line_insert(struct line *line, char c)
{
	if (line->length == LINE_BYTES_MAX) {
		/* Once, for what is pasted may be very long. */
		if (!line->too_long)
			line_put_text(line, "\a");
		line->too_long = true;
		return;
	}
	memmove(line->text + line->cursor + 1, line->text + line->cursor, line->length - line->cursor);
	line->text[line->cursor++] = c;
	line->length++;
	if (line->cursor == line->length && cursor_in_window(line))
		line_put(line, &c, 1);
	else
		line_repaint(line);
}

/* Takes text[from..to) out; the cursor is at one of the two. Whoever shortens a line that was too long has seen what
 * is there, so it may run. */
void line_cut(struct line *line, unsigned from, unsigned to)
{
	if (from == to)
		return;
	bool last = to == line->length && to - from == 1 && line->cursor == to;
	memmove(line->text + from, line->text + to, line->length - to);
	line->length -= to - from;
	line->cursor = from;
	line->too_long = false;
	if (last && cursor_in_window(line))
		line_put_text(line, "\b \b");
	else
		line_repaint(line);
}

unsigned line_word_start(const struct line *line)
{
	unsigned at = line->cursor;
	while (at > 0 && line->text[at - 1] == ' ')
		at--;
	while (at > 0 && line->text[at - 1] != ' ')
		at--;
	return at;
}

void line_set(struct line *line, const char *text, unsigned cursor)
{
	line->length = (unsigned)strlen(text);
	memmove(line->text, text, line->length + 1);
	line->cursor = cursor;
	line->window = 0;
	line->too_long = false;
	line_repaint(line);
}
