/* watch: a command again and again. */
#include <stdio.h>
#include <string.h>

#include "arch/x86_64/clock.h"
#include "kernel/console/console.h"
#include "kernel/console/input.h"
#include "kernel/console/script.h"
#include "kernel/sched/wait.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/line.h"

#define SECONDS_MAX   86400u
#define SECOND_NS     1000000000ull
#define LOOK_EVERY_NS 50000000ull

enum wait_end { WAIT_DUE, WAIT_KEY, WAIT_INTERRUPTED };

/* The words as one line again; cmd_run_line cuts it, so it is made anew each time. Words of one line fit into one. */
static void join(char line[LINE_BYTES_MAX + 1], int count, char **words)
{
	line[0] = '\0';
	for (int i = 0; i < count; i++) {
		strcat(line, i ? " " : "");
		strcat(line, words[i]);
	}
}

/* Waits until it is time for the next run. Without keys only ^C is looked for. */
static enum wait_end wait_until(uint64_t due_ns, bool keys)
{
	for (;;) {
		uint64_t now_ns = clock_ns(), look_ns = now_ns + LOOK_EVERY_NS;
		if (console_interrupted("watch"))
			return WAIT_INTERRUPTED;
		if (keys && input_peek_until(now_ns) >= 0)
			return WAIT_KEY;
		if (now_ns >= due_ns)
			return WAIT_DUE;
		if (keys)
			input_peek_until(due_ns);
		else
			thread_sleep_ns((look_ns < due_ns ? look_ns : due_ns) - now_ns);
	}
}

/* times 0: for ever. */
static int watch(uint64_t seconds, uint64_t times, int count, char **words)
{
	char line[LINE_BYTES_MAX + 1];
	bool in_script = script_running(), on_terminal = false;
	enum wait_end end = WAIT_DUE;
	int result = 0;

	for (uint64_t run = 0; end == WAIT_DUE && (times == 0 || run < times); run++) {
		uint64_t due_ns = clock_ns() + seconds * SECOND_NS;
		unsigned interruptions = console_interruptions();
		join(line, count, words);
		on_terminal = console_screen_begin(run == 0);
		if (on_terminal)
			iprintf("Every %lu s: %s\n\n", seconds, line);
		if (cmd_run_line(line) != 0)
			result = CMD_FAILED;
		console_screen_end();
		if (in_script && !script_running())
			return result; /* the command was poweroff */
		if (console_interruptions() != interruptions)
			end = WAIT_INTERRUPTED; /* the command, and who wanted that has had enough of all */
		else if (run + 1 != times)
			end = wait_until(due_ns, on_terminal || times == 0);
	}
	/* A key that does no more than end the watch is taken; any other one belongs to the next command. */
	if (end == WAIT_KEY && strchr(" \r\nqQ", input_peek_until(0)))
		input_getc();
	return end == WAIT_INTERRUPTED ? CMD_FAILED : result;
}

/* Takes its option itself: cmd_args would take those of CMD too. */
static int cmd_watch(int argc, char **argv)
{
	static bool watching; /* (T) */
	const char *times_text = NULL;
	uint64_t seconds, times = 0;
	int at = 1;

	if (at < argc && strncmp(argv[at], "-n", 2) == 0) {
		times_text = argv[at][2] != '\0' || at + 1 == argc ? argv[at] + 2 : argv[++at];
		at++;
	}
	if (argc - at < 2) {
		iprintf("watch: takes SECONDS and CMD, perhaps behind -n TIMES\n");
		return CMD_FAILED;
	}
	if ((times_text && cmd_number(argv[0], "TIMES", times_text, parse_numbers(1, UINT64_MAX), &times) != 0) ||
	    cmd_number(argv[0], "SECONDS", argv[at], parse_numbers(1, SECONDS_MAX), &seconds) != 0)
		return CMD_FAILED;
	if (watching) {
		iprintf("watch: it can't watch itself\n");
		return CMD_FAILED;
	}
	if (times == 0 && script_running()) {
		iprintf("watch: a script has no keys to end it, so it needs -n TIMES\n");
		return CMD_FAILED;
	}
	watching = true;
	int result = watch(seconds, times, argc - at - 1, argv + at + 1);
	watching = false;
	return result;
}

CMD(watch, "watch", "[-n TIMES] SECONDS CMD...",
    "run a command every so many seconds, TIMES times or until a key is pressed", cmd_watch);
