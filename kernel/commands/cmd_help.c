/* help and version. */
#include <stdio.h>
#include <string.h>

#include "kernel/base/version.h"
#include "kernel/commands/help_page.h"
#include "kernel/commands/knob_print.h"
#include "kernel/commands/topic.h"
#include "kernel/console/console.h"
#include "kernel/shell/bench.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/complete.h"
#include "kernel/shell/knob.h"
#include "kernel/shell/names.h"
#include "kernel/shell/sorted.h"
#include "kernel/shell/wrap.h"

#ifdef __clang__
#define COMPILER __VERSION__ /* it begins with the name there */
#else
#define COMPILER "gcc " __VERSION__
#endif

#define NAME_COLUMNS 12u

/* A name and its text, which keeps to the columns behind the name. */
static void print_item(const char *name, const char *text)
{
	unsigned column = (unsigned)iprintf("%-*s ", (int)NAME_COLUMNS - 1, name);
	wrap_print(column, NAME_COLUMNS, text);
}

static void print_all(void)
{
	SORTED_FOR_EACH (cmd, struct cmd_row, row)
		print_item(row->name, row->help);
	iprintf("\n`help WORD` tells of a command, knob, counter, preset, bench or topic:\n\n");
	SORTED_FOR_EACH (topic, struct topic_row, row)
		print_item(row->name, row->help);
}

static void print_usage(const char *name, const char *usage, const char *help)
{
	unsigned column = (unsigned)iprintf("%s ", name);
	wrap_print(column, column, usage);
	iprintf("  ");
	wrap_print(2, 2, help);
}

/* Names of a table's rows that belong to the topic, as one paragraph. */
static void print_names(const char *title, const void *const *start, const void *const *stop,
			const struct topic_row *topic)
{
	unsigned column = 0;

	for (const char *const *row = sorted_next(start, stop, NULL); row; row = sorted_next(start, stop, *row)) {
		unsigned length = (unsigned)strlen(*row);
		if (!topic_has_name(topic, *row))
			continue;
		if (column == 0) {
			column = (unsigned)iprintf("%-*s%s", (int)NAME_COLUMNS, title, *row);
		} else if (column + 1 + length > WRAP_COLUMNS) {
			iprintf("\n%*s%s", (int)NAME_COLUMNS, "", *row);
			column = NAME_COLUMNS + length;
		} else {
			column += (unsigned)iprintf(" %s", *row);
		}
	}
	if (column)
		iprintf("\n");
}

static void print_topic(const struct topic_row *topic)
{
	for (const char *const *paragraph = topic->text; *paragraph; paragraph++) {
		wrap_print(0, 0, *paragraph);
		iprintf("\n");
	}
	SORTED_FOR_EACH (cmd, struct cmd_row, row)
		if (topic_has_command(topic, row->name))
			print_item(row->name, row->help);
	print_names("knobs:", __start_table_knob, __stop_table_knob, topic);
	print_names("counters:", __start_table_stat, __stop_table_stat, topic);
}

/* Whether word is anything; it may be several things, and each of them is told of. */
static bool print_word(const char *word)
{
	const struct cmd_row *cmd = TABLE_FIND(cmd, word);
	const struct topic_row *topic = TABLE_FIND(topic, word);
	const struct knob_row *knob = TABLE_FIND(knob, word);
	const struct stat_row *stat = TABLE_FIND(stat, word);
	const struct preset_row *preset = TABLE_FIND(preset, word);
	const struct bench_row *bench = TABLE_FIND(bench, word);

	if (cmd)
		print_usage(cmd->name, cmd->usage, cmd->help);
	if (topic)
		print_topic(topic);
	if (knob)
		knob_print(knob);
	if (stat)
		print_usage(stat->name, stat->unit, stat->help);
	if (preset)
		preset_print(preset);
	if (bench)
		print_usage(bench->name, bench->usage, bench->help);
	return cmd || topic || knob || stat || preset || bench;
}

static int cmd_help(int argc, char **argv)
{
	bool markdown = false;
	const struct cmd_option options[] = {{.letter = 'm', .set = &markdown}, {0}};
	int count = cmd_args(argc, argv, options, "WORD", 0, 1);
	if (count == CMD_FAILED)
		return CMD_FAILED;
	if (markdown && count > 0) {
		iprintf("help: -m prints everything there is, not '%.40s' alone\n", argv[1]);
		return CMD_FAILED;
	}
	console_pages();
	if (markdown)
		help_page_print();
	else if (count == 0)
		print_all();
	else if (!print_word(argv[1])) {
		struct nearest n;
		char hint[NEAREST_TEXT_BYTES];
		nearest_begin(&n, argv[1]);
		names_offer(&n);
		iprintf("help: there is nothing called '%.40s'%s\n", argv[1],
			nearest_text(&n, ", `help` lists commands and topics", hint, sizeof(hint)));
		return CMD_FAILED;
	}
	return 0;
}

CMD(help, "help", "[-m] [WORD]", "list commands and topics, or tell of one; -m prints docs/CONSOLE.md", cmd_help);

static void word_words(const struct completion *c)
{
	COMPLETE_TABLE(c, cmd);
	COMPLETE_TABLE(c, topic);
	COMPLETE_TABLE(c, knob);
	COMPLETE_TABLE(c, stat);
	COMPLETE_TABLE(c, preset);
	COMPLETE_TABLE(c, bench);
}

COMPLETE(word, "WORD", .words = word_words);

static int cmd_version(int argc, char **argv)
{
	if (cmd_args(argc, argv, NULL, NULL, 0, 0) == CMD_FAILED)
		return CMD_FAILED;
	iprintf("Nought %s%s, built with %s\n", NOUGHT_VERSION, DEBUG ? " DEBUG=1" : "", COMPILER);
	return 0;
}

CMD(version, "version", "", "print the version", cmd_version);
