/* Settings by name: look up, check, change. */
#include "kernel/shell/knob.h"

#include <stdio.h>
#include <string.h>

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
	char shown[40];
	parse_printable(text, strlen(text), shown, sizeof(shown));
	knob_allowed_text(row, why, sizeof(why));
	sniprintf(err, err_size, "%s: '%s' is not a choice, allowed are %s", row->name, shown, why);
	return -1;
}

/* The row called name, if there is one and it takes the text; else NULL. */
static const struct knob_row *find_and_check(const char *name, const char *text, enum knob_when when, uint64_t *value,
					     char *err, size_t err_size)
{
	const struct knob_row *row = TABLE_FIND(knob, name);

	if (!row) {
		char shown[40];
		parse_printable(name, strlen(name), shown, sizeof(shown));
		sniprintf(err, err_size, "there is no knob '%s', `knob` lists them", shown);
		return NULL;
	}
	return knob_check(row, text, when, value, err, err_size) == 0 ? row : NULL;
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

/* Where the = of a word is; NULL: it has none, err says so. */
static char *find_equals(char *word, char *err, size_t err_size)
{
	char *equals = strchr(word, '=');

	if (!equals) {
		char shown[40];
		parse_printable(word, strlen(word), shown, sizeof(shown));
		sniprintf(err, err_size, "'%s' is not of the form name=value", shown);
	}
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

void knob_assign_words(char *words, knob_say_fn *say)
{
	char err[KNOB_ERROR_BYTES];

	for (char *word = parse_word(&words); word; word = parse_word(&words))
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
