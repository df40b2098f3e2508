/* What somebody may have meant: by slips of the finger, by how a name begins, by what is behind its dot. */
#include <string.h>

#include "kernel/shell/nearest.h"
#include "tests/unit/test.h"

static const char *const names[] = {"alloc",	     "check",	      "free",	      "help",	     "log",
				    "map",	     "mem",	      "stats",	      "verify",	     "version",
				    "zero.delay_ms", "zero.high_pct", "zero.low_pct", "zero.policy", NULL};

static const char *near(const char *word)
{
	static char text[NEAREST_TEXT_BYTES];
	struct nearest n;

	nearest_begin(&n, word);
	nearest_words(&n, names);
	return nearest_text(&n, "; none", text, sizeof(text));
}

TEST(nearest, slips_of_every_kind)
{
	CHECK_STR(near("stat"), "; nearest: stats");
	CHECK_STR(near("sttas"), "; nearest: stats");
	CHECK_STR(near("statss"), "; nearest: stats");
	CHECK_STR(near("stets"), "; nearest: stats");
	CHECK_STR(near("STATS"), "; nearest: stats");
	CHECK_STR(near("lgo"), "; nearest: log");
	CHECK_STR(near("verison"), "; nearest: version");
	CHECK_STR(near("hlep"), "; nearest: help");
	CHECK_STR(near("zero.polcy"), "; nearest: zero.policy");
	CHECK_STR(near("zreo.plicy"), "; nearest: zero.policy");
	CHECK_STR(near("mam"), "; nearest: map, mem");
}

TEST(nearest, beginnings_and_parts)
{
	CHECK_STR(near("ver"), "; nearest: verify, version");
	CHECK_STR(near("m"), "; nearest: map, mem");
	CHECK_STR(near("policy"), "; nearest: zero.policy");
	CHECK_STR(near("polcy"), "; nearest: zero.policy");
	CHECK_STR(near("low"), "; nearest: log, zero.low_pct"); /* equally near */
	CHECK_STR(near("pct"), "; nearest: zero.high_pct, zero.low_pct");
	CHECK_STR(near("zero."), "; nearest: zero.delay_ms, zero.high_pct, zero.low_pct, zero.policy");
	CHECK_STR(near("zeor."), "; nearest: zero.delay_ms, zero.high_pct, zero.low_pct, zero.policy");
}

TEST(nearest, what_is_far_is_not_proposed)
{
	char long_word[NEAREST_WORD_MAX + 2];

	CHECK_STR(near("frobnicate"), "; none");
	CHECK_STR(near(""), "; none");
	CHECK_STR(near("x"), "; none");
	CHECK_STR(near("lo9x"), "; none");
	CHECK_STR(near("ms_dela"), "; none");
	memset(long_word, 'm', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	CHECK_STR(near(long_word), "; none");
}

TEST(nearest, names_once_and_with_the_command_that_takes_them)
{
	char text[NEAREST_TEXT_BYTES], long_name[NEAREST_NAME_BYTES + 1];
	struct nearest n;

	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	nearest_begin(&n, "aaab");
	n.how = "knob ";
	nearest_offer(&n, "aaac");
	n.how = "stats ";
	nearest_offer(&n, "aaac");
	nearest_offer(&n, "aaaab");
	nearest_offer(&n, long_name);
	CHECK_STR(nearest_text(&n, "", text, sizeof(text)), "; nearest: stats aaaab, knob aaac");
	/* whole names only */
	CHECK_STR(nearest_text(&n, "", text, strlen("; nearest: stats aaaab, knob aaac")), "; nearest: stats aaaab");
	CHECK_STR(nearest_text(&n, "?", text, 8), "?");
}

TEST(nearest, one_list_may_be_nearer_than_another)
{
	struct nearest a, b;

	nearest_begin(&a, "zeroin");
	nearest_begin(&b, "zeroin");
	CHECK(!nearest_is_nearer(&a, &b));
	nearest_offer(&a, "zero");
	CHECK(nearest_is_nearer(&a, &b));
	nearest_offer(&b, "zeroing");
	CHECK(nearest_is_nearer(&b, &a));
	CHECK(!nearest_is_nearer(&a, &b));
	nearest_offer(&a, "zeroint");
	CHECK(!nearest_is_nearer(&a, &b) && !nearest_is_nearer(&b, &a));
}

TEST(nearest, the_nearest_of_many_are_kept)
{
	static const char *const many[] = {"abcde1234", "abcd12", "abcd1", "abcdx", "abcd", "abcdefgh", NULL};
	char text[NEAREST_TEXT_BYTES];
	struct nearest n;

	nearest_begin(&n, "abcdef");
	nearest_words(&n, many);
	CHECK_EQ(n.count, NEAREST_MAX);
	CHECK_STR(nearest_text(&n, "", text, sizeof(text)), "; nearest: abcdefgh, abcde1234");
}
