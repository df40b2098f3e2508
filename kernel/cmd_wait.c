/* wait: until there is nothing left to zero or to report. */
#include <stdio.h>

#include "kernel/cmd.h"
#include "kernel/console.h"
#include "kernel/thread.h"
#include "mm/mm.h"
#include "mm/report.h"
#include "mm/zero.h"
#include "port/mm_port.h"

#define TIMEOUT_MS_DEFAULT 60000u
#define TIMEOUT_MS_MAX	   86400000u
#define LOOK_EVERY_NS	   2000000u /* each look is a wake-up that zeroing makes way for */

static int cmd_wait(int argc, char **argv)
{
	static const char *const whats[] = {"zero", "report", "idle", NULL};
	uint64_t timeout_ms = TIMEOUT_MS_DEFAULT;
	int count = cmd_args(argc, argv, NULL, "zero, report or idle, and TIMEOUT_MS", 1, 2);
	if (count == CMD_FAILED)
		return CMD_FAILED;
	int what = cmd_choice(argv[0], argv[1], whats);
	if (what == CMD_FAILED)
		return CMD_FAILED;
	if (count == 2 && cmd_number(argv[0], "TIMEOUT_MS", argv[2], PARSE_NUMBER, 0, TIMEOUT_MS_MAX, &timeout_ms) != 0)
		return CMD_FAILED;

	uint64_t deadline_ns = mm_port_now_ns() + timeout_ms * 1000000;
	for (;;) {
		bool zeroed = what == 1 || zero_is_done(&mm_system);
		bool reported = what == 0 || report_is_done(&mm_system);
		if (zeroed && reported)
			return 0;
		if (mm_port_now_ns() >= deadline_ns) {
			iprintf("wait: not done after %lu ms: %s\n", timeout_ms,
				reported ? "zeroing goes on"
				: zeroed ? "reporting goes on"
					 : "zeroing and reporting go on");
			return CMD_FAILED;
		}
		if (console_interrupted(argv[0]))
			return CMD_FAILED;
		thread_sleep_ns(LOOK_EVERY_NS);
	}
}

CMD(wait, "wait", "zero|report|idle [TIMEOUT_MS]",
    "until nothing is left to do; fails after TIMEOUT_MS (default 60000)", cmd_wait);
