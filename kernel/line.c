/* The line editor: what each byte does to the line, and how the terminal follows. */
#include "kernel/line.h"

#include <string.h>

#define CTRL(letter) ((letter)&0x1f)
#define ESC	     0x1b
#define DEL	     0x7f
#define BELL	     0x07

/* What a key asks for, however the terminal encodes it. */
enum key {
	KEY_NONE,
	KEY_LEFT,
	KEY_RIGHT,
	KEY_HOME,
	KEY_END,
	KEY_DELETE,
	KEY_BACKSPACE,
	KEY_CUT_LEFT,
	KEY_CUT_RIGHT,
	KEY_CUT_WORD,
	KEY_CLEAR,
};

static void put(struct line *line, const char *bytes, size_t count)
{
	if (count)
		line->write(line->arg, bytes, count);
}

static void put_text(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

/* CSI n C, where 0 would count as 1. Columns stay below 1000. */
static void put_right(struct line *line, unsigned columns)
{
	if (columns == 0)
		return;
	char sequence[] = {
		ESC, '[', (char)('0' + columns / 100 % 10), (char)('0' + columns / 10 % 10), (char)('0' + columns % 10),
		'C'};
	put(line, sequence, sizeof(sequence));
}

/* Characters that fit behind the prompt. The last column stays empty: terminals differ in what they do after it. */
static unsigned window_size(const struct line *line)
{
	return line->columns - (unsigned)strlen(line->prompt) - 1;
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

static void repaint(struct line *line)
{
	move_window(line);
	unsigned size = window_size(line);
	unsigned first = line->window, end = line->length;
	bool left = first > 0, right = more_right(line);
	if (right)
		end = first + size;

	put_text(line, "\r");
	put_text(line, line->prompt);
	if (left)
		put_text(line, "<");
	put(line, line->text + first + left, end - first - left - right);
	put_text(line, right ? ">\033[K\r" : "\033[K\r");
	put_right(line, (unsigned)strlen(line->prompt) + line->cursor - first);
}

static void move_to(struct line *line, unsigned cursor)
{
	unsigned from = line->cursor;
	line->cursor = cursor;
	if (!cursor_in_window(line))
		repaint(line);
	else if (cursor + 1 == from)
		put_text(line, "\b");
	else if (cursor < from)
		repaint(line);
	else if (cursor > from)
		put_right(line, cursor - from);
}

static void insert(struct line *line, char c)
{
	if (line->length == LINE_BYTES_MAX) {
		line->too_long = true;
		put_text(line, "\a");
		return;
	}
	memmove(line->text + line->cursor + 1, line->text + line->cursor, line->length - line->cursor);
	line->text[line->cursor++] = c;
	line->length++;
	if (line->cursor == line->length && cursor_in_window(line))
		put(line, &c, 1);
	else
		repaint(line);
}

/* Takes text[from..to) out; the cursor is at one of the two. Whoever shortens a line that was too long has seen what
 * is there, so it may run. */
static void cut(struct line *line, unsigned from, unsigned to)
{
	if (from == to)
		return;
	bool last = to == line->length && to - from == 1 && line->cursor == to;
	memmove(line->text + from, line->text + to, line->length - to);
	line->length -= to - from;
	line->cursor = from;
	line->too_long = false;
	if (last && cursor_in_window(line))
		put_text(line, "\b \b");
	else
		repaint(line);
}

static unsigned word_start(const struct line *line)
{
	unsigned at = line->cursor;
	while (at > 0 && line->text[at - 1] == ' ')
		at--;
	while (at > 0 && line->text[at - 1] != ' ')
		at--;
	return at;
}

static void press(struct line *line, enum key key)
{
	switch (key) {
	case KEY_NONE:
		break;
	case KEY_LEFT:
		if (line->cursor > 0)
			move_to(line, line->cursor - 1);
		break;
	case KEY_RIGHT:
		if (line->cursor < line->length)
			move_to(line, line->cursor + 1);
		break;
	case KEY_HOME:
		move_to(line, 0);
		break;
	case KEY_END:
		move_to(line, line->length);
		break;
	case KEY_DELETE:
		if (line->cursor < line->length)
			cut(line, line->cursor, line->cursor + 1);
		break;
	case KEY_BACKSPACE:
		if (line->cursor > 0)
			cut(line, line->cursor - 1, line->cursor);
		break;
	case KEY_CUT_LEFT:
		cut(line, 0, line->cursor);
		break;
	case KEY_CUT_RIGHT:
		cut(line, line->cursor, line->length);
		break;
	case KEY_CUT_WORD:
		cut(line, word_start(line), line->cursor);
		break;
	case KEY_CLEAR:
		put_text(line, "\033[H\033[2J");
		repaint(line);
		break;
	}
}

static enum key key_of_control(unsigned char byte)
{
	switch (byte) {
	case CTRL('A'):
		return KEY_HOME;
	case CTRL('B'):
		return KEY_LEFT;
	case CTRL('D'):
		return KEY_DELETE;
	case CTRL('E'):
		return KEY_END;
	case CTRL('F'):
		return KEY_RIGHT;
	case CTRL('H'):
	case DEL:
		return KEY_BACKSPACE;
	case CTRL('K'):
		return KEY_CUT_RIGHT;
	case CTRL('L'):
		return KEY_CLEAR;
	case CTRL('U'):
		return KEY_CUT_LEFT;
	case CTRL('W'):
		return KEY_CUT_WORD;
	default:
		return KEY_NONE;
	}
}

/* The last byte of a control sequence or of SS3. Numbers before a letter are modifiers (CSI 1;5D is ctrl-left) and
 * change nothing here. */
static enum key key_of_final(unsigned char byte, unsigned parameter)
{
	switch (byte) {
	case 'C':
		return KEY_RIGHT;
	case 'D':
		return KEY_LEFT;
	case 'F':
		return KEY_END;
	case 'H':
		return KEY_HOME;
	case '~':
		switch (parameter) {
		case 1:
		case 7:
			return KEY_HOME;
		case 3:
			return KEY_DELETE;
		case 4:
		case 8:
			return KEY_END;
		}
		return KEY_NONE;
	default:
		return KEY_NONE;
	}
}

static void control_sequence(struct line *line, unsigned char byte)
{
	if (byte >= '0' && byte <= '9') {
		if (!line->parameter_ended && line->parameter < 1000)
			line->parameter = line->parameter * 10 + (byte - '0');
	} else if (byte >= 0x20 && byte <= 0x3f) {
		line->parameter_ended = true;
	} else if (byte == '[') {
		line->escape = LINE_ONE_MORE; /* the Linux console's function keys: CSI [ A */
	} else {
		line->escape = LINE_PLAIN;
		press(line, key_of_final(byte, line->parameter));
	}
}

/* A byte within an escape sequence that isn't a control character. */
static void escape_feed(struct line *line, unsigned char byte)
{
	switch (line->escape) {
	case LINE_ESCAPE:
		line->parameter = 0;
		line->parameter_ended = false;
		if (byte == '[')
			line->escape = LINE_CSI;
		else if (byte == 'O')
			line->escape = LINE_SS3;
		else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_')
			line->escape = LINE_STRING;
		else if (byte < 0x20 || byte > 0x2f)
			line->escape = LINE_PLAIN; /* alt and a key; intermediate bytes go on */
		break;
	case LINE_CSI:
	case LINE_SS3:
		control_sequence(line, byte);
		break;
	case LINE_STRING_ESCAPE:
		line->escape = byte == '\\' ? LINE_PLAIN : LINE_STRING;
		break;
	case LINE_ONE_MORE:
		line->escape = LINE_PLAIN;
		break;
	case LINE_STRING:
	case LINE_PLAIN:
		break;
	}
}

/* A byte beyond ASCII. In UTF-8 the first byte of a character says how many follow, each of those is 80 to bf. */
static void other_character(struct line *line, unsigned char byte, unsigned utf8_left)
{
	if (byte < 0xc0 && utf8_left > 0) {
		line->utf8_left = utf8_left - 1;
		return;
	}
	line->utf8_left = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
	insert(line, '?');
}

static enum line_event finish(struct line *line, enum line_event event, const char *shown)
{
	line->escape = LINE_PLAIN;
	line->text[line->length] = '\0';
	put_text(line, shown);
	return event;
}

/* ^C is shown where the cursor stands, but never in the last column. */
static enum line_event cancel(struct line *line)
{
	unsigned column = (unsigned)strlen(line->prompt) + line->cursor - line->window;
	for (; column + 3 > line->columns; column--)
		put_text(line, "\b");
	return finish(line, LINE_CANCELLED, "^C\n");
}

void line_begin(struct line *line)
{
	line->length = 0;
	line->cursor = 0;
	line->window = 0;
	line->too_long = false;
	line->text[0] = '\0';
	put_text(line, line->prompt);
}

void line_hide(struct line *line)
{
	put_text(line, "\r\033[K");
}

void line_show(struct line *line)
{
	repaint(line);
}

enum line_event line_feed(struct line *line, unsigned char byte)
{
	bool after_cr = line->after_cr;
	unsigned utf8_left = line->utf8_left;
	line->after_cr = byte == '\r';
	line->utf8_left = 0;

	/* The line's end and ^C work at once, even where an escape sequence was cut off. */
	if (byte == '\n' && after_cr)
		return LINE_EDITING;
	if (byte == '\r' || byte == '\n')
		return finish(line, line->too_long ? LINE_TOO_LONG : LINE_FINISHED, "\n");
	if (byte == CTRL('C'))
		return cancel(line);

	if (byte == ESC) {
		line->escape = line->escape == LINE_STRING ? LINE_STRING_ESCAPE : LINE_ESCAPE;
	} else if (line->escape == LINE_STRING || line->escape == LINE_STRING_ESCAPE) {
		if (byte == BELL)
			line->escape = LINE_PLAIN;
		else
			escape_feed(line, byte);
	} else if (byte == '\t') {
		line->escape = LINE_PLAIN;
		insert(line, ' ');
	} else if (byte < ' ' || byte == DEL) {
		line->escape = LINE_PLAIN;
		press(line, key_of_control(byte));
	} else if (line->escape != LINE_PLAIN) {
		escape_feed(line, byte);
	} else if (byte <= '~') {
		insert(line, (char)byte);
	} else {
		other_character(line, byte, utf8_left);
	}
	return LINE_EDITING;
}
