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

/* What is waited for, and why it isn't there yet. */
struct work {
	const char *name;
	const char *cmd;
	bool done;
	bool paused; /* and nothing of it is under way any more */
	bool short_of_memory;
	uint64_t left_frames;
};

static struct work zero_work(void)
{
	struct zero_status s;
	bool done = zero_is_done(&mm_system);

	zero_status(&mm_system, &s);
	return (struct work){.name = "zeroing",
			     .cmd = "zero",
			     .done = done,
			     .paused = s.paused && s.batch_frames == 0,
			     .short_of_memory = s.short_of_memory,
			     .left_frames = s.left_frames + s.batch_frames};
}

static struct work report_work(void)
{
	struct report_status s;
	bool done = report_is_done(&mm_system);

	report_status(&mm_system, &s);
	return (struct work){.name = "reporting",
			     .cmd = "report",
			     .done = done,
			     .paused = s.paused && s.in_flight_frames == 0,
			     .short_of_memory = s.short_of_memory,
			     .left_frames = s.reportable_frames + s.in_flight_frames};
}

static void print_work(const struct work *work)
{
	iprintf("%s %s with %lu frames left", work->name,
		work->paused		? "is paused"
		: work->short_of_memory ? "waits for memory to be freed"
					: "goes on",
		work->left_frames);
	if (work->paused)
		iprintf(" (`%s resume`)", work->cmd);
}

/* One line: what isn't done. */
static void print_works(const struct work *zero, const struct work *report)
{
	if (!zero->done)
		print_work(zero);
	if (!zero->done && !report->done)
		iprintf(", ");
	if (!report->done)
		print_work(report);
	iprintf("\n");
}

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

	uint64_t start_ns = mm_port_now_ns();
	for (;;) {
		struct work zero = {.done = true}, report = {.done = true};
		if (what != 1)
			zero = zero_work();
		if (what != 0)
			report = report_work();
		if (zero.done && report.done)
			return 0;
		/* Nobody can resume anything while the console waits: what is paused stays so. */
		bool hopeless = (zero.done || zero.paused) && (report.done || report.paused);
		bool late = mm_port_now_ns() - start_ns >= timeout_ms * 1000000;
		if (hopeless)
			iprintf("wait: ");
		else if (late)
			iprintf("wait: not done after %lu ms: ", timeout_ms);
		if (hopeless || late) {
			print_works(&zero, &report);
			return CMD_FAILED;
		}
		if (console_interrupted(argv[0]))
			return CMD_FAILED;
		thread_sleep_ns(LOOK_EVERY_NS);
	}
}

CMD(wait, "wait", "zero|report|idle [TIMEOUT_MS]",
    "until nothing is left to do; fails after TIMEOUT_MS (default 60000), at once if it is paused", cmd_wait);
