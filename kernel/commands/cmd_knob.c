/* knob and preset: look at settings and change them. */
#include <stdio.h>
#include <string.h>

#include "kernel/commands/knob_print.h"
#include "kernel/console/console.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/knob.h"
#include "kernel/shell/line.h"
#include "kernel/shell/nearest.h"
#include "kernel/shell/sorted.h"
#include "kernel/shell/wrap.h"

#define VALUE_END   31u /* the column behind a value; names and values share what is ahead */
#define HELP_COLUMN 42u

void knob_print(const struct knob_row *row)
{
	char value[40], text[2 * KNOB_ERROR_BYTES];
	size_t used = (size_t)sniprintf(text, sizeof(text), "%s (", row->help);

	knob_value_text(row, value, sizeof(value));
	knob_allowed_text(row, text + used, sizeof(text) - used - sizeof(", at boot only)"));
	strcat(text, row->boot ? ", at boot only)" : ")");
	int column = iprintf("%s ", row->name);
	column += iprintf("%*s", (int)VALUE_END - column, value);
	column += iprintf(" %-*s ", (int)(HELP_COLUMN - VALUE_END - 2), row->unit ? row->unit : "");
	wrap_print((unsigned)column, HELP_COLUMN, text);
}

/* Settings as on the kernel's command line, from words that belong to one line: all or none. */
static int assign(int count, char **words)
{
	char line[LINE_BYTES_MAX + 1], err[KNOB_ERROR_BYTES];

	for (int pass = 0; pass < 2; pass++) {
		char *rest = line, *word;
		line[0] = '\0';
		for (int i = 0; i < count; i++) {
			strcat(line, i ? " " : "");
			strcat(line, words[i]);
		}
		while ((word = knob_next_word(&rest))) {
			if ((pass == 0 ? knob_try : knob_assign)(word, KNOB_RUNNING, err, sizeof(err)) != 0) {
				iprintf("knob: %s\n", err);
				return CMD_FAILED;
			}
		}
	}
	return 0;
}

/* KNOB=VALUE, perhaps with blanks around the =, which KNOB VALUE has none of where it would stand. */
static bool is_assignment(int count, char **words)
{
	return (count >= 1 && strchr(words[0], '=')) || (count >= 2 && words[1][0] == '=');
}

static int cmd_knob(int argc, char **argv)
{
	char err[KNOB_ERROR_BYTES];

	if (is_assignment(argc - 1, argv + 1))
		return assign(argc - 1, argv + 1);
	int count = cmd_args(argc, argv, NULL, "KNOB and VALUE", 0, 2);
	if (count == CMD_FAILED)
		return CMD_FAILED;
	if (count == 0) {
		console_pages();
		SORTED_FOR_EACH (knob, struct knob_row, row)
			knob_print(row);
		return 0;
	}
	const struct knob_row *row = knob_find(argv[1], err, sizeof(err));
	if (count == 1 && row) {
		knob_print(row);
		return 0;
	}
	if (count == 2 && knob_set(argv[1], argv[2], err, sizeof(err)) == 0)
		return 0;
	iprintf("knob: %s\n", err);
	return CMD_FAILED;
}

CMD(knob, "knob", "[KNOB [VALUE]]", "list the settings, show one, or change it; KNOB=VALUE, too, and several",
    cmd_knob);

/* Whether this build has the knob of a setting; one of a feature that was left out has not. */
static bool is_here(const char *setting)
{
	char name[80];

	sniprintf(name, sizeof(name), "%.*s", (int)strcspn(setting, "="), setting);
	return TABLE_FIND(knob, name);
}

/* Settings of a preset are checked all before the first is made: a preset takes effect as a whole or not at all. */
static int apply(const struct preset_row *preset)
{
	char word[80], err[KNOB_ERROR_BYTES];

	for (int pass = 0; pass < 2; pass++) {
		for (const char *const *setting = preset->settings; *setting; setting++) {
			if (!is_here(*setting))
				continue;
			sniprintf(word, sizeof(word), "%s", *setting);
			if ((pass == 0 ? knob_try : knob_assign)(word, KNOB_RUNNING, err, sizeof(err)) != 0) {
				iprintf("preset: %s: %s\n", preset->name, err);
				return CMD_FAILED;
			}
		}
	}
	return 0;
}

void preset_print(const struct preset_row *preset)
{
	unsigned column = (unsigned)iprintf("%-12s ", preset->name);

	wrap_print(column, column, preset->help);
	for (const char *const *setting = preset->settings; *setting; setting++)
		iprintf("%*s%s\n", (int)column + 2, "", *setting);
}

static int cmd_preset(int argc, char **argv)
{
	int count = cmd_args(argc, argv, NULL, "PRESET", 0, 1);
	if (count == CMD_FAILED)
		return CMD_FAILED;
	if (count == 0) {
		console_pages();
		SORTED_FOR_EACH (preset, struct preset_row, row)
			preset_print(row);
		return 0;
	}
	const struct preset_row *preset = TABLE_FIND(preset, argv[1]);
	if (!preset) {
		struct nearest n;
		char hint[NEAREST_TEXT_BYTES];
		nearest_begin(&n, argv[1]);
		NEAREST_TABLE(&n, preset);
		iprintf("preset: there is no preset '%.40s'%s\n", argv[1],
			nearest_text(&n, ", `preset` lists them", hint, sizeof(hint)));
		return CMD_FAILED;
	}
	return apply(preset);
}

CMD(preset, "preset", "[PRESET]", "set several knobs at once, or list what there is", cmd_preset);
