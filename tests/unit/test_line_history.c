/* Earlier lines in the line editor: kept, browsed, searched. */
#include <string.h>

#include "tests/unit/fixture.h"
#include "tests/unit/line_screen.h"
#include "tests/unit/test.h"

#define UP   "\033[A"
#define DOWN "\033[B"

static char bytes[64];
static struct history history;

/* An editor that has these lines behind it, NULL-terminated, the oldest first. */
static void begin_after(const char *const *lines)
{
	history = (struct history){.bytes = bytes, .size = sizeof(bytes)};
	screen_begin();
	line.history = &history;
	for (; *lines; lines++) {
		screen_enter(*lines);
		line_begin(&line);
	}
}

static void check_shown(const char *text, unsigned cursor)
{
	screen_check_row(SCREEN_PROMPT, text, cursor);
}

TEST(history, keeps_what_fits_newest_first)
{
	char eight[8];
	struct history h = {.bytes = eight, .size = sizeof(eight)};

	CHECK(!history_line(&h, 1));
	history_add(&h, "a");
	history_add(&h, "bc");
	CHECK_STR(history_line(&h, 1), "bc");
	CHECK_STR(history_line(&h, 2), "a");
	CHECK(!history_line(&h, 3));
	history_add(&h, "bc"); /* the same again */
	history_add(&h, "");
	history_add(&h, "   ");
	history_add(&h, "12345678"); /* doesn't fit at all */
	CHECK_STR(history_line(&h, 1), "bc");
	CHECK_STR(history_line(&h, 2), "a");
	history_add(&h, "d"); /* 2 + 3 + 2 bytes */
	CHECK_STR(history_line(&h, 3), "a");
	history_add(&h, "ef"); /* the oldest goes */
	CHECK_STR(history_line(&h, 1), "ef");
	CHECK_STR(history_line(&h, 3), "bc");
	CHECK(!history_line(&h, 4));
	history_add(&h, "1234567"); /* all of it */
	CHECK_STR(history_line(&h, 1), "1234567");
	CHECK(!history_line(&h, 2));
}

TEST(history, a_line_that_comes_again_later_is_kept_again)
{
	const char *const lines[] = {"one", "two", "one", "one", NULL};

	begin_after(lines);
	CHECK_STR(history_line(&history, 1), "one");
	CHECK_STR(history_line(&history, 2), "two");
	CHECK_STR(history_line(&history, 3), "one");
	CHECK(!history_line(&history, 4));
}

TEST(line_history, up_and_down_walk_and_what_was_typed_comes_back)
{
	const char *const lines[] = {"first", "second one", "third", NULL};

	begin_after(lines);
	CHECK_EQ(screen_feed("typ"), LINE_EDITING);
	CHECK_EQ(screen_feed(UP), LINE_EDITING);
	check_shown("third", 5);
	CHECK_EQ(screen_feed("\020"), LINE_EDITING);
	check_shown("second one", 10);
	CHECK_EQ(screen_feed("\033OA" UP UP), LINE_EDITING); /* there is no more */
	check_shown("first", 5);
	CHECK_EQ(screen_feed(DOWN "\016"), LINE_EDITING);
	check_shown("third", 5);
	CHECK_EQ(screen_feed(DOWN DOWN DOWN), LINE_EDITING);
	check_shown("typ", 3);
	CHECK_STR(screen_enter("ed"), "typed");
	CHECK_STR(history_line(&history, 1), "typed");
}

TEST(line_history, a_changed_line_is_not_lost_and_the_history_stays)
{
	const char *const lines[] = {"one", "two", NULL};

	begin_after(lines);
	CHECK_EQ(screen_feed(UP "s" UP), LINE_EDITING);
	check_shown("one", 3);
	CHECK_EQ(screen_feed(DOWN), LINE_EDITING);
	check_shown("two", 3);
	CHECK_EQ(screen_feed(DOWN), LINE_EDITING);
	check_shown("twos", 4);
	CHECK_STR(screen_enter(UP UP), "one");
	line_begin(&line);
	CHECK_STR(screen_enter(UP), "one");
	CHECK_STR(history_line(&history, 1), "one");
	CHECK_STR(history_line(&history, 2), "two");
	CHECK_STR(history_line(&history, 3), "one");
}

TEST(line_history, a_cancelled_line_is_forgotten)
{
	const char *const lines[] = {"one", NULL};

	begin_after(lines);
	CHECK_EQ(screen_feed("two\003"), LINE_CANCELLED);
	line_begin(&line);
	CHECK_STR(screen_enter(UP), "one");
	CHECK(!history_line(&history, 2));
}

TEST(line_history, too_long_a_line_stays_too_long)
{
	const char *const lines[] = {"one", NULL};

	begin_after(lines);
	for (unsigned i = 0; i < LINE_BYTES_MAX + 1; i++)
		CHECK_EQ(screen_feed("x"), LINE_EDITING);
	CHECK_EQ(screen_feed(UP), LINE_EDITING);
	check_shown("one", 3);
	CHECK_EQ(screen_feed(DOWN "\r"), LINE_TOO_LONG);
}

TEST(line_history, search_finds_as_one_types_and_goes_on)
{
	const char *const lines[] = {"alloc -o 9", "free 1", "alloc -o 3", "help", NULL};

	begin_after(lines);
	CHECK_EQ(screen_feed("dr\022"), LINE_EDITING);
	screen_check_row("^R : ", "dr", 2);
	CHECK_EQ(screen_feed("l"), LINE_EDITING);
	screen_check_row("^R l: ", "help", 2);
	CHECK_EQ(screen_feed("lo"), LINE_EDITING);
	screen_check_row("^R llo: ", "alloc -o 3", 1);
	CHECK_EQ(screen_feed("\022"), LINE_EDITING);
	screen_check_row("^R llo: ", "alloc -o 9", 1);
	CHECK_EQ(screen.bells, 0);
	CHECK_EQ(screen_feed("\022"), LINE_EDITING); /* no older one */
	CHECK_EQ(screen.bells, 1);
	screen_check_row("^R llo: ", "alloc -o 9", 1);
	CHECK_EQ(screen_feed("\023"), LINE_EDITING);
	screen_check_row("^R llo: ", "alloc -o 3", 1);
	CHECK_EQ(screen_feed("\023"), LINE_EDITING); /* no newer one */
	CHECK_EQ(screen.bells, 2);
	CHECK_EQ(screen_feed("q"), LINE_EDITING); /* nothing has it: not taken */
	CHECK_EQ(screen.bells, 3);
	screen_check_row("^R llo: ", "alloc -o 3", 1);
	CHECK_EQ(screen_feed("\177\177"), LINE_EDITING); /* the newest with what is left */
	screen_check_row("^R l: ", "help", 2);
	CHECK_EQ(screen_feed("loc -o 9"), LINE_EDITING);
	CHECK_STR(screen_enter(""), "alloc -o 9");
}

/* The row is right for the width that the terminal has now: as far as the cursor, and nothing beyond. */
static void check_resized(const char *label, const char *text, unsigned cursor)
{
	unsigned size = line.columns - 1 - (unsigned)strlen(label), first = line.window;

	CHECK(memcmp(screen.cells, label, strlen(label)) == 0);
	CHECK_EQ(screen.column, strlen(label) + cursor - first);
	CHECK(screen.column < line.columns);
	for (unsigned i = line.columns - 1; i < SCREEN_COLUMNS; i++)
		CHECK_EQ(screen.cells[i], ' ');
	CHECK(first == 0 || strlen(text) > size);
	for (unsigned i = first + 1; i < cursor; i++)
		CHECK_EQ(screen.cells[strlen(label) + i - first], text[i]);
}

TEST(line_history, the_terminal_is_resized_meanwhile)
{
	static const unsigned widths[] = {20, 39, 21, 40, 30};
	static const char text[] = "fill 1 2 and more than fits";

	static const char *const earlier[] = {text, NULL};

	begin_after(earlier);
	for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
		CHECK_EQ(screen_feed(text), LINE_EDITING);
		CHECK_EQ(screen_feed("\033[D\033[D"), LINE_EDITING);
		line_resize(&line, widths[i]);
		check_resized(SCREEN_PROMPT, text, (unsigned)strlen(text) - 2);
		CHECK_EQ(screen_feed("\001"), LINE_EDITING);
		check_resized(SCREEN_PROMPT, text, 0);
		/* what is searched for has half of the row at most */
		CHECK_EQ(screen_feed("\022more than fits"), LINE_EDITING);
		line_resize(&line, widths[ARRAY_LEN(widths) - 1 - i]);
		check_resized(line.search.label, text, line.cursor);
		CHECK_STR(screen_enter("\005"), text);
		line_begin(&line);
	}
}

TEST(line_history, search_is_left_by_any_key_or_cancelled)
{
	const char *const lines[] = {"alloc -o 9", "free 1", "alloc -o 3", NULL};

	begin_after(lines);
	CHECK_EQ(screen_feed("typed\022fr\005"), LINE_EDITING); /* ^E */
	check_shown("free 1", 6);
	CHECK_EQ(screen_feed(DOWN), LINE_EDITING); /* from there on */
	check_shown("alloc -o 3", 10);
	CHECK_EQ(screen_feed(DOWN), LINE_EDITING);
	check_shown("typed", 5);
	CHECK_EQ(screen_feed("\022fr\007"), LINE_EDITING);
	check_shown("typed", 5);
	CHECK_EQ(screen_feed("\002\002\022fr\003"), LINE_EDITING); /* ends the search alone; the cursor was there */
	check_shown("typed", 3);
	CHECK_EQ(screen_feed("\022fr\177\177"), LINE_EDITING);
	screen_check_row("^R : ", "typed", 5);
	CHECK_EQ(screen_feed("\022\033[D"), LINE_EDITING); /* an empty pattern finds the newest */
	check_shown("alloc -o 3", 0);
	CHECK_EQ(screen_feed(UP "\022o 9\007"), LINE_EDITING);
	check_shown("free 1", 6);
	CHECK_EQ(screen_feed("\003"), LINE_CANCELLED);
}

TEST(line_history, a_long_pattern_leaves_room_for_the_line)
{
	const char *const lines[] = {"0123456789012345678901234567890123456789abc", NULL};

	begin_after(lines);
	CHECK_EQ(screen_feed("\0220123456789012345678901234567890"), LINE_EDITING);
	CHECK_EQ(screen.bells, 0);
	CHECK(memcmp(screen.cells, "^R 678901234567890: 0123", 24) == 0);
	CHECK_EQ(screen_feed("1"), LINE_EDITING);
	CHECK_EQ(screen.bells, 1);
}

/* Any keys at all: the screen is what the line is, and nothing is lost but what a ring must lose. */
TEST(line_history, random_keys_never_leave_the_row)
{
	static const char *const keys[] = {UP, DOWN, "\022", "\023", "\007", "\177", "\005", "\001", "\r", "\025"};
	const char *const lines[] = {"alloc", "free all", NULL};
	uint64_t state = test_port_seed() | 1;

	begin_after(lines);
	for (unsigned step = 0; step < 5000; step++) {
		unsigned key = (unsigned)fixture_random(&state, 2 * ARRAY_LEN(keys));
		char c[2] = {(char)('a' + fixture_random(&state, 4)), '\0'};
		enum line_event event = screen_feed(key < ARRAY_LEN(keys) ? keys[key] : c);
		if (event == LINE_FINISHED)
			line_begin(&line);
		line.text[line.length] = '\0';
		screen_check_row(line.search.on ? line.search.label : SCREEN_PROMPT, line.text, line.cursor);
		CHECK(history.used <= history.size);
		CHECK(history.used == 0 || history.bytes[history.used - 1] == '\0');
	}
}
