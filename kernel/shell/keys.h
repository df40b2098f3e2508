/* Keys: what the bytes of a terminal mean, however it encodes them.
 *
 * Home, end, delete and the arrows are known in every usual encoding (CSI H, SS3 H, CSI 1~, CSI 7~, ...), and so are
 * the control characters that shells have for them. Every other escape sequence is swallowed whole, other control
 * characters too. Text is ASCII: any other character is one '?'. Pure: no terminal, no clock, no memory.
 */
#pragma once

#include "lib/types.h"

enum key {
	KEY_NONE, /* nothing yet, or nothing at all */
	KEY_TEXT, /* a character */
	KEY_TAB,
	KEY_ENTER,     /* LF, CR or CR LF */
	KEY_INTERRUPT, /* ^C */
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
	KEY_OLDER,
	KEY_NEWER,
	KEY_SEARCH,
	KEY_SEARCH_NEWER,
	KEY_CANCEL,
};

/* What arrives in the middle of an escape sequence (ECMA-48, 5.3 to 5.6). */
enum keys_escape {
	KEYS_PLAIN,
	KEYS_ESCAPE,	    /* after ESC */
	KEYS_CSI,	    /* after ESC [ */
	KEYS_SS3,	    /* after ESC O */
	KEYS_ONE_MORE,	    /* one byte left to swallow */
	KEYS_STRING,	    /* OSC, DCS, ...: until BEL or ESC \ */
	KEYS_STRING_ESCAPE, /* ESC within such a string */
};

/* A zeroed one is ready. */
struct keys {
	enum keys_escape escape;
	unsigned parameter; /* the first number of a control sequence */
	bool parameter_ended;
	bool after_cr;	    /* an LF that comes next belongs to it */
	unsigned utf8_left; /* bytes that still belong to the last character */
};

/* Takes one byte. *text is set with KEY_TEXT. The line's end and ^C count at once, even where an escape sequence was
 * cut off. */
enum key keys_feed(struct keys *keys, unsigned char byte, char *text);
