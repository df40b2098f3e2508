/* log, panic, poweroff and reboot. */
#include <stdio.h>
#include <string.h>

#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/power.h"
#include "kernel/console/console.h"
#include "kernel/console/script.h"
#include "kernel/shell/cmd.h"

static int cmd_log(int argc, char **argv)
{
	char line[256];
	uint64_t cursor = 0;

	if (cmd_args(argc, argv, NULL, NULL, 0, 0) == CMD_FAILED)
		return CMD_FAILED;
	console_pages();
	while (log_next(&cursor, line, sizeof(line)) >= 0)
		iprintf("%s\n", line);
	return 0;
}

CMD(log, "log", "", "print the kernel's log again", cmd_log);

/* Every word is text here, options too. */
static int cmd_panic(int argc, char **argv)
{
	char text[160] = "";
	size_t used = 0;
	for (int i = 1; i < argc && used < sizeof(text); i++)
		used += (size_t)sniprintf(text + used, sizeof(text) - used, "%s%s", i == 1 ? "" : " ", argv[i]);
	panic("%s", argc > 1 ? text : "asked for on the console");
}

CMD(panic, "panic", "[TEXT]", "stop the kernel as a bug would", cmd_panic);

static int cmd_poweroff(int argc, char **argv)
{
	if (cmd_args(argc, argv, NULL, NULL, 0, 0) == CMD_FAILED)
		return CMD_FAILED;
	if (script_end())
		return 0;
	fflush(stdout);
	power_exit(POWER_OK);
}

CMD(poweroff, "poweroff", "", "switch the machine off; in a script with the status so far", cmd_poweroff);

static int cmd_reboot(int argc, char **argv)
{
	if (cmd_args(argc, argv, NULL, NULL, 0, 0) == CMD_FAILED)
		return CMD_FAILED;
	fflush(stdout);
	power_reboot();
}

CMD(reboot, "reboot", "", "reset the machine", cmd_reboot);
