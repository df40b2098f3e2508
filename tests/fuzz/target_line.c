/* The console's line: kernel/shell/line.c edits it, kernel/shell/cmd.c takes it apart.
 *
 * The first byte sets the terminal's width, the second how often somebody else's output comes in between (5 bits), and
 * whether there is a history (20), tabs complete words (40) and the terminal may be resized (80); the rest is typed.
 * Checked: the editor sends nothing but what line.h says of the terminal, never writes beyond the row, and what it made
 * is printable; typed again, a line is the same line. Then the line is run: the command `probe` reads options and
 * numbers as commands do.
 */
#include <stdlib.h>

#include "kernel/shell/cmd.h"
#include "kernel/shell/complete.h"
#include "kernel/shell/line.h"
#include "kernel/shell/resize.h"
#include "tests/fuzz/fuzz.h"

#define PROMPT "nought> "

static struct screen {
	unsigned columns, column;
	char sequence[16];
	unsigned sequence_length;
} screen;

static int probe(int argc, char **argv)
{
	static const char *const words[] = {"on", "off", "show", NULL};
	const char *order = "0";
	bool json = false;
	const struct cmd_option options[] = {{'j', NULL, &json, NULL}, {'o', "ORDER", NULL, &order}, {0}};
	uint64_t value;
	int count = cmd_args(argc, argv, options, "WHAT and SIZE", 1, 2);

	FUZZ_CHECK(count == CMD_FAILED || (count >= 1 && count <= 2));
	if (count == CMD_FAILED || cmd_number(argv[0], "ORDER", order, parse_numbers(0, 18), &value) != 0)
		return CMD_FAILED;
	FUZZ_CHECK(value <= 18);
	int choice = cmd_choice(argv[0], argv[1], words);
	FUZZ_CHECK(choice == CMD_FAILED || strcmp(words[choice], argv[1]) == 0);
	if (choice == CMD_FAILED ||
	    (count == 2 && cmd_number(argv[0], "SIZE", argv[2], parse_sizes(1, GIB), &value) != 0))
		return CMD_FAILED;
	char text[CMD_SIZE_BYTES];
	FUZZ_CHECK(fuzz_printable(cmd_size_text(value, text)));
	return 0;
}

CMD(probe, "probe", "[-j] [-o ORDER] WHAT [SIZE]", "for this target", probe);

static void sequence_end(void)
{
	unsigned n = 0;

	FUZZ_CHECK(screen.sequence[1] == '[');
	for (const char *at = screen.sequence + 2; *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (unsigned)(*at - '0');
	switch (screen.sequence[screen.sequence_length - 1]) {
	case 'C':
		screen.column += n ? n : 1;
		FUZZ_CHECK(screen.column < screen.columns);
		break;
	case 'H':
		screen.column = 0;
		break;
	case 'K': /* clears the row's rest */
	case 'J': /* or the screen */
	case 'm': /* colours */
		break;
	default:
		fuzz_fail(__FILE__, __LINE__, "the editor sent ESC%s", screen.sequence + 1);
	}
}

static void screen_byte(char c)
{
	if (screen.sequence_length) {
		FUZZ_CHECK(screen.sequence_length < sizeof(screen.sequence) - 1);
		screen.sequence[screen.sequence_length++] = c;
		screen.sequence[screen.sequence_length] = '\0';
		if (screen.sequence_length > 2 && c >= 0x40) {
			sequence_end();
			screen.sequence_length = 0;
		}
	} else if (c == '\033') {
		screen.sequence[screen.sequence_length++] = c;
	} else if (c == '\r' || c == '\n') {
		screen.column = 0;
	} else if (c == '\b') {
		FUZZ_CHECK(screen.column > 0);
		screen.column--;
	} else if (c != '\a') {
		FUZZ_CHECK(c >= ' ' && c <= '~');
		FUZZ_CHECK(screen.column < screen.columns - 1); /* the last column stays empty */
		screen.column++;
	}
}

static void screen_write(void *arg, const char *bytes, size_t count)
{
	FUZZ_CHECK(arg == &screen);
	for (size_t i = 0; i < count; i++)
		screen_byte(bytes[i]);
}

static void begin(struct line *line, unsigned columns)
{
	screen = (struct screen){.columns = columns};
	memset(line, 0, sizeof(*line));
	line->prompt = PROMPT;
	line->columns = columns;
	line->write = screen_write;
	line->arg = &screen;
	line_begin(line);
}

/* Small, so that lines are pushed out. */
static char history_bytes[100];
static struct history history;

static void complete(void *arg, const char *text, unsigned length, line_offer_fn *offer, void *to)
{
	FUZZ_CHECK(arg == &screen);
	complete_line(text, length, offer, to);
}

/* Text without a key in it goes through unchanged. */
static void type_again(const char *text, unsigned columns)
{
	static struct line line;

	begin(&line, columns);
	for (const char *at = text; *at; at++)
		FUZZ_CHECK(line_feed(&line, (unsigned char)*at) == LINE_EDITING);
	FUZZ_CHECK(line_feed(&line, '\n') == LINE_FINISHED);
	FUZZ_CHECK(strcmp(line.text, text) == 0);
}

static void finished(const struct line *line, enum line_event event, unsigned columns)
{
	FUZZ_CHECK(screen.column == 0 && screen.sequence_length == 0);
	FUZZ_CHECK(strlen(line->text) <= LINE_BYTES_MAX);
	FUZZ_CHECK(fuzz_printable(line->text));
	if (event != LINE_FINISHED)
		return;
	struct screen before = screen;
	type_again(line->text, columns);
	screen = before;
	char *copy = strdup(line->text);
	int result = cmd_run_line(copy);
	FUZZ_CHECK(result == 0 || result == CMD_FAILED);
	free(copy);
}

/* The terminal shows what is left of the row, with the cursor in it. */
static void resized(struct line *line, unsigned columns)
{
	columns = columns < LINE_COLUMNS_MIN ? LINE_COLUMNS_MIN : columns < 999 ? columns : 999;
	screen.columns = columns;
	if (screen.column >= columns)
		screen.column = columns - 1;
	line_resize(line, columns);
}

static void feed(struct line *line, char byte)
{
	enum line_event event = line_feed(line, (unsigned char)byte);

	if (event == LINE_EDITING)
		return;
	finished(line, event, screen.columns);
	line_begin(line);
}

static struct resize resize;

/* As kernel/console/input.c does: reports of the terminal's size are taken out. What is no report comes in its order,
 * and nothing is kept back for ever. */
static void feed_or_resize(struct line *line, char byte)
{
	char out[RESIZE_BYTES + 1];
	unsigned count = 0, held = resize.length;
	enum resize_event event = resize_feed(&resize, byte, out, &count);

	FUZZ_CHECK(count <= held + 1 && resize.length <= RESIZE_BYTES);
	FUZZ_CHECK(event == RESIZE_NEW || count + resize.length == held + 1);
	if (event == RESIZE_NEW)
		resized(line, resize.columns);
	for (unsigned i = 0; i < count; i++)
		feed(line, out[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct choices in = choices_of(data, bytes);
	unsigned columns = LINE_COLUMNS_MIN + choice_u8(&in), how = choice_u8(&in), every = how & 0x1f;
	static struct line line;

	begin(&line, columns);
	memset(&resize, 0, sizeof(resize));
	history = (struct history){.bytes = history_bytes, .size = sizeof(history_bytes)};
	line.history = how & 0x20 ? &history : NULL;
	line.complete = how & 0x40 ? complete : NULL;
	for (unsigned i = 1; choice_left(&in); i++) {
		if (how & 0x80)
			feed_or_resize(&line, (char)choice_u8(&in));
		else
			feed(&line, (char)choice_u8(&in));
		if (every && i % every == 0) {
			line_hide(&line);
			FUZZ_CHECK(screen.column == 0);
			line_show(&line);
		}
	}
	return 0;
}
