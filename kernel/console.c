/* The console: reads a line, runs it, asks for the next. */
#include "kernel/console.h"

#include <stdio.h>

#include "kernel/cmd.h"
#include "kernel/complete.h"
#include "kernel/line.h"
#include "kernel/script.h"
#include "kernel/tty.h"
#include "lib/table.h"

#define HISTORY_BYTES 8192u

static const char *const off_on[] = {"off", "on", NULL};
static const char *const tabs[] = {"blank", "complete", NULL};
static uint64_t columns = 80, color, tab = 1;

KNOB(console_columns, .name = "console.columns", .unit = "columns",
     .help = "width of the terminal; longer lines are shown through a window", .value = &columns,
     .min = LINE_COLUMNS_MIN, .max = 999);

KNOB(console_color, .name = "console.color", .help = "whether the terminal shows colours", .value = &color,
     .choices = off_on, .max = 1);

/* Nothing tells a terminal from a pipe, so whoever starts the machine says which it is, as scripts/run does. */
KNOB(console_tab, .name = "console.tab", .help = "what a tab is: completes the word, or counts as a blank",
     .value = &tab, .choices = tabs, .max = 1);

/* Commands print through newlib's buffer, the editor straight to the line: the buffer goes first. */
static void write_terminal(void *arg, const char *bytes, size_t count)
{
	(void)arg;
	fflush(stdout);
	tty_write(bytes, count);
}

static void complete(void *arg, const char *text, unsigned length, line_offer_fn *offer, void *to)
{
	(void)arg;
	complete_line(text, length, offer, to);
}

static char history_bytes[HISTORY_BYTES];
static struct history history = {.bytes = history_bytes, .size = sizeof(history_bytes)};
static struct line line = {.prompt = CONSOLE_PROMPT, .write = write_terminal, .history = &history};
static bool waiting; /* for a key: the last row of the terminal is the line's */

static enum line_event read_line(void)
{
	enum line_event event = LINE_EDITING;
	line.columns = (unsigned)columns;
	line.complete = tab ? complete : NULL;
	line_begin(&line);
	while (event == LINE_EDITING) {
		waiting = true;
		int byte = tty_getc();
		waiting = false;
		event = line_feed(&line, (unsigned char)byte);
	}
	return event;
}

void console_hide(void)
{
	if (waiting)
		line_hide(&line);
}

void console_show(void)
{
	if (waiting)
		line_show(&line);
}

void console_color(unsigned sgr)
{
	if (color)
		iprintf("\033[%um", sgr);
}

bool console_interrupted(const char *cmd)
{
	if (!tty_interrupted())
		return false;
	iprintf("^C\n%s: interrupted\n", cmd);
	return true;
}

void console_run(void *unused)
{
	(void)unused;

	script_run();
	for (;;) {
		switch (read_line()) {
		case LINE_FINISHED:
			cmd_run_line(line.text);
			break;
		case LINE_TOO_LONG:
			iprintf("the line is too long, at most %u bytes are allowed\n", LINE_BYTES_MAX);
			break;
		case LINE_EDITING:
		case LINE_CANCELLED:
			break;
		}
	}
}
