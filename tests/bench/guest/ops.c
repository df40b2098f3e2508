/* bench ops: what ordinary operations cost, with zeroing and reporting left out, off and on.
 *
 *   baseline  what a kernel prints that was built with ZERO=n, instead of all others; `make bench` runs one without
 *             reporting too, and the usual one, in turn
 *   off       built in, policy `alloc`: nothing is zeroed ahead, no stock, all free memory dirty
 *   on        policy `idle` and the marks that are set: the idle loop fills the stock whenever the bench sleeps
 *   eager     the same with the high mark at 100%: it zeroes whatever is free and dirty, all the time
 *   shuffled  as off, with mm.shuffle on
 *
 * The bench sleeps after every so many operations in each, and its clock stands still meanwhile. So the difference
 * is what keeping zero frames in stock costs those who don't ask for them; under QEMU's -icount, where the clock counts
 * instructions, it is exact (scripts/bench --only count).
 */
#include <stdio.h>
#include <string.h>

#include "arch/x86_64/clock.h"
#include "kernel/console/console.h"
#include "kernel/shell/bench.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/sorted.h"
#include "tests/bench/guest/churn.h"
#include "tests/bench/guest/guest.h"

#define PARTS_MAX  2
#define REST_NS	   4000000ull
#define BULK_BATCH 512u

/* ns spent and operations done, of each part, in one repetition. */
struct spent {
	uint64_t ns[PARTS_MAX];
	uint64_t ops[PARTS_MAX];
	uint64_t failures;
};

struct op {
	const char *name;
	const char *unit;
	const char *parts[PARTS_MAX]; /* what a row's name ends in; all NULL: one part without */
	unsigned order;
	unsigned want;
	unsigned percent;
	bool mixed;
	bool (*run)(const struct op *op, bool on, struct spent *spent);
};

/* ---- pair: allocate one block, free it */

static bool pair(const struct op *op, bool on, struct spent *spent)
{
	for (unsigned c = 0; c < 16; c++) {
		if (!still_rest(on ? REST_ZEROING : REST_QUIET, REST_NS))
			return false;
		uint64_t start = clock_ns();
		for (unsigned i = 0; i < 4096; i++) {
			pfn_t pfn = mm_alloc(&mm_system, op->order, op->want);
			if (pfn == MM_PFN_NONE) {
				spent->failures++;
				return true;
			}
			mm_free(&mm_system, pfn, op->order);
		}
		spent->ns[0] += clock_ns() - start;
		spent->ops[0] += 4096;
	}
	return true;
}

/* ---- zero: allocate some zeroed blocks, which with zeroing on are in stock beforehand; free them */

#define ZEROED_MAX 1024u

static bool zeroed(const struct op *op, bool on, struct spent *spent)
{
	static pfn_t held[ZEROED_MAX];
	unsigned blocks = op->order ? 16 : ZEROED_MAX;
	for (unsigned c = 0; c < 16; c++) {
		if (on ? !still_zero(op->order ? 20 : 2) : !still_rest(REST_QUIET, REST_NS))
			return false;
		unsigned got = 0;
		uint64_t start = clock_ns();
		while (got < blocks && (held[got] = mm_alloc(&mm_system, op->order, op->want)) != MM_PFN_NONE)
			got++;
		uint64_t middle = clock_ns();
		for (unsigned i = 0; i < got; i++)
			mm_free(&mm_system, held[i], op->order);
		spent->ns[0] += middle - start;
		spent->ns[1] += clock_ns() - middle;
		spent->ops[0] += got;
		spent->ops[1] += got;
		spent->failures += got < blocks;
	}
	return true;
}

/* ---- bulk: up to 1 GiB of frames by the bulk calls, then back */

static bool bulk(const struct op *op, bool on, struct spent *spent)
{
	struct mm_totals t;
	struct list held;
	mm_totals(&mm_system, &t);
	uint64_t frames = t.free / 2 < GIB >> FRAME_SHIFT ? t.free / 2 : GIB >> FRAME_SHIFT, got = 0, i = 0;
	bool go_on = true;
	if (!list_make(&held, frames))
		return false;
	while (got + BULK_BATCH <= frames && go_on) {
		go_on = still_rest(on ? REST_ZEROING : REST_QUIET, REST_NS);
		uint64_t start = clock_ns();
		for (unsigned c = 0; c < 16 && got + BULK_BATCH <= frames; c++, got += BULK_BATCH)
			if (!mm_alloc_bulk(&mm_system, op->order, op->want, BULK_BATCH, list_at(&held, got)))
				frames = 0;
		spent->ns[0] += clock_ns() - start;
	}
	if (!frames) {
		got -= BULK_BATCH; /* the last one got nothing, and counted */
		spent->failures++;
	}
	while (i < got) {
		if (go_on)
			go_on = still_rest(on ? REST_ZEROING : REST_QUIET, REST_NS);
		uint64_t start = clock_ns();
		for (unsigned c = 0; c < 16 && i < got; c++, i += BULK_BATCH)
			mm_free_bulk(&mm_system, op->order, BULK_BATCH, list_at(&held, i));
		spent->ns[1] += clock_ns() - start;
	}
	spent->ops[0] = spent->ops[1] = got;
	list_drop(&held);
	return go_on;
}

/* ---- drain: every free frame, one by one, and back. Only the rests let other threads meet a machine without memory */

#define DRAIN_CHUNK 65536u

static bool drain(const struct op *op, bool on, struct spent *spent)
{
	struct mm_totals t;
	struct list held;
	mm_totals(&mm_system, &t);
	if (!list_make(&held, t.free))
		return false;
	uint64_t got = 0, i = 0;
	pfn_t pfn = 0;
	bool go_on = true;
	while (pfn != MM_PFN_NONE && go_on) {
		go_on = still_rest(on ? REST_ZEROING : REST_QUIET, REST_NS);
		uint64_t start = clock_ns();
		for (unsigned c = 0; c < DRAIN_CHUNK; c++) {
			pfn = mm_alloc(&mm_system, op->order, op->want);
			if (pfn == MM_PFN_NONE)
				break;
			*list_at(&held, got++) = pfn;
		}
		spent->ns[0] += clock_ns() - start;
	}
	while (i < got) {
		if (go_on)
			go_on = still_rest(on ? REST_ZEROING : REST_QUIET, REST_NS);
		uint64_t start = clock_ns();
		for (unsigned c = 0; c < DRAIN_CHUNK && i < got; c++, i++)
			mm_free(&mm_system, *list_at(&held, i), op->order);
		spent->ns[1] += clock_ns() - start;
	}
	spent->ops[0] = spent->ops[1] = got;
	list_drop(&held);
	return go_on;
}

/* ---- rnd, mix: random victims at a steady occupancy */

static bool steady(const struct op *op, bool on, struct spent *spent)
{
	static struct churn churn;
	if (!churn_make(&churn, op->mixed, op->percent))
		return false;
	bool go_on = true;
	while (!churn.filled && go_on) {
		churn_plan(&churn);
		churn_run(&churn);
		go_on = !console_interrupted("bench");
	}
	for (unsigned c = 0; c < 34 && go_on; c++) {
		churn_plan(&churn);
		go_on = still_rest(on ? REST_ZEROING : REST_QUIET, REST_NS);
		uint64_t start = clock_ns();
		churn_run(&churn);
		if (c < 2) /* warming up */
			continue;
		spent->ns[0] += clock_ns() - start;
		spent->ops[0] += CHUNK_STEPS;
	}
	spent->failures += churn.failures;
	churn_drop(&churn);
	return go_on;
}

static const struct op ops[] = {
	{.name = "pair0", .unit = "ns/pair", .run = pair, .want = MM_ANY},
	{.name = "zero0", .unit = "ns/page", .run = zeroed, .want = MM_ZERO_COLD, .parts = {"-alloc", "-free"}},
	{.name = "pair9", .unit = "ns/pair", .run = pair, .want = MM_ANY, .order = MM_ORDER_AREA},
	{.name = "zero9",
	 .unit = "ns/page",
	 .run = zeroed,
	 .want = MM_ZERO_COLD,
	 .order = MM_ORDER_AREA,
	 .parts = {"-alloc", "-free"}},
	{.name = "bulk", .unit = "ns/page", .run = bulk, .want = MM_ANY, .parts = {"-alloc", "-free"}},
	{.name = "drain", .unit = "ns/page", .run = drain, .want = MM_ANY, .parts = {"-alloc", "-free"}},
	{.name = "rnd50", .unit = "ns/op", .run = steady, .percent = 50},
	{.name = "rnd90", .unit = "ns/op", .run = steady, .percent = 90},
	{.name = "mix50", .unit = "ns/op", .run = steady, .percent = 50, .mixed = true},
	{.name = "mix90", .unit = "ns/op", .run = steady, .percent = 90, .mixed = true},
};

enum mode { BASELINE, OFF, ON, EAGER, SHUFFLED, MODES };
static const char *const mode_name[MODES] = {"baseline", "off", "on", "eager", "shuffled"};

/* What asks for zeroed memory finds as much in stock as it wants: eager would be the same as on. */
static bool mode_says_something(enum mode mode, const struct op *op)
{
	return (mode == BASELINE) == !still_has_zeroing() && (mode < EAGER || op->want == MM_ANY);
}

static bool is_zeroing(enum mode mode)
{
	return mode == ON || mode == EAGER;
}

static uint64_t idle_frames(void)
{
	const struct stat_row *row = TABLE_FIND(stat, "zero.idle_frames");
	return row ? stat_value(row) : 0;
}

/* One repetition from a known state: all free memory dirty; and with zeroing on, some of it zeroed since. */
static bool repetition(const struct op *op, enum mode mode, const struct still *still, struct spent *spent,
		       uint64_t *zeroed_frames)
{
	memset(spent, 0, sizeof(*spent));
	still_dirty();
	mm_shuffle(&mm_system, mode == SHUFFLED, 1);
	uint64_t before = idle_frames();
	if (is_zeroing(mode)) {
		still_policy("idle");
		still_marks(still);
		if (mode == EAGER)
			still_knob("zero.high_pct", 100);
		if (!still_rest(REST_ZEROING, 20 * REST_NS))
			return false;
	}
	if (!op->run(op, is_zeroing(mode), spent))
		return false;
	*zeroed_frames += idle_frames() - before;
	return true;
}

/* What came of an op under a mode, all repetitions together. */
struct outcome {
	uint64_t zeroed_frames, failures;
};

static void print(const struct op *op, unsigned part, enum mode mode, const struct samples *s,
		  const struct outcome *came, bool json)
{
	char row[32], note[80];
	if (!s->n)
		return;
	sniprintf(row, sizeof(row), "%s%s.%s", op->name, op->parts[part] ? op->parts[part] : "", mode_name[mode]);
	sniprintf(note, sizeof(note), "%llu frames zeroed meanwhile, %llu failed",
		  (unsigned long long)came->zeroed_frames, (unsigned long long)came->failures);
	bench_row("ops", json, row, op->unit, s, is_zeroing(mode) || came->failures ? note : NULL);
}

static bool measure(const struct op *op, const struct still *still, unsigned reps, bool json)
{
	static struct samples samples[MODES][PARTS_MAX];
	struct outcome came[MODES] = {{0}};
	memset(samples, 0, sizeof(samples));
	for (unsigned rep = 0; rep < reps; rep++) {
		for (enum mode mode = BASELINE; mode < MODES; mode++) {
			struct spent spent;
			if (!mode_says_something(mode, op))
				continue;
			if (console_interrupted("bench") ||
			    !repetition(op, mode, still, &spent, &came[mode].zeroed_frames))
				return false;
			came[mode].failures += spent.failures;
			for (unsigned part = 0; part < PARTS_MAX; part++)
				if (spent.ops[part])
					samples_add(&samples[mode][part], spent.ns[part], spent.ops[part]);
		}
	}
	for (unsigned part = 0; part < PARTS_MAX; part++)
		for (enum mode mode = BASELINE; mode < MODES; mode++)
			print(op, part, mode, &samples[mode][part], &came[mode], json);
	return true;
}

static int bench_ops(int argc, char **argv, bool json)
{
	const char *names[ARRAY_LEN(ops) + 1] = {NULL}, *reps_text = NULL;
	const struct cmd_option options[] = {{'n', "REPS", NULL, &reps_text}, {0}};
	uint64_t reps = BENCH_REPS;
	bool chosen[ARRAY_LEN(ops)] = {false};
	struct still still;
	bool good = true;

	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		names[i] = ops[i].name;
	int count = cmd_args(argc, argv, options, "names of operations", 0, (int)ARRAY_LEN(ops));
	if (count < 0)
		return CMD_FAILED;
	if (reps_text && cmd_number(argv[0], "REPS", reps_text, parse_numbers(1, BENCH_REPS_MAX), &reps))
		return CMD_FAILED;
	for (int i = 1; i <= count; i++) {
		int op = cmd_choice(argv[0], argv[i], names);
		if (op < 0)
			return CMD_FAILED;
		chosen[op] = true;
	}
	still_begin(&still);
	bench_head("ops", json);
	for (size_t i = 0; good && i < ARRAY_LEN(ops); i++)
		if (!count || chosen[i])
			good = measure(&ops[i], &still, (unsigned)reps, json);
	still_end(&still);
	return good ? 0 : CMD_FAILED;
}

BENCH(ops, "ops", "[-n REPS] [NAME...]",
      "ordinary operations: zeroing off, on, eager, shuffled; baseline in a build with ZERO=n", bench_ops);
