/* The tables as a page of Markdown; see help_page.h. */
#include "kernel/commands/help_page.h"

#include <stdio.h>

#include "kernel/commands/topic.h"
#include "kernel/shell/bench.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/knob.h"
#include "kernel/shell/sorted.h"

static void print_topics(void)
{
	iprintf("\n## Topics\n");
	SORTED_FOR_EACH (topic, struct topic_row, row) {
		iprintf("\n### %s: %s\n", row->name, row->help);
		for (const char *const *paragraph = row->text; *paragraph; paragraph++)
			iprintf("\n%s\n", *paragraph);
		if (*row->commands)
			iprintf("\nCommands: %s\n", row->commands);
	}
}

static void print_usages(void)
{
	iprintf("\n## Commands\n\n");
	SORTED_FOR_EACH (cmd, struct cmd_row, row)
		iprintf("- `%s%s%s`: %s\n", row->name, *row->usage ? " " : "", row->usage, row->help);
	iprintf("\n## Benchmarks\n\n");
	SORTED_FOR_EACH (bench, struct bench_row, row)
		iprintf("- `bench %s%s%s`: %s\n", row->name, *row->usage ? " " : "", row->usage, row->help);
}

static void print_knobs(void)
{
	iprintf("\n## Knobs\n\n| knob | as it starts | unit | allowed | is |\n|---|---|---|---|---|\n");
	SORTED_FOR_EACH (knob, struct knob_row, row) {
		char value[40], allowed[KNOB_ERROR_BYTES];
		knob_value_text(row, value, sizeof(value));
		knob_allowed_text(row, allowed, sizeof(allowed));
		iprintf("| `%s` | %s | %s | %s%s | %s |\n", row->name, value, row->unit ? row->unit : "", allowed,
			row->boot ? ", at boot only" : "", row->help);
	}
	iprintf("\n## Presets\n\n");
	SORTED_FOR_EACH (preset, struct preset_row, row) {
		iprintf("- `preset %s`: %s:", row->name, row->help);
		for (const char *const *setting = row->settings; *setting; setting++)
			iprintf(" `%s`", *setting);
		iprintf("\n");
	}
}

static void print_counters(void)
{
	iprintf("\n## Counters\n\n| counter | unit | is |\n|---|---|---|\n");
	SORTED_FOR_EACH (stat, struct stat_row, row)
		iprintf("| `%s` | %s | %s |\n", row->name, row->unit, row->help);
}

void help_page_print(void)
{
	iprintf("# The console\n\n"
		"Made from the kernel's own tables by `make console-doc`, not by hand.\n");
	print_topics();
	print_usages();
	print_knobs();
	print_counters();
}
