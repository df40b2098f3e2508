/* Pages of a small terminal. */
#include <string.h>

#include "kernel/shell/pager.h"
#include "tests/unit/test.h"

/* How many bytes of text the first page of 4 rows of 10 columns has room for. */
static size_t first_page(const char *text)
{
	struct pager pager = {.rows = 4, .columns = 10};
	return pager_take(&pager, text, strlen(text));
}

TEST(pager, a_page_is_one_row_less_than_the_terminal)
{
	CHECK_EQ(first_page(""), 0);
	CHECK_EQ(first_page("a\nb\nc"), 5);
	CHECK_EQ(first_page("a\nb\nc\n"), 6);
	CHECK_EQ(first_page("a\nb\nc\nd"), 6);
	CHECK_EQ(first_page("\n\n\n\n\n"), 3);
}

TEST(pager, long_lines_take_several_rows)
{
	CHECK_EQ(first_page("0123456789\n0123456789\nc\nd"), 24);
	CHECK_EQ(first_page("012345678901234567890123456789\n"), 31);
	CHECK_EQ(first_page("0123456789012345678901234567890"), 30);
	CHECK_EQ(first_page("01234567890\nb\nc"), 14);
}

/* Else what asks for the next page would take the place of the first character of the rest. */
TEST(pager, a_line_is_parted_where_the_terminal_parts_it)
{
	struct pager pager = {.rows = 3, .columns = 10};

	CHECK_EQ(pager_take(&pager, "a\n0123456789x\n", 14), 12);
	CHECK(pager.wrapped);
	pager_more(&pager, 3);
	CHECK_EQ(pager_take(&pager, "x\nb\nc\n", 6), 4);
	CHECK(!pager.wrapped);
}

TEST(pager, colours_take_no_room)
{
	CHECK_EQ(first_page("\033[32m0123456789\033[0m\nb\nc\nd"), 24);
}

TEST(pager, more_is_a_line_or_a_page)
{
	struct pager pager = {.rows = 4, .columns = 10};

	CHECK_EQ(pager_take(&pager, "1\n2\n3\n4\n", 8), 6);
	CHECK_EQ(pager_take(&pager, "4\n", 2), 0);
	pager_more(&pager, 1);
	CHECK_EQ(pager_take(&pager, "4\n5\n", 4), 2);
	pager_more(&pager, 3);
	CHECK_EQ(pager_take(&pager, "5\n6\n7\n8\n", 8), 6);
	pager_more(&pager, 100);
	CHECK_EQ(pager_take(&pager, "8\n9\n0\n1\n", 8), 6);
}
