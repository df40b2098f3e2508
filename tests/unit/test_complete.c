/* What may come next, by a usage text. */
#include <string.h>

#include "kernel/shell/complete.h"
#include "kernel/shell/parse.h"
#include "tests/unit/test.h"

/* The words offered, a blank behind each. */
static char words[2048];

static void take(void *to, const char *word)
{
	CHECK(to == words);
	CHECK(strlen(words) + strlen(word) + 2 < sizeof(words));
	strcat(words, word);
	strcat(words, " ");
}

static void count_words(const struct completion *c)
{
	c->offer(c->to, "un");
	c->offer(c->to, "deux");
}

static const char *count_usage(const char *word)
{
	return strcmp(word, "un") == 0 ? "left|right TESTCOUNT" : NULL;
}

COMPLETE(testcount, "TESTCOUNT", .words = count_words, .usage = count_usage);

static const char *offered(const char *usage, const char *typed)
{
	char line[80], *argv[16], *rest = line;
	int argc = 0;

	strcpy(line, typed);
	for (char *word; (word = parse_word(&rest)); argc++)
		argv[argc] = word;
	words[0] = '\0';
	const struct completion c = {.offer = take, .to = words, .before = argc ? argv[argc - 1] : NULL};
	complete_usage(&c, usage, argv, argc);
	return words;
}

TEST(complete, usage_texts_tell_each_place)
{
	static const struct {
		const char *usage, *typed, *words;
	} rows[] = {
		{"", "", ""},
		{"zero|report|idle [TIMEOUT_MS]", "", "zero report idle "},
		{"zero|report|idle [TIMEOUT_MS]", "zero", ""},
		{"[status|now]", "", "status now "},
		{"[status|now]", "now", ""},
		{"[-j] [TESTCOUNT]", "", "un deux -j "},
		{"[-j] [TESTCOUNT]", "-j", "un deux -j "},
		{"[-j] [TESTCOUNT]", "un", "-j "},
		{"[-o TESTCOUNT] [-n N] [-z|-Z] all|none", "", "all none -o -n -z -Z "},
		{"[-o TESTCOUNT] [-n N] [-z|-Z] all|none", "-o", "un deux "},
		{"[-o TESTCOUNT] [-n N] [-z|-Z] all|none", "-n", ""},
		{"[-o TESTCOUNT] [-n N] [-z|-Z] all|none", "-n 5", "all none -o -n -z -Z "},
		{"[-o TESTCOUNT] [-n N] [-z|-Z] all|none", "-Z", "all none -o -n -z -Z "},
		{"[-o TESTCOUNT] [-n N] [-z|-Z] all|none", "-zo", "un deux "},
		{"X [TESTCOUNT [a|b]]", "-5 un", "a b "}, /* a number is no option */
		{"X TESTCOUNT...", "1 2 3", "un deux "},
		{"list|TESTCOUNT [ARGS...]", "", "list un deux "},
		{"list|TESTCOUNT [ARGS...]", "un", "left right "},
		{"list|TESTCOUNT [ARGS...]", "un left", "un deux "},
		{"list|TESTCOUNT [ARGS...]", "deux", ""},
		{"list|TESTCOUNT [ARGS...]", "list", ""},
		{"SIZE 4k|2m", "1G", "4k 2m "},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		offered(rows[i].usage, rows[i].typed);
		if (strcmp(words, rows[i].words) != 0)
			test_port_note("row %u: %s", (unsigned)i, rows[i].typed);
		CHECK_STR(words, rows[i].words);
	}
}

TEST(complete, a_knobs_values_are_its_choices)
{
	CHECK_STR(offered("[KNOB [VALUE]]", "mm.shuffle"), "off on ");
	CHECK_STR(offered("[KNOB [VALUE]]", "test.seed"), "");
	CHECK_STR(offered("[KNOB [VALUE]]", "no.such.knob"), "");
	CHECK(strstr(offered("[KNOB [VALUE]]", ""), "mm.shuffle "));
}

TEST(complete, lines_that_no_command_begins)
{
	static const char *const lines[] = {"no-such-command ", "# alloc ", "alloc # "};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		words[0] = '\0';
		complete_line(lines[i], strlen(lines[i]), take, words);
		CHECK_STR(words, "");
	}
}
