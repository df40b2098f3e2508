/* Words and numbers as people type them. */
#include <string.h>

#include "kernel/shell/parse.h"
#include "tests/unit/test.h"

static char err[160];

static int number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	err[0] = '\0';
	return parse_u64(text, parse_numbers(min, max), out, err, sizeof(err));
}

static int size(const char *text, uint64_t *out)
{
	err[0] = '\0';
	return parse_u64(text, parse_sizes(0, UINT64_MAX), out, err, sizeof(err));
}

TEST(parse, numbers_are_decimal_or_hexadecimal)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{"0", 0},
		{"7", 7},
		{"010", 10},
		{"0x10", 16},
		{"0XfF", 255},
		{"18446744073709551615", UINT64_MAX},
		{"0xffffffffffffffff", UINT64_MAX},
		{"00000000000000000000000000000001", 1},
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		uint64_t value = 99;
		CHECK_EQ(number(good[i].text, 0, UINT64_MAX, &value), 0);
		CHECK_EQ(value, good[i].value);
	}
}

TEST(parse, nonsense_is_named_and_leaves_the_value)
{
	static const char *const bad[] = {"",	 "x",  "-1", "+1",  "1 ", " 1", "1x",	 "0x",
					  "0xg", "1k", "1M", "1.5", "०",  "--", "0x1.0", "99999999999999999999x"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint64_t value = 99;
		CHECK_EQ(number(bad[i], 0, 18, &value), -1);
		CHECK_EQ(value, 99);
		CHECK(strstr(err, "is not a number (decimal or 0x), 0 to 18 are allowed"));
	}
	uint64_t value;
	CHECK_EQ(number("abc", 0, 18, &value), -1);
	CHECK_STR(err, "'abc' is not a number (decimal or 0x), 0 to 18 are allowed");
	CHECK_EQ(number("a\033[2Jb", 0, 18, &value), -1);
	CHECK_STR(err, "'a?[2Jb' is not a number (decimal or 0x), 0 to 18 are allowed");
}

TEST(parse, range_and_overflow_are_refused)
{
	uint64_t value = 99;

	CHECK_EQ(number("19", 0, 18, &value), -1);
	CHECK_STR(err, "'19' is out of range, 0 to 18 are allowed");
	CHECK_EQ(number("0", 1, 18, &value), -1);
	CHECK_EQ(number("18446744073709551616", 0, UINT64_MAX, &value), -1);
	CHECK(strstr(err, "is out of range, 0 to 18446744073709551615 are allowed"));
	CHECK_EQ(number("0x10000000000000000", 0, UINT64_MAX, &value), -1);
	CHECK_EQ(number("36893488147419103232", 0, UINT64_MAX, &value), -1); /* 2^65: wraps to 0 */
	CHECK_EQ(value, 99);
	CHECK_EQ(number("1", 1, 18, &value), 0);
	CHECK_EQ(number("18", 1, 18, &value), 0);
}

TEST(parse, sizes_take_suffixes)
{
	uint64_t value = 99;

	CHECK_EQ(size("4K", &value), 0);
	CHECK_EQ(value, 4096);
	CHECK_EQ(size("3m", &value), 0);
	CHECK_EQ(value, 3 * MIB);
	CHECK_EQ(size("0x10G", &value), 0);
	CHECK_EQ(value, 16 * GIB);
	CHECK_EQ(size("17179869183G", &value), 0);
	CHECK_EQ(value, 17179869183ull * GIB);
	CHECK_EQ(size("17179869184G", &value), -1);
	CHECK(strstr(err, "out of range"));
	CHECK_EQ(size("1T", &value), -1);
	CHECK_EQ(size("1KK", &value), -1);
	CHECK_EQ(size("1KiB", &value), -1);
	CHECK_EQ(size("K", &value), -1);
	CHECK(strstr(err, "'K' is not a size (decimal or 0x, perhaps with K, M or G)"));
}

TEST(parse, words_end_at_blanks_and_comments)
{
	char *words[4];
	char line[] = "\t alloc  -o\t3 #4 -n 5";
	char hash_inside[] = "a#b c";
	char empty[] = "  \t";
	char comment[] = "# all of it";
	char many[] = "1 2 3 4 5 6";

	CHECK_EQ(parse_words(line, words, 4), 3);
	CHECK_STR(words[0], "alloc");
	CHECK_STR(words[1], "-o");
	CHECK_STR(words[2], "3");
	CHECK_EQ(parse_words(hash_inside, words, 4), 2);
	CHECK_STR(words[0], "a#b");
	CHECK_EQ(parse_words(empty, words, 4), 0);
	CHECK_EQ(parse_words(comment, words, 4), 0);
	CHECK_EQ(parse_words(many, words, 4), 6);
	CHECK_STR(words[3], "4");
}

TEST(parse, one_word_after_the_other)
{
	char line[] = " a=1\r\n#b\tc ", *rest = line;

	CHECK_STR(parse_word(&rest), "a=1");
	CHECK_STR(parse_word(&rest), "#b");
	CHECK_STR(parse_word(&rest), "c");
	CHECK(!parse_word(&rest));
	CHECK(!parse_word(&rest));
}

TEST(parse, printable_text_holds_nothing_else)
{
	char out[8];

	parse_printable("a\tb\033\xc3\xa9~", 7, out, sizeof(out));
	CHECK_STR(out, "a b???~");
	parse_printable("123456789", 9, out, sizeof(out));
	CHECK_STR(out, "1234567");
	parse_printable("", 0, out, 1);
	CHECK_STR(out, "");
}
