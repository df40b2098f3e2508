/* test: the unit tests, in the guest. What they provoke in the log stays off the console: `log` shows it. */
#include <stdio.h>
#include <string.h>

#include "kernel/base/log.h"
#include "kernel/console/console.h"
#include "kernel/sched/thread.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/complete.h"
#include "kernel/shell/nearest.h"
#include "tests/guest/guest.h"

static bool matches(const struct test_row *row, const char *pattern)
{
	char name[160];
	sniprintf(name, sizeof(name), "%s.%s", row->suite, row->name);
	return strstr(name, pattern);
}

static void say_none(const char *pattern)
{
	char name[160], hint[NEAREST_TEXT_BYTES];
	struct nearest n;

	nearest_begin(&n, pattern);
	TABLE_FOR_EACH (test, struct test_row, row) {
		sniprintf(name, sizeof(name), "%s.%s", row->suite, row->name);
		nearest_offer(&n, name);
	}
	iprintf("test: no test has '%.40s' in its name%s\n", pattern, nearest_text(&n, "", hint, sizeof(hint)));
}

static int cmd_test(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	bool verbose = false, interrupted = false;
	const struct cmd_option options[] = {{.letter = 'v', .set = &verbose}, {0}};
	int count = cmd_args(argc, argv, options, "TEST", 0, 1);
	if (count == CMD_FAILED)
		return CMD_FAILED;

	const char *pattern = count == 1 ? argv[1] : "";
	log_quiet();
	TABLE_FOR_EACH (test, struct test_row, row) {
		if (!matches(row, pattern))
			continue;
		if (verbose)
			iprintf("%s.%s\n", row->suite, row->name);
		enum guest_result result = guest_run_test(row);
		if (result == GUEST_PASSED)
			passed++;
		else if (result == GUEST_FAILED)
			failed++;
		thread_yield();
		interrupted = console_interrupted(argv[0]);
		if (interrupted)
			break;
	}
	log_loud();
	if (interrupted)
		return CMD_FAILED;
	if (passed + failed == 0) {
		say_none(pattern);
		return CMD_FAILED;
	}
	iprintf("%u passed, %u failed\n", passed, failed);
	return failed == 0 ? 0 : CMD_FAILED;
}

CMD(test, "test", "[-v] [TEST]", "run unit tests whose suite.name contains TEST; -v shows each", cmd_test);

static void test_words(const struct completion *c)
{
	char name[160];

	TABLE_FOR_EACH (test, struct test_row, row) {
		sniprintf(name, sizeof(name), "%s.%s", row->suite, row->name);
		c->offer(c->to, name);
	}
}

COMPLETE(test, "TEST", .words = test_words);
