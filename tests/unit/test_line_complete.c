/* The tab key, with a few words that somebody offers. */
#include <string.h>

#include "tests/unit/line_screen.h"
#include "tests/unit/test.h"

static const char *const *offered;
static char behind[64]; /* what the words were asked for */

static void offer_words(void *arg, const char *text, unsigned length, line_offer_fn *offer, void *to)
{
	CHECK(arg == &screen);
	CHECK(length < sizeof(behind));
	memcpy(behind, text, length);
	behind[length] = '\0';
	for (const char *const *word = offered; *word; word++)
		offer(to, *word);
}

static void begin_with(const char *const *words)
{
	offered = words;
	screen_begin();
	line.complete = offer_words;
}

static void check_shown(const char *text)
{
	screen_check_row(SCREEN_PROMPT, text, (unsigned)strlen(text));
}

TEST(line_complete, one_match_comes_whole_with_a_blank)
{
	const char *const words[] = {"alloc", "verify", "version", NULL};

	begin_with(words);
	CHECK_EQ(screen_feed("a\t"), LINE_EDITING);
	check_shown("alloc ");
	CHECK_STR(behind, "");
	CHECK_EQ(screen_feed("veri\t"), LINE_EDITING);
	check_shown("alloc verify ");
	CHECK_STR(behind, "alloc ");
	CHECK_EQ(screen.bells, 0);
	CHECK_EQ(screen_feed("verify\t"), LINE_EDITING); /* whole already */
	check_shown("alloc verify verify ");
}

TEST(line_complete, several_matches_share_a_beginning_and_a_second_tab_lists_them)
{
	const char *const words[] = {"alloc", "verify", "version", "vers", NULL};

	begin_with(words);
	CHECK_EQ(screen_feed("v\t"), LINE_EDITING);
	check_shown("ver");
	CHECK_EQ(screen.bells, 1);
	CHECK_EQ(screen.rows, 0);
	CHECK_EQ(screen_feed("\t"), LINE_EDITING);
	CHECK_EQ(screen.rows, 2);
	CHECK_STR(screen.above[0], "nought> ver");
	CHECK_STR(screen.above[1], "verify   version  vers");
	check_shown("ver");
	/* another key in between, and it isn't the second one any more */
	CHECK_EQ(screen_feed("x\177\t"), LINE_EDITING);
	CHECK_EQ(screen.rows, 2);
	CHECK_EQ(screen_feed("s\t"), LINE_EDITING); /* vers is whole, and more is possible */
	check_shown("vers");
	CHECK_STR(screen_enter("\t"), "vers");
}

TEST(line_complete, nothing_matches)
{
	const char *const words[] = {"alloc", NULL};

	begin_with(words);
	CHECK_EQ(screen_feed("x\t\t"), LINE_EDITING);
	check_shown("x");
	CHECK_EQ(screen.bells, 2);
	CHECK_EQ(screen.rows, 0);
	CHECK_STR(screen_enter(""), "x");
}

TEST(line_complete, in_the_middle_of_a_line)
{
	const char *const words[] = {"alloc", NULL};

	begin_with(words);
	CHECK_EQ(screen_feed("al -o 9\001\033[C\033[C\t"), LINE_EDITING);
	screen_check_row(SCREEN_PROMPT, "alloc -o 9", 6); /* the blank is there already */
	CHECK_EQ(screen_feed("\025al\t"), LINE_EDITING);
	screen_check_row(SCREEN_PROMPT, "alloc -o 9", 6);
}

TEST(line_complete, the_same_word_twice_is_one)
{
	const char *const words[] = {"zero", "zero", NULL};

	begin_with(words);
	CHECK_STR(screen_enter("z\t"), "zero ");
}

TEST(line_complete, long_lists_keep_within_the_screen)
{
	static char names[200][8];
	const char *words[202];

	for (unsigned i = 0; i < 200; i++) {
		strcpy(names[i], "w000abc");
		names[i][1] = (char)('0' + i / 100);
		names[i][2] = (char)('0' + i / 10 % 10);
		names[i][3] = (char)('0' + i % 10);
		words[i] = names[i];
	}
	words[200] = "a word that is far too long to be shown in one row of this screen";
	words[201] = NULL;
	begin_with(words);
	CHECK_EQ(screen_feed("w\t\t"), LINE_EDITING);
	CHECK_EQ(screen.rows, 1 + LINE_LISTED_MAX + 1);
	CHECK_STR(screen.above[1], "w000abc  w001abc  w002abc  w003abc");
	CHECK_STR(screen.above[1 + LINE_LISTED_MAX], "... more: type on");
	check_shown("w");
	CHECK_EQ(screen_feed("\177\t\t"), LINE_EDITING);
	CHECK_STR(screen.above[(1 + LINE_LISTED_MAX + 1 + 1) % SCREEN_ROWS], "w000abc");
}

TEST(line_complete, a_word_that_is_too_long_is_left_alone)
{
	char word[LINE_WORD_MAX + 2];
	const char *const words[] = {word, NULL};

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	begin_with(words);
	CHECK_STR(screen_enter("x\t"), "x");
	word[LINE_WORD_MAX] = '\0';
	line_begin(&line);
	CHECK_EQ(strlen(screen_enter("x\t")), LINE_WORD_MAX + 1);
}
