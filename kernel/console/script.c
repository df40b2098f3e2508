/* Runs a script of console commands: see script.h. */
#include "kernel/console/script.h"

#include <stdio.h>

#include "kernel/base/power.h"
#include "kernel/console/console.h"
#include "kernel/machine/boot_text.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/line.h"
#include "kernel/shell/script_lines.h"

static bool running, failed; /* (T) */

bool script_end(void)
{
	bool was = running;

	running = false;
	return was;
}

bool script_running(void)
{
	return running;
}

static void run_lines(const char *script, size_t length)
{
	static char text[LINE_BYTES_MAX + 1]; /* (T) */
	struct script_line line;
	size_t at = 0;
	unsigned number = 0;

	running = true;
	while (running && script_next(script, length, &at, &number, &line)) {
		parse_printable(line.text, line.length, text, sizeof(text));
		iprintf(CONSOLE_PROMPT "%s\n", text);
		if (line.length > LINE_BYTES_MAX) {
			char *rest = text;
			iprintf("line %u has %lu bytes, at most %u are allowed\n", number, line.length, LINE_BYTES_MAX);
			failed |= !cmd_take_turns(&rest);
		} else if (cmd_run_line(text) != 0) {
			failed = true;
		}
	}
}

void script_run(void)
{
	const char *script;
	size_t bytes;

	if (!boot_text_script(&script, &bytes))
		return;
	if (script)
		run_lines(script, bytes);
	else
		failed = true;
	fflush(stdout);
	power_exit(failed ? POWER_FAILED : POWER_OK);
}
