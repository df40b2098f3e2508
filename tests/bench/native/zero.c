/* -z: how fast each way to store zeroes is on this CPU, by block size, and what it does to a loop beside it.
 *
 * The blocks lie in a row in 1 GiB of memory on huge pages where the host gives them, written before: what is measured
 * is resident memory. After each block there is one fence. The loop counts up every word of 1 MiB, which stays in the
 * core's cache, again and again; between two rounds 256 frames elsewhere are zeroed, and only the rounds are timed. Its
 * slow-down is what the zeroing threw out of the cache. Time is the thread's own. Engines are measured in turn.
 */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/bench/native/bench.h"
#include "tests/bench/zero_engines.h"

#define HOT_WORDS   (MIB / sizeof(uint64_t))
#define HOT_ROUNDS  200u
#define BETWEEN	    (256 * FRAME_SIZE)
#define KERNEL_IDLE "movnti" /* what the kernel's port uses on such a CPU */
#define KERNEL_HOT  "rep-stosq"

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool has(const struct zero_engine_row *engine)
{
	unsigned a, b, c, d;
	return !engine->wants_movdir64b || (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & ZERO_MOVDIR64B_CPUID_7_C));
}

static double rate(const struct zero_engine_row *engine, char *buffer, uint64_t block)
{
	const uint64_t all = block > 4 * ZERO_STRETCH_BYTES ? block : 4 * ZERO_STRETCH_BYTES;
	double start = now_s();
	for (uint64_t at = 0; at < all; at += block) {
		engine->store(buffer + at, block);
		__builtin_ia32_sfence();
	}
	return (double)all / (now_s() - start) / 1e9;
}

/* Seconds that the rounds of the hot loop took; NULL: with nothing between them. */
static double hot_loop(const struct zero_engine_row *engine, char *buffer)
{
	static volatile uint64_t hot[HOT_WORDS];
	double spent = 0;
	for (unsigned round = 0; round < HOT_ROUNDS; round++) {
		if (engine) {
			engine->store(buffer + round * BETWEEN, BETWEEN);
			__builtin_ia32_sfence();
		}
		double start = now_s();
		for (size_t i = 0; i < HOT_WORDS; i++)
			hot[i]++;
		spent += now_s() - start;
	}
	return spent;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), by_value);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void print_row(const char *engine, const char *size, const char *unit, double *values, unsigned n, bool json)
{
	double mid = median(values, n);
	if (json)
		printf("{\"bench\":\"zero-native\",\"row\":\"%s.%s\",\"value\":%.2f,\"unit\":\"%s\",\"min\":%.2f,"
		       "\"max\":%.2f,\"n\":%u}\n",
		       engine, size, mid, unit, values[0], values[n - 1], n);
	else
		printf(" %10.2f", mid);
}

void bench_zero(unsigned reps, bool json)
{
	char *buffer = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	double *values = calloc((size_t)reps * (ZERO_ENGINES + 1), sizeof(*values));
	if (buffer == MAP_FAILED || !values) {
		fprintf(stderr, "bench: no memory for -z, it takes 1 GiB\n");
		exit(1);
	}
	madvise(buffer, GIB, MADV_HUGEPAGE);
	memset(buffer, 1, GIB);
	if (!json) {
		printf("%-9s", "block");
		for (size_t e = 0; e < ZERO_ENGINES; e++)
			printf(" %10s", zero_engines[e].name);
		printf("  GB/s, medians; the kernel uses " KERNEL_IDLE " and " KERNEL_HOT "\n");
	}
	for (size_t size = 0; size < ZERO_SIZES; size++) {
		for (unsigned rep = 0; rep < reps; rep++)
			for (size_t e = 0; e < ZERO_ENGINES; e++)
				if (has(&zero_engines[e]))
					values[e * reps + rep] =
						rate(&zero_engines[e], buffer, FRAME_SIZE << zero_orders[size]);
		if (!json)
			printf("%-9s", zero_sizes[size]);
		for (size_t e = 0; e < ZERO_ENGINES; e++)
			if (has(&zero_engines[e]))
				print_row(zero_engines[e].name, zero_sizes[size], "GB/s", values + e * reps, reps,
					  json);
			else if (!json)
				printf(" %10s", "-");
		if (!json)
			printf("\n");
	}
	double *alone = values + ZERO_ENGINES * reps;
	for (unsigned rep = 0; rep < reps; rep++) {
		alone[rep] = hot_loop(NULL, buffer);
		for (size_t e = 0; e < ZERO_ENGINES; e++)
			if (has(&zero_engines[e]))
				values[e * reps + rep] = (hot_loop(&zero_engines[e], buffer) / alone[rep] - 1) * 100;
	}
	if (!json)
		printf("%-9s", "slow-down");
	for (size_t e = 0; e < ZERO_ENGINES; e++)
		if (has(&zero_engines[e]))
			print_row(zero_engines[e].name, "slow-down", "%", values + e * reps, reps, json);
		else if (!json)
			printf(" %10s", "-");
	if (json)
		printf("{\"bench\":\"zero-native\",\"idle\":\"" KERNEL_IDLE "\",\"hot\":\"" KERNEL_HOT "\"}\n");
	else
		printf("  %% of a loop over 1 MiB, 256 frames zeroed between its rounds\n");
	free(values);
	munmap(buffer, GIB);
}
