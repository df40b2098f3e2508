/* A small terminal that does what its bytes say, and a line editor in front of it. */
#pragma once

#include "kernel/shell/line.h"

#define SCREEN_PROMPT  "nought> "
#define SCREEN_COLUMNS 40u
#define SCREEN_ROWS    32u

/* The cursor's row, and those above it. The editor must never leave its row before the line is done, but for a list of
 * words. */
struct screen {
	char cells[SCREEN_COLUMNS + 1];
	char above[SCREEN_ROWS][SCREEN_COLUMNS + 1]; /* row n is above[n % SCREEN_ROWS], blanks at its end left out */
	unsigned column;
	unsigned rows; /* line feeds seen */
	unsigned bells;
	char sequence[16]; /* of the control sequence under way */
	unsigned sequence_length;
};
extern struct screen screen;
extern struct line line;

/* Both anew, without a history or anybody who completes words. */
void screen_begin(void);

void screen_write(void *arg, const char *bytes, size_t count);

/* Types keys. Only the last one may finish the line. */
enum line_event screen_feed(const char *keys);

/* Types keys and the line's end to an editor as it is; what the line is then. */
const char *screen_enter(const char *keys);

/* The cursor's row is label, and text behind it: whole if it fits, else a window with markers. */
void screen_check_row(const char *label, const char *text, unsigned cursor);
