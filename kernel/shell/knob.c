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
		if (parse_u64(text, kind_of(row), row->min, row->max, &value, why, sizeof(why)) != 0) {
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

static int set_or_check(const char *name, const char *text, enum knob_when when, bool check_only, char *err,
			size_t err_size)
{
	const struct knob_row *row = TABLE_FIND(knob, name);
	uint64_t value;

	if (!row) {
		char shown[40];
		parse_printable(name, strlen(name), shown, sizeof(shown));
		sniprintf(err, err_size, "there is no knob '%s', `knob` lists them", shown);
		return -1;
	}
	if (knob_check(row, text, when, &value, err, err_size) != 0)
		return -1;
	if (check_only)
		return 0;
	*row->value = value;
	if (row->changed)
		row->changed();
	return 0;
}

int knob_set(const char *name, const char *text, char *err, size_t err_size)
{
	return set_or_check(name, text, KNOB_RUNNING, false, err, err_size);
}

int knob_assign(char *word, enum knob_when when, bool check_only, char *err, size_t err_size)
{
	char *equals = strchr(word, '=');
	if (!equals) {
		char shown[40];
		parse_printable(word, strlen(word), shown, sizeof(shown));
		sniprintf(err, err_size, "'%s' is not of the form name=value", shown);
		return -1;
	}
	*equals = '\0';
	int result = set_or_check(word, equals + 1, when, check_only, err, err_size);
	*equals = '=';
	return result;
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
