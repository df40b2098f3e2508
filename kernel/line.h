/* The line editor: bytes from a terminal go in, an edited line and what the terminal should show come out.
 *
 * A pure state machine without a terminal, a clock or memory of its own, so the same code runs under the console and in
 * unit tests. It assumes of the terminal no more than carriage return, backspace, and the control sequences CSI K and
 * CSI C; it never asks the terminal anything, so a pipe works as well. It keeps to one row: a line that is longer than
 * the row is shown through a window, with < and > where more lies beyond.
 *
 *   left ^B, right ^F         home ^A, end ^E            delete ^D, backspace (08 or 7f)
 *   ^U cut to the beginning   ^K cut to the end          ^W cut the word before
 *   ^C drop the line          ^L clear the screen        LF, CR or CR LF finish it
 *
 * Home, end and delete are known in every usual encoding (CSI H, SS3 H, CSI 1~, CSI 7~, ...). Every other escape
 * sequence is swallowed whole, other control characters too. A tab counts as a blank. The line is ASCII: any other
 * character is kept as one '?', so what is shown is what will run. ^D on an empty line does nothing.
 */
#pragma once

#include "lib/types.h"

#define LINE_BYTES_MAX	 1023u /* longest line, without its end */
#define LINE_COLUMNS_MIN 20u

enum line_event {
	LINE_EDITING,	/* not finished yet */
	LINE_FINISHED,	/* text holds the line */
	LINE_TOO_LONG,	/* finished, but bytes beyond LINE_BYTES_MAX were refused: not to be run */
	LINE_CANCELLED, /* ^C */
};

/* What arrives in the middle of an escape sequence (ECMA-48, 5.3 to 5.6). */
enum line_escape {
	LINE_PLAIN,
	LINE_ESCAPE,	    /* after ESC */
	LINE_CSI,	    /* after ESC [ */
	LINE_SS3,	    /* after ESC O */
	LINE_ONE_MORE,	    /* one byte left to swallow */
	LINE_STRING,	    /* OSC, DCS, ...: until BEL or ESC \ */
	LINE_STRING_ESCAPE, /* ESC within such a string */
};

struct line {
	/* set by the owner before line_begin */
	const char *prompt;
	unsigned columns; /* of the terminal; at least LINE_COLUMNS_MIN and the prompt's length + 4 */
	void (*write)(void *arg, const char *bytes, size_t count);
	void *arg;

	/* the result, NUL-terminated */
	char text[LINE_BYTES_MAX + 1];

	/* the editor's own */
	unsigned length;
	unsigned cursor;
	unsigned window; /* first character shown */
	bool too_long;
	bool after_cr; /* an LF that comes next belongs to it */
	enum line_escape escape;
	unsigned parameter; /* the first number of a control sequence */
	bool parameter_ended;
	unsigned utf8_left; /* bytes that still belong to the last character */
};

/* Starts an empty line and shows the prompt. A zeroed struct with the owner's fields set is ready for it. */
void line_begin(struct line *line);

/* While a line is edited: empties its row and leaves the cursor at the beginning of it, for somebody else's whole
 * lines; and shows the line as it was, where the cursor is then. */
void line_hide(struct line *line);
void line_show(struct line *line);

/* Takes one byte. After any result but LINE_EDITING the cursor stands on a fresh row and line_begin comes next. */
enum line_event line_feed(struct line *line, unsigned char byte);
