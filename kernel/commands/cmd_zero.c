/* zero and ledger: zeroing ahead, and whether it was worth it. */
#include <stdio.h>

#include "kernel/shell/cmd.h"
#include "kernel/shell/json.h"
#include "kernel/shell/work.h"
#include "mm/mm.h"
#include "mm/zero.h"

static void print_status(void)
{
	static const char *const policies[] = {"idle", "alloc", "free"};
	struct zero_status s;

	zero_status(&mm_system, &s);
	iprintf("policy      %s%s%s%s%s\n", policies[s.policy], s.paused ? ", paused" : "",
		s.running ? ", filling up" : "", s.now ? ", all of it now" : "",
		s.short_of_memory ? ", held up since memory is short" : "");
	if (s.rate_mbps != 0)
		iprintf("limit       %10lu MB/s\n", s.rate_mbps);
	cmd_print_frames("stock", s.stock_frames);
	cmd_print_frames("low", s.low_frames);
	cmd_print_frames("high", s.high_frames);
	cmd_print_frames("batch", s.batch_frames);
	cmd_print_frames("left", s.left_frames);
	iprintf("frames zeroed between a wake-up being due and the switch: how often\n");
	bool any = false;
	for (unsigned i = 0; i < ZERO_YIELD_BUCKETS; i++) {
		if (s.yields[i] == 0)
			continue;
		any = true;
		if (i == ZERO_YIELD_BUCKETS - 1)
			iprintf("  >%-3u %10lu\n", i - 1, s.yields[i]);
		else
			iprintf("  %-4u %10lu\n", i, s.yields[i]);
	}
	if (!any)
		iprintf("  never yet\n");
}

static void work_look(struct work *out)
{
	struct zero_status s;
	bool done = zero_is_done(&mm_system);

	zero_status(&mm_system, &s);
	*out = (struct work){.done = done,
			     .paused = s.paused,
			     .short_of_memory = s.short_of_memory,
			     .left_frames = s.left_frames + s.batch_frames,
			     .under_way_frames = s.batch_frames};
}

static void work_now(void)
{
	zero_now(&mm_system);
}

static void work_pause(void)
{
	zero_pause(&mm_system);
}

static void work_resume(void)
{
	zero_resume(&mm_system);
}

WORK(zero, .name = "zero", .what = "zeroing", .look = work_look, .now = work_now, .pause = work_pause,
     .resume = work_resume);

static int cmd_zero(int argc, char **argv)
{
	static const char *const verbs[] = {"status", "now", "pause", "resume", NULL};
	int count = cmd_args(argc, argv, NULL, "status, now, pause or resume", 0, 1);
	if (count == CMD_FAILED)
		return CMD_FAILED;
	switch (count == 0 ? 0 : cmd_choice(argv[0], argv[1], verbs)) {
	case 0:
		print_status();
		return 0;
	case 1:
		work_now();
		return 0;
	case 2:
		work_pause();
		return 0;
	case 3:
		work_resume();
		return 0;
	default:
		return CMD_FAILED;
	}
}

CMD(zero, "zero", "[status|now|pause|resume]", "zeroing while idle: its state; all, marks or not; stop; go on",
    cmd_zero);

static uint64_t tenths_of_ms(uint64_t ns)
{
	return (ns + 50000) / 100000;
}

static void print_cost(const char *what, uint64_t frames, uint64_t ns)
{
	uint64_t ms10 = tenths_of_ms(ns);
	iprintf("%-28s %12lu %9lu.%lu", what, frames, ms10 / 10, ms10 % 10);
	if (frames)
		iprintf(" %9lu", ns / frames);
	iprintf("\n");
}

static void print_ledger(const struct zero_ledger *l)
{
	iprintf("%-28s %12s %11s %9s\n", "", "frames", "ms", "ns/frame");
	print_cost("zeroed by the idle loop", l->idle_frames, l->idle_ns);
	print_cost("zeroed at allocation", l->alloc_frames, l->alloc_ns);
	print_cost("zeroed when freed", l->free_frames, l->free_ns);
	iprintf("%-28s %12lu\n", "wanted zero, from stock", l->hit_frames);
	iprintf("%-28s %12lu\n", "wanted zero, not from stock", l->miss_frames);
	iprintf("%-28s %12lu\n", "zeroed in vain", l->wasted_frames);
	uint64_t saved = tenths_of_ms(l->saved_ns), spent = tenths_of_ms(l->spent_ns);
	iprintf("%-28s %12s %9lu.%lu\n", "time saved for callers", "", saved / 10, saved % 10);
	iprintf("%-28s %12s %9lu.%lu\n", "time spent ahead", "", spent / 10, spent % 10);
	if (l->idle_frames == 0 && l->free_frames == 0) {
		iprintf("verdict: nothing was zeroed ahead\n");
	} else {
		bool won = l->saved_ns >= l->spent_ns;
		uint64_t net = tenths_of_ms(won ? l->saved_ns - l->spent_ns : l->spent_ns - l->saved_ns);
		iprintf("verdict: zeroing ahead %s %lu.%lu ms net\n", won ? "saved" : "cost", net / 10, net % 10);
	}
}

static void print_ledger_json(const struct zero_ledger *l)
{
	struct json json = json_begin();
	json_u64(&json, "idle_frames", l->idle_frames);
	json_u64(&json, "idle_ns", l->idle_ns);
	json_u64(&json, "alloc_frames", l->alloc_frames);
	json_u64(&json, "alloc_ns", l->alloc_ns);
	json_u64(&json, "free_frames", l->free_frames);
	json_u64(&json, "free_ns", l->free_ns);
	json_u64(&json, "hit_frames", l->hit_frames);
	json_u64(&json, "miss_frames", l->miss_frames);
	json_u64(&json, "wasted_frames", l->wasted_frames);
	json_u64(&json, "saved_ns", l->saved_ns);
	json_u64(&json, "spent_ns", l->spent_ns);
	json_i64(&json, "net_ns", (int64_t)(l->saved_ns - l->spent_ns));
	json_end(&json);
}

static int cmd_ledger(int argc, char **argv)
{
	bool as_json = false;
	const struct cmd_option options[] = {{.letter = 'j', .set = &as_json}, {0}};
	struct zero_ledger ledger;

	if (cmd_args(argc, argv, options, NULL, 0, 0) == CMD_FAILED)
		return CMD_FAILED;
	zero_ledger(&mm_system, &ledger);
	if (as_json)
		print_ledger_json(&ledger);
	else
		print_ledger(&ledger);
	return 0;
}

CMD(ledger, "ledger", "[-j]", "what zeroing cost, what it saved, and the verdict", cmd_ledger);
