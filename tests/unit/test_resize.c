/* Reports of the terminal's size among keys: found whole, and nothing else is lost, kept back or moved. */
#include "kernel/shell/resize.h"

#include <string.h>

#include "tests/unit/test.h"

static struct resize resize;
static char keys[256];
static unsigned sizes;

/* Feeds bytes; what passes is added to keys. */
static void feed(const char *bytes)
{
	char out[RESIZE_BYTES + 1];

	for (; *bytes; bytes++) {
		unsigned count = 0;
		enum resize_event event = resize_feed(&resize, *bytes, out, &count);
		CHECK_EQ(event == RESIZE_PASS, count > 0);
		CHECK(count <= sizeof(out));
		strncat(keys, out, count);
		sizes += event == RESIZE_NEW ? 1 : 0;
	}
}

static void begin(void)
{
	memset(&resize, 0, sizeof(resize));
	keys[0] = '\0';
	sizes = 0;
}

static void check_size(unsigned rows, unsigned columns)
{
	CHECK_EQ(sizes, 1);
	CHECK_EQ(resize.rows, rows);
	CHECK_EQ(resize.columns, columns);
	CHECK_EQ(resize.length, 0);
}

TEST(resize, both_kinds_of_report)
{
	begin();
	feed("ver\033[8;30;100tsion");
	check_size(30, 100);
	CHECK_STR(keys, "version");
	begin();
	feed("\033[48;9;1000;600;800t");
	check_size(9, 1000);
	CHECK_STR(keys, "");
}

/* Each goes on its way with its last byte at the latest, most of them sooner. */
TEST(resize, what_is_no_report_passes_as_it_is)
{
	static const char *const rows[] = {"\033[A",
					   "\033OA",
					   "\033[8~",
					   "\033[4~",
					   "\033[3~",
					   "\033[1;5D",
					   "\033[8;30t",
					   "\033[8;30;100;1t",
					   "\033[8;30;100u",
					   "\033[48;1;2;3t",
					   "\033[8;;100t",
					   "\033[8;0;100t",
					   "\033[8;30;0t",
					   "\033[8;30;10000t",
					   "\033[48;1;2;3;4;5t",
					   "\033[48;1;2;3;4;t",
					   "\033x",
					   "\033[200~pasted\033[201~",
					   "a\nb\003c",
					   "caf\303\251\233t",
					   "\033]8;30;100t\a",
					   "\033[18t",
					   "\033[80;1;1t",
					   "\033[8:30:100t"};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin();
		feed(rows[i]);
		CHECK_STR(keys, rows[i]);
		CHECK_EQ(sizes, 0);
	}
}

TEST(resize, a_key_that_was_cut_off_is_not_lost)
{
	char out[RESIZE_BYTES + 1];

	begin();
	feed("\033\033[8;30;100t");
	check_size(30, 100);
	CHECK_STR(keys, "\033");
	begin();
	feed("\033[8;3\033[8;30;100tx");
	check_size(30, 100);
	CHECK_STR(keys, "\033[8;3x");
	/* nothing comes for a while */
	begin();
	feed("\033[");
	CHECK_STR(keys, "");
	CHECK_EQ(resize_give_up(&resize, out), 2);
	CHECK(memcmp(out, "\033[", 2) == 0);
	feed("8;30;100t");
	CHECK_STR(keys, "8;30;100t");
	CHECK_EQ(sizes, 0);
}

TEST(resize, any_bytes_come_out_in_their_order)
{
	static const char alphabet[] = "\033\033[[8844;;0t~x";
	uint64_t random = 1;
	char in[64];

	for (unsigned round = 0; round < 20000; round++) {
		unsigned length = 1 + (unsigned)(round % (sizeof(in) - 1));
		char out[RESIZE_BYTES + 1];
		for (unsigned i = 0; i < length; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			in[i] = alphabet[(random >> 33) % (sizeof(alphabet) - 1)];
		}
		in[length] = '\0';
		begin();
		feed(in);
		unsigned left = resize_give_up(&resize, out);
		strncat(keys, out, left);
		if (sizes == 0)
			CHECK_STR(keys, in);
		else
			CHECK(strlen(keys) < length);
	}
}
