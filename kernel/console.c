/* The console: reads a line, runs it, asks for the next. */
#include "kernel/console.h"

#include <stdio.h>

#include "kernel/cmd.h"
#include "kernel/line.h"
#include "kernel/script.h"
#include "kernel/tty.h"
#include "lib/table.h"

static uint64_t columns = 80;

KNOB(console_columns, .name = "console.columns", .unit = "columns",
     .help = "width of the terminal; longer lines are shown through a window", .value = &columns,
     .min = LINE_COLUMNS_MIN, .max = 999);

/* Commands print through newlib's buffer, the editor straight to the line: the buffer goes first. */
static void write_terminal(void *arg, const char *bytes, size_t count)
{
	(void)arg;
	fflush(stdout);
	tty_write(bytes, count);
}

static enum line_event read_line(struct line *line)
{
	enum line_event event = LINE_EDITING;
	line->columns = (unsigned)columns;
	line_begin(line);
	while (event == LINE_EDITING)
		event = line_feed(line, (unsigned char)tty_getc());
	return event;
}

void console_run(void *unused)
{
	static struct line line = {.prompt = CONSOLE_PROMPT, .write = write_terminal};
	(void)unused;

	script_run();
	for (;;) {
		switch (read_line(&line)) {
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
