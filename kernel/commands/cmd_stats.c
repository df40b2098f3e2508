/* stats: every counter and gauge there is. */
#include <stdio.h>
#include <string.h>

#include "kernel/console/console.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/json.h"
#include "kernel/shell/nearest.h"
#include "kernel/shell/sorted.h"
#include "kernel/shell/wrap.h"

static bool wanted(const struct stat_row *row, const char *prefix)
{
	return strncmp(row->name, prefix, strlen(prefix)) == 0;
}

#define VALUE_END   38u /* the column behind a value; names and values share what is ahead */
#define HELP_COLUMN 47u

static void print_row(const struct stat_row *row)
{
	int column = iprintf("%s ", row->name);

	column += iprintf("%*lu", (int)VALUE_END - column, stat_value(row));
	column += iprintf(" %-*s ", (int)(HELP_COLUMN - VALUE_END - 2), row->unit);
	wrap_print((unsigned)column, HELP_COLUMN, row->help);
}

static void print_table(const char *prefix)
{
	SORTED_FOR_EACH (stat, struct stat_row, row)
		if (wanted(row, prefix))
			print_row(row);
}

static void print_json(const char *prefix)
{
	struct json json = json_begin();
	SORTED_FOR_EACH (stat, struct stat_row, row)
		if (wanted(row, prefix))
			json_u64(&json, row->name, stat_value(row));
	json_end(&json);
}

static int cmd_stats(int argc, char **argv)
{
	bool as_json = false, found = false;
	const struct cmd_option options[] = {{.letter = 'j', .set = &as_json}, {0}};
	int count = cmd_args(argc, argv, options, "COUNTER", 0, 1);
	if (count == CMD_FAILED)
		return CMD_FAILED;

	const char *prefix = count == 1 ? argv[1] : "";
	TABLE_FOR_EACH (stat, struct stat_row, row)
		found |= wanted(row, prefix);
	if (!found) {
		struct nearest n;
		char hint[NEAREST_TEXT_BYTES];
		nearest_begin(&n, prefix);
		NEAREST_TABLE(&n, stat);
		iprintf("stats: no counter begins with '%.40s'%s\n", prefix,
			nearest_text(&n, ", `stats` lists them", hint, sizeof(hint)));
		return CMD_FAILED;
	}
	console_pages();
	if (as_json)
		print_json(prefix);
	else
		print_table(prefix);
	return 0;
}

CMD(stats, "stats", "[-j] [COUNTER]", "print counters, all or those whose names begin so", cmd_stats);
