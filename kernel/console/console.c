/* The console: reads a line, runs it, asks for the next. */
#include "kernel/console/console.h"

#include <stdio.h>

#include "kernel/base/log.h"
#include "kernel/base/tty.h"
#include "kernel/console/input.h"
#include "kernel/console/script.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/complete.h"
#include "kernel/shell/line.h"
#include "kernel/shell/pager.h"
#include "lib/table.h"

#define HISTORY_BYTES  8192u
#define CTRL_C	       0x03
#define SIZE_MAX_SHOWN 999u /* rows or columns; the line editor writes no larger numbers */
#define MORE	       "--More--"
#define ERASE	       "\r\033[K"

static const char *const off_on[] = {"off", "on", NULL};
static const char *const tabs[] = {"blank", "complete", NULL};
static uint64_t columns = 80, rows, color, tab = 1; /* (T) */

KNOB(console_columns, .name = "console.columns", .unit = "columns",
     .help = "width of the terminal; longer lines are shown through a window", .value = &columns,
     .min = LINE_COLUMNS_MIN, .max = SIZE_MAX_SHOWN);
KNOB(console_rows, .name = "console.rows", .unit = "rows",
     .help = "height of the terminal, for long lists to stop at each page; below 4: they don't", .value = &rows,
     .max = SIZE_MAX_SHOWN);
KNOB_CHOICE(console_color, off_on, .name = "console.color", .help = "whether the terminal shows colours",
	    .value = &color);
KNOB_CHOICE(console_tab, tabs, .name = "console.tab", .help = "what a tab is: completes the word, or counts as a blank",
	    .value = &tab);

/* (K) What the last row of the terminal belongs to while a key is waited for. */
static enum { ROW_NOBODYS, ROW_LINE, ROW_MORE } row;

/* (T) What becomes of a command's output. */
static enum {
	WRITE_ALL,
	WRITE_PAGES,  /* ask after each */
	WRITE_SCREEN, /* over what is there */
	WRITE_CUT,    /* nothing: the screen is full */
	WRITE_QUIT,   /* nothing: the user has seen enough */
} how;
static bool typed;	       /* (T) the command that runs */
static unsigned interruptions; /* (T) */
static bool interrupt_waits;   /* (T) a ^C was taken from the terminal that nobody was told of yet */
static struct pager pager;     /* (T) */

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

static char history_bytes[HISTORY_BYTES]; /* (T) */
/* (T) */
static struct history history = {.bytes = history_bytes, .size = sizeof(history_bytes)};
/* (K) the log hides and shows it */
static struct line line = {.prompt = CONSOLE_PROMPT, .write = write_terminal, .history = &history};

static enum line_event read_line(void)
{
	enum line_event event = LINE_EDITING;
	line.columns = (unsigned)columns;
	line.complete = tab ? complete : NULL;
	line_begin(&line);
	while (event == LINE_EDITING) {
		row = ROW_LINE;
		int byte = input_getc();
		row = ROW_NOBODYS;
		event = line_feed(&line, (unsigned char)byte);
	}
	return event;
}

static void write_text(const char *text)
{
	while (*text)
		tty_write(text++, 1);
}

/* Around lines of the log: takes the line that is being typed out of the way, and puts it back. Nothing when none is,
 * as while a command runs. */
static void hide_row(void)
{
	if (row == ROW_LINE)
		line_hide(&line);
	else if (row == ROW_MORE)
		write_text(ERASE);
}

static void show_row(void)
{
	if (row == ROW_LINE)
		line_show(&line);
	else if (row == ROW_MORE)
		write_text(MORE);
}

void console_color(unsigned sgr)
{
	if (color)
		iprintf("\033[%um", sgr);
}

static bool has_rows(void)
{
	return rows >= 4;
}

static void start_page(void)
{
	pager = (struct pager){.rows = (unsigned)rows, .columns = (unsigned)columns};
}

/* Whether a byte is no answer to --More--, but could begin the next command. What keys with an escape ahead consist of
 * could not. */
static bool is_of_next_line(int byte)
{
	return (byte >= 'a' && byte <= 'z' && byte != 'q') || byte == '!';
}

/* The page is full. */
static void ask_for_more(void)
{
	unsigned more = 0;

	/* Several commands that are pasted at once: nobody reads pages. */
	if (is_of_next_line(input_peek_until(0))) {
		how = WRITE_ALL;
		return;
	}
	write_text(MORE);
	row = ROW_MORE;
	while (more == 0 && how == WRITE_PAGES) {
		int byte = input_getc();
		if (byte == ' ')
			more = pager.rows;
		else if (byte == '\r' || byte == '\n')
			more = 1;
		else if (byte == 'q' || byte == 'Q' || byte == CTRL_C)
			how = WRITE_QUIT;
		else if (is_of_next_line(byte) && input_in_burst()) {
			input_put_back();
			how = WRITE_ALL; /* pasted, and late */
		}
	}
	row = ROW_NOBODYS;
	write_text(ERASE);
	pager_more(&pager, more);
}

/* Of what is written over a screen byte by byte: the next byte, which pager takes. What was there before may have had a
 * longer row; but behind a full one the cursor may still be on its last column. */
static void erase_rest(char next)
{
	if (next == '\n' && pager.column < pager.columns)
		write_text("\033[K");
}

void console_write(const char *bytes, size_t count)
{
	while (count > 0 && (how == WRITE_PAGES || how == WRITE_SCREEN)) {
		if (how == WRITE_SCREEN)
			erase_rest(*bytes);
		size_t fits = pager_take(&pager, bytes, how == WRITE_SCREEN ? 1 : count);
		tty_write(bytes, fits);
		bytes += fits;
		count -= fits;
		if (how == WRITE_SCREEN ? fits > 0 : count == 0)
			continue;
		if (pager.wrapped)
			write_text(color ? "\033[0m\n" : "\n");
		if (how == WRITE_PAGES)
			ask_for_more();
		else
			how = WRITE_CUT;
	}
	if (how == WRITE_ALL)
		tty_write(bytes, count);
}

void console_pages(void)
{
	if (!typed || !has_rows() || how != WRITE_ALL)
		return;
	start_page();
	how = WRITE_PAGES;
}

bool console_screen_begin(bool first)
{
	fflush(stdout);
	if (!has_rows())
		return false;
	write_text(first ? "\033[H\033[2J" : "\033[H");
	start_page();
	how = WRITE_SCREEN;
	return true;
}

void console_screen_end(void)
{
	fflush(stdout);
	if (how == WRITE_SCREEN || how == WRITE_CUT)
		write_text("\033[J");
	how = WRITE_ALL;
}

bool console_interrupt_waits(void)
{
	interrupt_waits = interrupt_waits || input_interrupted();
	return interrupt_waits || how == WRITE_QUIT;
}

bool console_interrupted(const char *cmd)
{
	if (!console_interrupt_waits())
		return false;
	if (how == WRITE_QUIT)
		return true;
	interrupt_waits = false;
	interruptions++;
	iprintf("^C\n%s: interrupted\n", cmd);
	return true;
}

unsigned console_interruptions(void)
{
	return interruptions;
}

/* What is shown already stays as the terminal has moved it. */
static void resized(unsigned new_rows, unsigned new_columns)
{
	rows = new_rows < SIZE_MAX_SHOWN ? new_rows : SIZE_MAX_SHOWN;
	columns = new_columns < LINE_COLUMNS_MIN ? LINE_COLUMNS_MIN
		  : new_columns < SIZE_MAX_SHOWN ? new_columns
						 : SIZE_MAX_SHOWN;
	if (row == ROW_LINE)
		line_resize(&line, (unsigned)columns);
	if (row == ROW_MORE && has_rows()) {
		pager.rows = (unsigned)rows;
		pager.columns = (unsigned)columns;
	}
}

void console_run(void *unused)
{
	(void)unused;

	log_row_owner(hide_row, show_row);
	input_on_resize(resized);
	script_run();
	for (;;) {
		switch (read_line()) {
		case LINE_FINISHED:
			typed = true;
			cmd_run_line(line.text);
			fflush(stdout);
			typed = false;
			interrupt_waits = false;
			how = WRITE_ALL;
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
