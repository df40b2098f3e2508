/* Runs the host's script of console commands. */
#include "kernel/script.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/cmd.h"
#include "kernel/console.h"
#include "kernel/fw_cfg.h"
#include "kernel/line.h"
#include "kernel/power.h"

#define SCRIPT_FILE	 "opt/nought/script"
#define SCRIPT_BYTES_MAX MIB

static bool running, failed;

bool script_end(void)
{
	bool was = running;

	running = false;
	return was;
}

static void run_lines(const char *script, size_t length)
{
	static char text[LINE_BYTES_MAX + 1];
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
	int64_t size = fw_cfg_size(SCRIPT_FILE);
	if (size < 0)
		return;
	char *script = size <= (int64_t)SCRIPT_BYTES_MAX ? malloc((size_t)size + 1) : NULL;
	if (!script || fw_cfg_read(SCRIPT_FILE, script, (size_t)size) != size) {
		iprintf("script: can't read its %ld bytes, at most %llu are allowed\n", size, SCRIPT_BYTES_MAX);
		failed = true;
	} else {
		run_lines(script, (size_t)size);
	}
	fflush(stdout);
	power_exit(failed ? POWER_FAILED : POWER_OK);
}
