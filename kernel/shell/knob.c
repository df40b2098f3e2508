/* Settings by name: look up, check, change. */
#include "kernel/shell/knob.h"

#include <stdio.h>
#include <string.h>

#include "kernel/shell/nearest.h"
#include "kernel/shell/parse.h"
#include "kernel/shell/sorted.h"

/* Sizes may be typed with K, M and G where the unit is bytes; anything else is a plain number. */
static enum parse_kind kind_of(const struct knob_row *row)
{
	return row->unit && strcmp(row->unit, "bytes") == 0 ? PARSE_SIZE : PARSE_NUMBER;
}

int knob_check(const struct knob_row *row, const char *text, enum knob_when when, uint64_t *out, char *err,
	       size_t err_size)
{
	char why[KNOB_ERROR_BYTES];
	uint64_t value = 0;

	if (row->boot && when != KNOB_AT_BOOT) {
		sniprintf(err, err_size, "%s can only be set on the kernel's command line", row->name);
		return -1;
	}
	if (!row->choices) {
		if (parse_u64(text, (struct parse_range){kind_of(row), row->min, row->max}, &value, why, sizeof(why)) !=
		    0) {
			sniprintf(err, err_size, "%s: %s", row->name, why);
			return -1;
		}
		*out = value;
		return 0;
	}
	for (; row->choices[value]; value++) {
		if (strcmp(row->choices[value], text) == 0) {
			*out = value;
			return 0;
		}
	}
	char shown[40], hint[NEAREST_TEXT_BYTES];
	struct nearest n;
	nearest_begin(&n, text);
	nearest_words(&n, row->choices);
	parse_printable(text, strlen(text), shown, sizeof(shown));
	knob_allowed_text(row, why, sizeof(why));
	sniprintf(err, err_size, "%s: '%s' is not a choice, allowed are %s%s", row->name, shown, why,
		  nearest_text(&n, "", hint, sizeof(hint)));
	return -1;
}

const struct knob_row *knob_find(const char *name, char *err, size_t err_size)
{
	const struct knob_row *row = TABLE_FIND(knob, name);
	char shown[40], hint[NEAREST_TEXT_BYTES];
	struct nearest n;

	if (row)
		return row;
	nearest_begin(&n, name);
	NEAREST_TABLE(&n, knob);
	parse_printable(name, strlen(name), shown, sizeof(shown));
	sniprintf(err, err_size, "there is no knob '%s'%s", shown,
		  nearest_text(&n, ", `knob` lists them", hint, sizeof(hint)));
	return NULL;
}

/* The row called name, if there is one and it takes the text; else NULL. */
static const struct knob_row *find_and_check(const char *name, const char *text, enum knob_when when, uint64_t *value,
					     char *err, size_t err_size)
{
	const struct knob_row *row = knob_find(name, err, err_size);

	return row && knob_check(row, text, when, value, err, err_size) == 0 ? row : NULL;
}

static int set(const char *name, const char *text, enum knob_when when, char *err, size_t err_size)
{
	uint64_t value;
	const struct knob_row *row = find_and_check(name, text, when, &value, err, err_size);

	if (!row)
		return -1;
	*row->value = value;
	if (row->changed)
		row->changed();
	return 0;
}

int knob_set(const char *name, const char *text, char *err, size_t err_size)
{
	return set(name, text, KNOB_RUNNING, err, err_size);
}

/* A word without an =: what a knob of that name would take, or which one may have been meant. */
static void say_no_value(const char *word, char *err, size_t err_size)
{
	char shown[40], allowed[KNOB_ERROR_BYTES / 2], hint[NEAREST_TEXT_BYTES];
	const struct knob_row *row = TABLE_FIND(knob, word);
	struct nearest n;

	nearest_begin(&n, word);
	if (row)
		knob_allowed_text(row, allowed, sizeof(allowed));
	else
		NEAREST_TABLE(&n, knob);
	parse_printable(word, strlen(word), shown, sizeof(shown));
	sniprintf(err, err_size, "'%s' is not of the form name=value%s%s%s", shown, row ? ", allowed are " : "",
		  row ? allowed : "", nearest_text(&n, "", hint, sizeof(hint)));
}

/* Where the = of a word is; NULL: it has none, err says so. */
static char *find_equals(char *word, char *err, size_t err_size)
{
	char *equals = strchr(word, '=');

	if (!equals)
		say_no_value(word, err, err_size);
	return equals;
}

int knob_assign(char *word, enum knob_when when, char *err, size_t err_size)
{
	char *equals = find_equals(word, err, err_size);

	if (!equals)
		return -1;
	*equals = '\0';
	int result = set(word, equals + 1, when, err, err_size);
	*equals = '=';
	return result;
}

int knob_try(char *word, enum knob_when when, char *err, size_t err_size)
{
	char *equals = find_equals(word, err, err_size);
	uint64_t value;

	if (!equals)
		return -1;
	*equals = '\0';
	const struct knob_row *row = find_and_check(word, equals + 1, when, &value, err, err_size);
	*equals = '=';
	return row ? 0 : -1;
}

/* Moves the next word of what is left to where the one before it ends, in the same memory. */
static void join_next(char *word, char **rest)
{
	char *next = parse_word(rest);

	if (next)
		memmove(word + strlen(word), next, strlen(next) + 1);
}

/* The next word, which stays there; the blanks before it are passed over. */
static size_t peek_word(char **rest)
{
	*rest += strspn(*rest, " \t\r\n");
	return strcspn(*rest, " \t\r\n");
}

char *knob_next_word(char **rest)
{
	char *word = parse_word(rest);

	if (!word)
		return NULL;
	if (!strchr(word, '=') && peek_word(rest) > 0 && **rest == '=')
		join_next(word, rest);
	char *equals = strchr(word, '=');
	size_t length = peek_word(rest);
	if (equals && equals != word && equals[1] == '\0' && length > 0 && !memchr(*rest, '=', length))
		join_next(word, rest);
	return word;
}

void knob_assign_words(char *words, knob_say_fn *say)
{
	char err[KNOB_ERROR_BYTES];

	for (char *word = knob_next_word(&words); word; word = knob_next_word(&words))
		if (knob_assign(word, KNOB_AT_BOOT, err, sizeof(err)) != 0)
			say("command line: refused: %s", err);
}

void knob_value_text(const struct knob_row *row, char *out, size_t size)
{
	if (row->choices)
		sniprintf(out, size, "%s", row->choices[*row->value]);
	else
		sniprintf(out, size, "%lu", *row->value);
}

void knob_allowed_text(const struct knob_row *row, char *out, size_t size)
{
	if (!row->choices) {
		sniprintf(out, size, "%lu to %lu", row->min, row->max);
		return;
	}
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; row->choices[i] && used < size; i++) {
		const char *glue = i == 0 ? "" : row->choices[i + 1] ? ", " : " or ";
		used += (size_t)sniprintf(out + used, size - used, "%s%s", glue, row->choices[i]);
	}
}
