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
 *   up ^P, down ^N            earlier lines; what was typed comes back behind the newest
 *   ^R                        search earlier lines for what is typed next; ^R again goes on to older ones, ^S to newer
 *                             ones, ^G and ^C go back to the line as it was, any other key takes the one found
 *   tab                       complete the word before the cursor; a second one lists what it could become
 *
 * Up, down and ^R do nothing without a history, and a tab counts as a blank where nobody completes words, as in a
 * script. keys.h says how keys are told. The line is ASCII. ^D on an empty line does nothing.
 */
#pragma once

#include "kernel/shell/history.h"
#include "kernel/shell/keys.h"
#include "lib/types.h"

#define LINE_BYTES_MAX	 1023u /* longest line, without its end */
#define LINE_COLUMNS_MIN 20u
#define LINE_PATTERN_MAX 31u  /* longest text searched for */
#define LINE_WORD_MAX	 127u /* longest word that can be completed */
#define LINE_LISTED_MAX	 20u  /* rows of words that a second tab lists */

enum line_event {
	LINE_EDITING,	/* not finished yet */
	LINE_FINISHED,	/* text holds the line */
	LINE_TOO_LONG,	/* finished, but bytes beyond LINE_BYTES_MAX were refused: not to be run */
	LINE_CANCELLED, /* ^C */
};

/* Takes a word that could stand where the cursor is, and keeps no pointer to it. */
typedef void line_offer_fn(void *to, const char *word);

struct line {
	/* set by the owner before line_begin */
	const char *prompt;
	unsigned columns; /* of the terminal; at least LINE_COLUMNS_MIN and the prompt's length + 4 */
	void (*write)(void *arg, const char *bytes, size_t count);
	/* Offers the words that can come behind the first length bytes of text, which end where a word begins. Those
	 * that don't begin as what stands at the cursor does are passed over. Called up to twice for one key. */
	void (*complete)(void *arg, const char *text, unsigned length, line_offer_fn *offer, void *to);
	void *arg;
	struct history *history; /* lines that finish are added; NULL: none */

	/* the result, NUL-terminated */
	char text[LINE_BYTES_MAX + 1];

	/* the editor's own */
	unsigned length;
	unsigned cursor;
	unsigned window; /* first character shown */
	bool too_long;
	bool tabbed; /* the last key was a tab that left several words to choose from */
	struct keys keys;
	unsigned back;			/* the line came from so many lines back; 0: it is the draft */
	char draft[LINE_BYTES_MAX + 1]; /* the line as edited, while an earlier one is shown */
	bool draft_too_long;
	struct {
		bool on;
		unsigned back;	 /* where it was found; 0: not searched yet */
		unsigned cursor; /* in the line from before */
		unsigned length;
		char pattern[LINE_PATTERN_MAX + 1];
		char label[LINE_PATTERN_MAX + 8];
	} search;
};

/* Starts an empty line and shows the prompt. A zeroed struct with the owner's fields set is ready for it. */
void line_begin(struct line *line);

/* While a line is edited: empties its row and leaves the cursor at the beginning of it, for somebody else's whole
 * lines; and shows the line as it was, where the cursor is then. */
void line_hide(struct line *line);
void line_show(struct line *line);

/* While a line is edited: the terminal has another width now. */
void line_resize(struct line *line, unsigned columns);

/* Takes one byte. After any result but LINE_EDITING the cursor stands on a fresh row and line_begin comes next. */
enum line_event line_feed(struct line *line, unsigned char byte);
