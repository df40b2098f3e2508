/* Where the lines of a script are. */
#include <string.h>

#include "kernel/shell/script_lines.h"
#include "tests/unit/test.h"

/* All lines of the script, each with its number ahead and a bar behind. */
static const char *lines_of(const char *script, size_t length)
{
	static char out[256];
	struct script_line line;
	size_t at = 0, used = 0;
	unsigned number = 0;

	while (script_next(script, length, &at, &number, &line)) {
		CHECK(used + line.length + 3 < sizeof(out));
		out[used++] = (char)('0' + line.number);
		memcpy(out + used, line.text, line.length);
		used += line.length;
		out[used++] = '|';
	}
	out[used] = '\0';
	CHECK(at >= length);
	return out;
}

#define CHECK_LINES(script, expected) CHECK_STR(lines_of(script, sizeof(script) - 1), expected)

TEST(script, lines_end_in_every_usual_way)
{
	CHECK_LINES("", "");
	CHECK_LINES("a", "1a|");
	CHECK_LINES("a\n", "1a|");
	CHECK_LINES("a b\nc", "1a b|2c|");
	CHECK_LINES("a\r\nb\r\n", "1a|2b|");
	CHECK_LINES("a\rb", "1a|2b|");
	CHECK_LINES("a\r", "1a|");
	CHECK_LINES("a\n\rb", "1a|3b|");
}

TEST(script, blank_lines_and_comments_are_counted_but_not_run)
{
	CHECK_LINES("\n\n a\n", "3a|");
	CHECK_LINES("# x\n\t# y\n\ta # z\n#", "3a # z|");
	CHECK_LINES(" \t \r\n#\r\nb", "3b|");
}

TEST(script, a_byte_order_mark_is_no_command)
{
	CHECK_LINES("\xef\xbb\xbf# x\na", "2a|");
	CHECK_LINES("\xef\xbb\xbf", "");
	CHECK_LINES("\xef\xbb", "1\xef\xbb|");
}
