/* The terminal that the line editor's tests look at; see line_screen.h. */
#include "tests/unit/line_screen.h"

#include <string.h>

#include "tests/unit/test.h"

struct screen screen;
struct line line;

static void screen_sequence(const char *sequence)
{
	unsigned n = 0;
	for (const char *at = sequence; *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (unsigned)(*at - '0');
	switch (sequence[strlen(sequence) - 1]) {
	case 'K':
		memset(screen.cells + screen.column, ' ', SCREEN_COLUMNS - screen.column);
		break;
	case 'C':
		screen.column += n ? n : 1;
		break;
	case 'H':
		screen.column = 0;
		break;
	case 'J':
		CHECK_EQ(n, 2);
		memset(screen.cells, ' ', SCREEN_COLUMNS);
		break;
	default:
		test_port_fail(__FILE__, __LINE__, "the editor sent CSI %s", sequence);
	}
	CHECK(screen.column < SCREEN_COLUMNS);
}

static void end_row(void)
{
	unsigned length = SCREEN_COLUMNS;
	char *row = screen.above[screen.rows++ % SCREEN_ROWS];

	while (length > 0 && screen.cells[length - 1] == ' ')
		length--;
	memcpy(row, screen.cells, length);
	row[length] = '\0';
}

static void screen_byte(char c)
{
	if (screen.sequence_length) {
		CHECK(screen.sequence_length < sizeof(screen.sequence) - 1);
		screen.sequence[screen.sequence_length++] = c;
		screen.sequence[screen.sequence_length] = '\0';
		if (screen.sequence_length > 2 && c >= 0x40) {
			screen_sequence(screen.sequence + 2);
			screen.sequence_length = 0;
		}
	} else if (c == '\033') {
		screen.sequence[screen.sequence_length++] = c;
	} else if (c == '\r') {
		screen.column = 0;
	} else if (c == '\n') {
		end_row();
		screen.column = 0;
		memset(screen.cells, ' ', SCREEN_COLUMNS);
	} else if (c == '\b') {
		CHECK(screen.column > 0);
		screen.column--;
	} else if (c == '\a') {
		screen.bells++;
	} else {
		CHECK(c >= ' ' && c <= '~');
		CHECK(screen.column < SCREEN_COLUMNS - 1); /* the last column stays empty */
		screen.cells[screen.column++] = c;
	}
}

void screen_write(void *arg, const char *bytes, size_t count)
{
	CHECK(arg == &screen);
	for (size_t i = 0; i < count; i++)
		screen_byte(bytes[i]);
}

void screen_begin(void)
{
	memset(&screen, 0, sizeof(screen));
	memset(screen.cells, ' ', SCREEN_COLUMNS);
	memset(&line, 0, sizeof(line));
	line.prompt = SCREEN_PROMPT;
	line.columns = SCREEN_COLUMNS;
	line.write = screen_write;
	line.arg = &screen;
	line_begin(&line);
}

enum line_event screen_feed(const char *keys)
{
	enum line_event event = LINE_EDITING;
	for (; *keys; keys++) {
		CHECK_EQ(event, LINE_EDITING);
		event = line_feed(&line, (unsigned char)*keys);
	}
	return event;
}

const char *screen_enter(const char *keys)
{
	CHECK_EQ(screen_feed(keys), LINE_EDITING);
	CHECK_EQ(screen_feed("\r"), LINE_FINISHED);
	return line.text;
}

void screen_check_row(const char *label, const char *text, unsigned cursor)
{
	unsigned prompt = (unsigned)strlen(label), size = SCREEN_COLUMNS - 1 - prompt, length = (unsigned)strlen(text);
	unsigned first = line.window;

	CHECK(memcmp(screen.cells, label, prompt) == 0);
	CHECK_EQ(screen.column, prompt + cursor - first);
	if (length <= size && first == 0)
		CHECK(memcmp(screen.cells + prompt, text, length) == 0);
	for (unsigned i = 0; i < size; i++) {
		char expected = first + i < length ? text[first + i] : ' ';
		if (i == 0 && first > 0)
			expected = '<';
		if (i == size - 1 && length > first + size)
			expected = '>';
		CHECK_EQ(screen.cells[prompt + i], expected);
	}
	CHECK_EQ(screen.cells[SCREEN_COLUMNS - 1], ' ');
	/* the cursor never hides behind a marker */
	CHECK(first == 0 || cursor > first);
	CHECK(cursor < first + size || cursor == length);
	CHECK(length <= first + size || cursor < first + size - 1);
}
