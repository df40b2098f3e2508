/* What commands share: options in any place, and sizes as people read them. Errors print, so the boot tests have
 * them. */
#include <string.h>

#include "kernel/shell/cmd.h"
#include "tests/unit/test.h"

TEST(cmd, options_stand_anywhere_and_arguments_move_up)
{
	bool quick = false, loud = false;
	const char *order = "none", *count = "none";
	const struct cmd_option options[] = {
		{.letter = 'o', .value_name = "ORDER", .value = &order},
		{.letter = 'n', .value_name = "COUNT", .value = &count},
		{.letter = 'q', .set = &quick},
		{.letter = 'l', .set = &loud},
		{0},
	};
	char *argv[] = {"cmd", "first", "-ql", "-o", "3", "second", "-n-4", "--", "-q", NULL};

	CHECK_EQ(cmd_args(9, argv, options, "X", 0, 3), 3);
	CHECK_STR(argv[1], "first");
	CHECK_STR(argv[2], "second");
	CHECK_STR(argv[3], "-q");
	CHECK_STR(order, "3");
	CHECK_STR(count, "-4");
	CHECK(quick && loud);
}

TEST(cmd, what_is_not_given_stays)
{
	bool set = false;
	const char *value = "default";
	const struct cmd_option options[] = {{.letter = 'x', .value_name = "X", .value = &value, .set = &set}, {0}};
	char *none[] = {"cmd", NULL};
	char *dash[] = {"cmd", "-", NULL};
	char *last[] = {"cmd", "-x", "1", "-x2", NULL};

	CHECK_EQ(cmd_args(1, none, options, "X", 0, 0), 0);
	CHECK_STR(value, "default");
	CHECK(!set);
	CHECK_EQ(cmd_args(2, dash, NULL, "X", 1, 1), 1); /* a word, not an option */
	CHECK_STR(dash[1], "-");
	CHECK_EQ(cmd_args(4, last, options, "X", 0, 0), 0);
	CHECK_STR(value, "2");
	CHECK(set);
}

TEST(cmd, a_missing_value_is_an_empty_one)
{
	const char *value = "default";
	const struct cmd_option options[] = {{.letter = 'x', .value_name = "X", .value = &value}, {0}};
	char *argv[] = {"cmd", "1", "-x", NULL};

	CHECK_EQ(cmd_args(3, argv, options, "X", 0, 1), 1);
	CHECK_STR(value, "");
}

TEST(cmd, turns_are_counted_at_the_front_only)
{
	static const struct {
		char line[24];
		const char *rest;
		bool turned;
	} rows[] = {{"version", "version", false},
		    {" ! version ! ", "version ! ", true},
		    {"!!version", "version", false},
		    {"! !\t! a", "a", true},
		    {"", "", false},
		    {"!", "", true}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char line[24], *rest = line;

		memcpy(line, rows[i].line, sizeof(line));
		CHECK_EQ(cmd_take_turns(&rest), rows[i].turned);
		CHECK_STR(rest, rows[i].rest);
	}
}

TEST(cmd, a_minus_and_a_digit_is_an_argument)
{
	bool set = false;
	const struct cmd_option options[] = {{.letter = 'x', .set = &set}, {0}};
	char *argv[] = {"cmd", "-1", "-x", "-0x10", NULL};

	CHECK_EQ(cmd_args(4, argv, options, "X", 0, 2), 2);
	CHECK_STR(argv[1], "-1");
	CHECK_STR(argv[2], "-0x10");
	CHECK(set);
}

TEST(cmd, sizes_read_as_sizes)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{0, "0 bytes"},
		{1023, "1023 bytes"},
		{KIB, "1 KiB"},
		{KIB + KIB / 2, "1.5 KiB"},
		{2 * MIB, "2 MiB"},
		{2 * MIB - 1, "1.9 MiB"},
		{MIB - 1, "1023.9 KiB"},
		{GIB, "1 GiB"},
		{64 * GIB, "64 GiB"},
		{1024 * GIB, "1 TiB"},
		{UINT64_MAX, "16777215.9 TiB"},
	};
	char text[CMD_SIZE_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_STR(cmd_size_text(rows[i].bytes, text), rows[i].text);
}
