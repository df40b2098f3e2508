/* bench zero: how fast each way to store zeroes is, by the size of the blocks that are zeroed.
 *
 * The blocks lie in a row in one buffer, as large as memory gives, up to 1 GiB; after each one there is one fence. The
 * buffer was written before, so that the host backs it: what is measured is resident memory. The first touch of it is a
 * row of its own, `first-touch`, where the host had dropped it before (there is a reporter).
 *
 * No thread is switched to while the clock runs, and none but this one uses a vector register.
 */
#include <stdio.h>
#include <string.h>

#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "kernel/console/console.h"
#include "kernel/shell/bench.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/json.h"
#include "port/mm_port.h"
#include "tests/bench/guest/guest.h"
#include "tests/bench/zero_engines.h"

#define CR0_MP	       (1ull << 1)
#define CR0_EM	       (1ull << 2)
#define CR0_TS	       (1ull << 3)
#define CR4_OSFXSR     (1ull << 9)
#define WITHIN_PERCENT 10u

/* Rates in hundredths of GB/s. */
static struct samples rates[ZERO_ENGINES][ZERO_SIZES];

static bool has(const struct zero_engine_row *engine)
{
	return !engine->wants_movdir64b || (cpuid(7).c & ZERO_MOVDIR64B_CPUID_7_C) != 0;
}

static uint64_t stretch(const struct zero_engine_row *engine, void *buffer, uint64_t bytes, uint64_t block)
{
	const uint64_t all = block > ZERO_STRETCH_BYTES ? block : smaller(ZERO_STRETCH_BYTES, bytes);
	const uint64_t start_ns = clock_ns();

	for (uint64_t at = 0; at + block <= all; at += block) {
		engine->store((char *)buffer + at, block);
		mm_port_zero_fence();
	}
	const uint64_t ns = clock_ns() - start_ns;
	return all / block * block * 100 / (ns ? ns : 1);
}

/* Sizes, in turn, of all engines, as often as there are repetitions: the vector unit is on for movntdq. */
static bool measure(void *buffer, unsigned order, unsigned reps)
{
	const uint64_t cr0 = read_cr0(), cr4 = read_cr4();
	bool go_on = true;

	memset(rates, 0, sizeof(rates));
	write_cr4(cr4 | CR4_OSFXSR);
	write_cr0((cr0 & ~(CR0_EM | CR0_TS)) | CR0_MP);
	for (unsigned rep = 0; rep < reps && go_on; rep++) {
		for (size_t size = 0; size < ZERO_SIZES && zero_orders[size] <= order && go_on; size++) {
			for (size_t e = 0; e < ZERO_ENGINES; e++) {
				struct samples *s = &rates[e][size];
				if (has(&zero_engines[e]))
					s->tenths[s->n++] = stretch(&zero_engines[e], buffer, FRAME_SIZE << order,
								    FRAME_SIZE << zero_orders[size]);
			}
			go_on = !console_interrupted("bench");
		}
	}
	write_cr0(cr0);
	write_cr4(cr4);
	return go_on;
}

static void print_json(const char *row, uint64_t hundredths, uint64_t min, uint64_t max, unsigned n)
{
	struct json j = json_begin();

	json_text(&j, "bench", "zero");
	json_text(&j, "row", row);
	json_fixed(&j, "value", (int64_t)hundredths, 2);
	json_text(&j, "unit", "GB/s");
	json_fixed(&j, "min", (int64_t)min, 2);
	json_fixed(&j, "max", (int64_t)max, 2);
	json_u64(&j, "n", n);
	json_end(&j);
}

static void print_rows_json(void)
{
	for (size_t size = 0; size < ZERO_SIZES; size++) {
		for (size_t e = 0; e < ZERO_ENGINES; e++) {
			char row[32];
			if (rates[e][size].n == 0)
				continue;
			struct summary r = samples_summary(&rates[e][size]);
			sniprintf(row, sizeof(row), "%s.%s", zero_engines[e].name, zero_sizes[size]);
			print_json(row, r.median, r.min, r.max, rates[e][size].n);
		}
	}
}

static void print_rows(void)
{
	iprintf("%-6s", "block");
	for (size_t e = 0; e < ZERO_ENGINES; e++)
		iprintf(" %10s", zero_engines[e].name);
	iprintf("  GB/s, medians\n");
	for (size_t size = 0; size < ZERO_SIZES; size++) {
		if (rates[0][size].n == 0)
			continue;
		iprintf("%-6s", zero_sizes[size]);
		for (size_t e = 0; e < ZERO_ENGINES; e++) {
			if (rates[e][size].n == 0) {
				iprintf(" %10s", "-");
				continue;
			}
			uint64_t median = samples_summary(&rates[e][size]).median;
			iprintf(" %7lu.%02lu", median / 100, median % 100);
		}
		iprintf("\n");
	}
}

/* The median over the sizes, so that one that was disturbed decides nothing. */
static uint64_t overall(size_t e)
{
	struct samples s = {.n = 0};

	for (size_t size = 0; size < ZERO_SIZES; size++)
		if (rates[e][size].n != 0)
			s.tenths[s.n++] = samples_summary(&rates[e][size]).median;
	return s.n != 0 ? samples_summary(&s).median : 0;
}

/* Whether what is in use is near the best of its kind. */
static void print_use(const char *what, const char *name, enum zero_kind kind)
{
	uint64_t best = 0, used = 0;
	const char *best_name = name;

	for (size_t e = 0; e < ZERO_ENGINES; e++) {
		uint64_t rate = overall(e);
		if (zero_engines[e].kind != kind)
			continue;
		if (rate > best) {
			best = rate;
			best_name = zero_engines[e].name;
		}
		if (strcmp(zero_engines[e].name, name) == 0)
			used = rate;
	}
	uint64_t percent = best ? used * 100 / best : 0;
	iprintf("%s uses %s: %lu%% of the best of its kind, %s%s\n", what, name, percent, best_name,
		percent + WITHIN_PERCENT >= 100 ? "" : ", which is more than 10% faster here");
}

static bool run(unsigned reps, bool json)
{
	unsigned order = MM_ORDER_MAX;
	pfn_t pfn;

	while ((pfn = mm_alloc(&mm_system, order, MM_ANY)) == MM_PFN_NONE && order > MM_ORDER_AREA)
		order--;
	if (pfn == MM_PFN_NONE) {
		iprintf("bench: no block of 2 MiB is free\n");
		return false;
	}
	uint64_t start_ns = clock_ns();
	mm_port_zero_cold(pfn, 1ull << order);
	mm_port_zero_fence();
	uint64_t ns = clock_ns() - start_ns, first = (FRAME_SIZE << order) * 100 / (ns ? ns : 1);
	bool good = measure(mm_port_frame(pfn), order, reps);
	mm_free(&mm_system, pfn, order);
	if (!good)
		return false;
	if (still_has_reporter() && json)
		print_json("first-touch", first, first, first, 1);
	if (json) {
		print_rows_json();
		struct json j = json_begin();
		json_text(&j, "bench", "zero");
		json_text(&j, "idle", zero_cold_name());
		json_text(&j, "hot", zero_hot_name());
		json_end(&j);
		return true;
	}
	print_rows();
	if (still_has_reporter())
		iprintf("first touch of what the host had dropped: %lu.%02lu, once; the rows are of resident memory\n",
			first / 100, first % 100);
	print_use("idle zeroing", zero_cold_name(), ZERO_NON_TEMPORAL);
	print_use("ZERO_HOT", zero_hot_name(), ZERO_ORDINARY);
	return true;
}

static int bench_zero(int argc, char **argv, bool json)
{
	const char *reps_text = NULL;
	const struct cmd_option options[] = {{'n', "REPS", NULL, &reps_text}, {0}};
	uint64_t reps = BENCH_REPS;
	struct still still;

	if (cmd_args(argc, argv, options, NULL, 0, 0) < 0)
		return CMD_FAILED;
	if (reps_text && cmd_number(argv[0], "REPS", reps_text, parse_numbers(1, BENCH_REPS_MAX), &reps))
		return CMD_FAILED;
	still_begin(&still);
	bool good = still_clean();
	if (good && json)
		bench_head("zero", json);
	good = good && run((unsigned)reps, json);
	still_end(&still);
	return good ? 0 : CMD_FAILED;
}

BENCH(zero, "zero", "[-n REPS]", "GB/s of each way to store zeroes, by block size; which are in use", bench_zero);
