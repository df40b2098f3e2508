/* wait: until there is nothing left to zero or to report. */
#include <stdio.h>

#include "kernel/console/console.h"
#include "kernel/sched/wait.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/sorted.h"
#include "kernel/shell/work.h"
#include "port/mm_port.h"

#define TIMEOUT_MS_DEFAULT 60000u
#define TIMEOUT_MS_MAX	   86400000u
#define LOOK_EVERY_NS	   2000000u /* each look is a wake-up that zeroing makes way for */

static bool is_stopped(const struct work *work)
{
	return work->paused && work->under_way_frames == 0;
}

/* The row that this work must go through first, and that is stopped; NULL: none. */
static const struct work_row *blocked_by(const struct work *work)
{
	const struct work_row *row = work->after ? TABLE_FIND(work, work->after) : NULL;
	struct work other;

	if (!row)
		return NULL;
	row->look(&other);
	return is_stopped(&other) ? row : NULL;
}

static void print_work(const struct work_row *row, const struct work *work)
{
	const struct work_row *blocker = is_stopped(work) ? NULL : blocked_by(work);

	if (blocker) {
		iprintf("%s waits for %s, which is paused, with %lu frames left (`%s resume`)", row->what,
			blocker->what, work->left_frames, blocker->name);
		return;
	}
	iprintf("%s %s with %lu frames left", row->what,
		is_stopped(work)	? "is paused"
		: work->short_of_memory ? "waits for memory to be freed"
					: "goes on",
		work->left_frames);
	if (is_stopped(work))
		iprintf(" (`%s resume`)", row->name);
}

/* Whether what is found is said, in one line. */
enum saying { SAY_NOTHING, SAY_IT };

/* Counts the rows whose work isn't done, and those among them that get on with it; looks at one row, or all (NULL). */
static void look(const struct work_row *only, enum saying saying, unsigned *left, unsigned *moving)
{
	const bool print = saying == SAY_IT;

	*left = *moving = 0;
	SORTED_FOR_EACH (work, struct work_row, row) {
		struct work work;
		if (only && row != only)
			continue;
		row->look(&work);
		if (work.done)
			continue;
		if (print && *left)
			iprintf(", ");
		if (print)
			print_work(row, &work);
		++*left;
		*moving += !is_stopped(&work) && !blocked_by(&work);
	}
	if (print)
		iprintf("\n");
}

#define WHATS_MAX 8u

/* The row that argv[1] names; NULL for "idle", which means all. Returns 0, or CMD_FAILED, said why. */
static int choose(char **argv, const struct work_row **only)
{
	const char *whats[WHATS_MAX + 2] = {NULL};
	unsigned n = 0;

	SORTED_FOR_EACH (work, struct work_row, row)
		if (n < WHATS_MAX)
			whats[n++] = row->name;
	whats[n] = "idle";
	if (cmd_choice(argv[0], argv[1], whats) == CMD_FAILED)
		return CMD_FAILED;
	*only = TABLE_FIND(work, argv[1]);
	return 0;
}

static int cmd_wait(int argc, char **argv)
{
	uint64_t timeout_ms = TIMEOUT_MS_DEFAULT;
	const struct work_row *only;
	int count = cmd_args(argc, argv, NULL, "zero, report or idle, and TIMEOUT_MS", 1, 2);
	if (count == CMD_FAILED || choose(argv, &only) == CMD_FAILED)
		return CMD_FAILED;
	if (count == 2 &&
	    cmd_number(argv[0], "TIMEOUT_MS", argv[2], parse_numbers(0, TIMEOUT_MS_MAX), &timeout_ms) != 0)
		return CMD_FAILED;

	uint64_t start_ns = mm_port_now_ns();
	for (;;) {
		unsigned left, moving;
		look(only, SAY_NOTHING, &left, &moving);
		if (left == 0)
			return 0;
		/* Nobody can resume anything while the console waits: what is paused stays so. */
		bool late = mm_port_now_ns() - start_ns >= timeout_ms * 1000000;
		if (moving == 0)
			iprintf("wait: ");
		else if (late)
			iprintf("wait: not done after %lu ms: ", timeout_ms);
		if (moving == 0 || late) {
			look(only, SAY_IT, &left, &moving);
			return CMD_FAILED;
		}
		if (console_interrupted(argv[0]))
			return CMD_FAILED;
		thread_sleep_ns(LOOK_EVERY_NS);
	}
}

CMD(wait, "wait", "zero|report|idle [TIMEOUT_MS]",
    "until nothing is left to do; fails after TIMEOUT_MS (default 60000), at once if it is paused", cmd_wait);
