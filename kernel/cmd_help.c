/* help and version. */
#include <stdio.h>

#include "kernel/cmd.h"
#include "kernel/sorted.h"
#include "kernel/version.h"

#ifdef __clang__
#define COMPILER __VERSION__ /* it begins with the name there */
#else
#define COMPILER "gcc " __VERSION__
#endif

static int cmd_help(int argc, char **argv)
{
	int count = cmd_args(argc, argv, NULL, "CMD", 0, 1);
	if (count == CMD_FAILED)
		return CMD_FAILED;
	if (count == 1) {
		const struct cmd_row *row = TABLE_FIND(cmd, argv[1]);
		if (!row) {
			iprintf("help: there is no command '%.40s', `help` lists them\n", argv[1]);
			return CMD_FAILED;
		}
		iprintf("%s %s\n  %s\n", row->name, row->usage, row->help);
		return 0;
	}
	SORTED_FOR_EACH (cmd, struct cmd_row, row)
		iprintf("%-9s %s\n", row->name, row->help);
	iprintf("`help CMD` shows a command's arguments. ! CMD succeeds only if CMD fails.\n"
		"# begins a comment. Numbers are decimal or 0x, sizes take K, M, G.\n");
	return 0;
}

CMD(help, "help", "[CMD]", "list the commands, or show one with its arguments", cmd_help);

static int cmd_version(int argc, char **argv)
{
	if (cmd_args(argc, argv, NULL, NULL, 0, 0) == CMD_FAILED)
		return CMD_FAILED;
	iprintf("Nought %s%s, built with %s\n", NOUGHT_VERSION, DEBUG ? " DEBUG=1" : "", COMPILER);
	return 0;
}

CMD(version, "version", "", "print the version", cmd_version);
