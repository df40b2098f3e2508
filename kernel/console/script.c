/* Runs a script of console commands: see script.h. */
#include "kernel/console/script.h"

#include <stdio.h>

#include "kernel/base/power.h"
#include "kernel/console/console.h"
#include "kernel/machine/boot_text.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/line.h"
#include "kernel/shell/script_lines.h"

#define NAMED_MAX 8u

static bool running;		      /* (T) */
static unsigned failed_count;	      /* (T) commands */
static unsigned failed_on[NAMED_MAX]; /* (T) the lines of the first ones */

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

static void fail(unsigned number)
{
	if (failed_count < NAMED_MAX)
		failed_on[failed_count] = number;
	failed_count++;
}

/* Which lines failed: the messages are behind each, perhaps many screens above. */
static void say_failed(void)
{
	if (failed_count == 0)
		return;
	iprintf("script: line%s", failed_count == 1 ? "" : "s");
	for (unsigned i = 0; i < failed_count && i < NAMED_MAX; i++)
		iprintf("%s %u", i == 0 ? "" : ",", failed_on[i]);
	if (failed_count > NAMED_MAX)
		iprintf(" and %u more", failed_count - NAMED_MAX);
	iprintf(" failed\n");
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
			if (!cmd_take_turns(&rest))
				fail(number);
		} else if (cmd_run_line(text) != 0) {
			fail(number);
		}
	}
	say_failed();
}

void script_run(void)
{
	const char *script;
	size_t bytes;

	if (!boot_text_script(&script, &bytes))
		return;
	if (script)
		run_lines(script, bytes);
	fflush(stdout);
	power_exit(!script || failed_count > 0 ? POWER_FAILED : POWER_OK);
}
