/* The line editor, seen on a small terminal that does what its bytes say. */
#include <string.h>

#include "tests/unit/fixture.h"
#include "tests/unit/line_screen.h"
#include "tests/unit/test.h"

/* Feeds keys and the line's end to a fresh editor; what the line is then. */
static const char *edit(const char *keys)
{
	screen_begin();
	screen_enter(keys);
	CHECK_EQ(screen.rows, 1);
	return line.text;
}

static void check_screen(const char *text, unsigned cursor)
{
	screen_check_row(SCREEN_PROMPT, text, cursor);
}

TEST(line, typing_and_the_three_line_ends)
{
	CHECK_STR(edit("help"), "help");
	CHECK_STR(edit(""), "");
	screen_begin();
	CHECK_EQ(screen_feed("a\n"), LINE_FINISHED);
	line_begin(&line);
	CHECK_EQ(screen_feed("b\r"), LINE_FINISHED);
	CHECK_STR(line.text, "b");
	line_begin(&line);
	CHECK_EQ(screen_feed("\nc"), LINE_EDITING); /* the second half of CR LF is no empty line */
	CHECK_EQ(screen_feed("\n"), LINE_FINISHED);
	CHECK_STR(line.text, "c");
	line_begin(&line);
	CHECK_EQ(screen_feed("\n"), LINE_FINISHED); /* but LF after LF is one */
	CHECK_STR(line.text, "");
}

TEST(line, somebody_else_prints_a_line_meanwhile)
{
	static const char *const texts[] = {"", "fill 1 2",
					    "a line that is a good deal longer than the screen is wide"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		unsigned length = (unsigned)strlen(texts[i]);
		screen_begin();
		CHECK_EQ(screen_feed(texts[i]), LINE_EDITING);
		for (unsigned left = 0; left < 3; left++) {
			line_hide(&line);
			CHECK_EQ(screen.column, 0);
			for (unsigned at = 0; at < SCREEN_COLUMNS; at++)
				CHECK_EQ(screen.cells[at], ' ');
			screen_write(&screen, "[  1.234] news\n", 15);
			line_show(&line);
			check_screen(texts[i], length > left ? length - left : 0);
			CHECK_EQ(screen_feed("\033[D"), LINE_EDITING);
		}
		CHECK_EQ(screen_feed("\r"), LINE_FINISHED);
		CHECK_STR(line.text, texts[i]);
	}
}

TEST(line, keys_move_insert_and_delete)
{
	static const struct {
		const char *keys, *text;
	} rows[] = {
		{"bc\001a", "abc"},	    {"ac\033[Db", "abc"},
		{"ac\002b", "abc"},	    {"ac\033ODb", "abc"},
		{"ac\033[D\033[Cb", "acb"}, {"ab\033[1;5Dc", "acb"}, /* with ctrl held */
		{"abc\177", "ab"},	    {"abc\b", "ab"},
		{"\177\b\033[D\033[C", ""}, {"abc\033[D\177", "ac"},
		{"abc\001\004", "bc"},	    {"abc\001\033[3~", "bc"},
		{"abc\033[3~", "abc"},	    {"\004a\004", "a"},
		{"one two\027", "one "},    {"one two  \027", "one "},
		{"one\027\027", ""},	    {"one two\033[D\033[D\027", "one wo"},
		{"one two\025", ""},	    {"one two\033[D\033[D\025", "wo"},
		{"one two\001\013", ""},    {"one two\033[D\033[D\013", "one t"},
		{"b\001a\005c", "abc"},	    {"a\tb", "a b"},
		{"a\014b", "ab"},	    {"a\016\020\021\032b", "ab"}, /* control characters without a meaning */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_STR(edit(rows[i].keys), rows[i].text);
}

TEST(line, home_and_end_in_every_encoding)
{
	static const char *const home[] = {"\033[H", "\033OH", "\033[1~", "\033[7~", "\033[1;2H", "\001"};
	static const char *const end[] = {"\033[F", "\033OF", "\033[4~", "\033[8~", "\033[1;2F", "\005"};
	char keys[40];

	for (size_t i = 0; i < ARRAY_LEN(home); i++) {
		strcpy(keys, "bc");
		strcat(keys, home[i]);
		strcat(keys, "a");
		strcat(keys, end[i]);
		strcat(keys, "d");
		CHECK_STR(edit(keys), "abcd");
	}
}

TEST(line, unknown_sequences_are_swallowed_whole)
{
	static const char *const unknown[] = {
		"\033[A",	   "\033[B",	 "\033OA",	 "\033[5~",	 "\033[15~",	   "\033[200~",
		"\033[201~",	   "\033OP",	 "\033[[A",	 "\033[1;2A",	 "\033[?1;2c",	   "\033[24;80R",
		"\033x",	   "\033\033[Z", "\033(B",	 "\033]0;t\007", "\033]0;t\033\\", "\033Pq\033\\",
		"\033[999999999~", "\033[ q",	 "\033[<0;1;2M",
	};
	char keys[40];

	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		strcpy(keys, "a");
		strcat(keys, unknown[i]);
		strcat(keys, "b");
		CHECK_STR(edit(keys), "ab");
	}
	CHECK_STR(edit("ab\033"), "ab"); /* cut off by the line's end */
	CHECK_STR(edit("ab\033["), "ab");
	CHECK_STR(edit("ab\033]never ends"), "ab");
	CHECK_STR(edit("ab\033[\001c"), "cab"); /* a control character ends it */
}

TEST(line, other_characters_become_question_marks)
{
	CHECK_STR(edit("a\xc3\xa9z"), "a?z");
	CHECK_STR(edit("\xe2\x82\xac"), "?");
	CHECK_STR(edit("\xf0\x9f\x98\x80!"), "?!");
	CHECK_STR(edit("\xe9t\xe9"), "?t?"); /* Latin-1 */
	CHECK_STR(edit("a\x80z"), "a?z");
}

TEST(line, ctrl_c_keeps_to_the_row)
{
	char text[SCREEN_COLUMNS];
	for (unsigned length = 0; length + sizeof(SCREEN_PROMPT) < SCREEN_COLUMNS; length++) {
		memset(text, 'x', length);
		text[length] = '\0';
		screen_begin();
		screen_feed(text);
		CHECK_EQ(screen_feed("\003"), LINE_CANCELLED);
		CHECK_EQ(screen.rows, 1);
	}
}

TEST(line, ctrl_c_drops_the_line_even_in_a_sequence)
{
	screen_begin();
	CHECK_EQ(screen_feed("abc\003"), LINE_CANCELLED);
	line_begin(&line);
	CHECK_EQ(screen_feed("d\033[1\003"), LINE_CANCELLED);
	line_begin(&line);
	CHECK_EQ(screen_feed("e\r"), LINE_FINISHED);
	CHECK_STR(line.text, "e");
}

TEST(line, too_long_is_refused_not_cut)
{
	screen_begin();
	for (unsigned i = 0; i < LINE_BYTES_MAX; i++)
		CHECK_EQ(screen_feed("x"), LINE_EDITING);
	CHECK_EQ(screen.bells, 0);
	CHECK_EQ(screen_feed("y"), LINE_EDITING);
	CHECK_EQ(screen.bells, 1);
	CHECK_EQ(screen_feed("yyyy"), LINE_EDITING);
	CHECK_EQ(screen.bells, 1); /* for all that is pasted */
	CHECK_EQ(screen_feed("\r"), LINE_TOO_LONG);
	line_begin(&line);
	for (unsigned i = 0; i < LINE_BYTES_MAX + 1; i++)
		CHECK_EQ(screen_feed("x"), LINE_EDITING);
	CHECK_EQ(screen_feed("\177\r"), LINE_FINISHED); /* shortened by hand: fine */
	CHECK_EQ(strlen(line.text), LINE_BYTES_MAX - 1);
}

TEST(line, the_window_follows_the_cursor_all_the_way)
{
	static const struct {
		const char *key;
		int cursor, length;
	} ways[] = {{"\033[D", -1, 0}, {"\033[C", 1, 0}, {"\177", -1, -1}};
	char text[101] = "";
	unsigned cursor = 0;

	screen_begin();
	while (cursor < 100) {
		char c[2] = {(char)('a' + cursor % 26), '\0'};
		text[cursor++] = c[0];
		text[cursor] = '\0';
		CHECK_EQ(screen_feed(c), LINE_EDITING);
		check_screen(text, cursor);
	}
	for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
		for (unsigned i = 0; i < 100; i++) {
			CHECK_EQ(screen_feed(ways[way].key), LINE_EDITING);
			cursor = (unsigned)((int)cursor + ways[way].cursor);
			text[(int)strlen(text) + ways[way].length] = '\0';
			check_screen(text, cursor);
		}
	}
	CHECK_EQ(line.length, 0);
}

TEST(line, a_prompt_may_be_empty)
{
	screen_begin();
	line.prompt = "";
	CHECK_EQ(screen_feed("\001b\001a\001"), LINE_EDITING);
	CHECK_EQ(screen.column, 0);
}

static unsigned word_before(const char *text, unsigned at)
{
	while (at > 0 && text[at - 1] == ' ')
		at--;
	while (at > 0 && text[at - 1] != ' ')
		at--;
	return at;
}

/* The same keys on a plain array, and the screen after each. */
TEST(line, random_keys_show_what_the_line_is)
{
	static const char *const keys[] = {"\033[D", "\033[C", "\001", "\005", "\177", "\004",	"\027",
					   "\025",   "\013",   "\014", "\t",   "q",    "\033[A"};
	uint64_t seed = test_port_seed(), state = seed | 1;
	char text[256] = "";
	unsigned cursor = 0;

	screen_begin();
	for (unsigned step = 0; step < 20000; step++) {
		unsigned length = (unsigned)strlen(text);
		/* cuts are rare, so that lines grow beyond the window */
		unsigned key = (unsigned)fixture_random(&state, 64);
		if (key >= ARRAY_LEN(keys) || ((key >= 6 && key <= 8) && fixture_random(&state, 6))) {
			if (length + 1 >= sizeof(text) - 1)
				continue;
			char c[2] = {(char)('a' + fixture_random(&state, 26)), '\0'};
			if (fixture_random(&state, 5) == 0)
				c[0] = ' ';
			CHECK_EQ(screen_feed(c), LINE_EDITING);
			memmove(text + cursor + 1, text + cursor, length - cursor + 1);
			text[cursor++] = c[0];
		} else {
			unsigned from = cursor, to = cursor;
			if (length + 1 >= sizeof(text) - 1 && (key == 10 || key == 11))
				continue;
			CHECK_EQ(screen_feed(keys[key]), LINE_EDITING);
			if (key == 0)
				cursor -= cursor > 0;
			else if (key == 1)
				cursor += cursor < length;
			else if (key == 2)
				cursor = 0;
			else if (key == 3)
				cursor = length;
			else if (key == 4)
				from -= cursor > 0;
			else if (key == 5)
				to += cursor < length;
			else if (key == 6)
				from = word_before(text, cursor);
			else if (key == 7)
				from = 0;
			else if (key == 8)
				to = length;
			else if (key == 10 || key == 11) {
				memmove(text + cursor + 1, text + cursor, length - cursor + 1);
				text[cursor++] = key == 10 ? ' ' : 'q';
			}
			if (from != to && key >= 4 && key <= 8) {
				memmove(text + from, text + to, length - to + 1);
				cursor = from;
			}
		}
		if (line.cursor != cursor || line.length != strlen(text) || memcmp(line.text, text, line.length))
			test_port_note("seed %llu, step %u", (unsigned long long)seed, step);
		CHECK_EQ(line.cursor, cursor);
		CHECK_EQ(line.length, strlen(text));
		CHECK(memcmp(line.text, text, line.length) == 0);
		check_screen(text, cursor);
	}
	CHECK_EQ(screen_feed("\r"), LINE_FINISHED);
	CHECK_STR(line.text, text);
}
