/* How the native bench is put together: kinds of tests, runs of an allocator in one, and the rows that come out. */
#pragma once

#include "tests/bench/native/plug.h"
#include "tests/bench/native/trace.h"

#define PARTS_MAX 2

/* What is measured, from a test's name: kind, number, and perhaps an r ("primed0", "bulk0r", "mix90"). */
struct work {
	const struct kind *kind;
	char name[24];
	unsigned number;
	bool random;
	size_t frames;
	size_t ops;
	unsigned reps;
	struct trace trace; /* where the kind records one */
};

/* One allocator's part in it. */
struct run {
	const struct plug *plug;
	struct work *work;
	void *self; /* what alloc and free are called with */
	uint64_t (*alloc)(void *self, unsigned order);
	void (*free)(void *self, uint64_t pfn, unsigned order);
	void *instance; /* the allocator proper; self is a lock around it with -L */
	uint32_t *slot; /* frames held, by the trace's slot or just numbered */
	size_t slots;
	uint64_t failures; /* allocations that found nothing */
	uint64_t mistakes; /* blocks handed out twice, out of range, misaligned */
};

/* A kind of test. prepare, once for a run, brings the allocator into the state to be measured; rep measures once, and
 * sets a value for each part. */
struct kind {
	const char *name;
	const char *what;
	const char *unit;
	const char *parts[PARTS_MAX];		     /* what the row's name ends in; NULL, NULL: one part without */
	bool once;				     /* the figure is exact: one repetition */
	bool trace;				     /* wants work->trace */
	unsigned (*order_max)(const struct work *w); /* the largest order that it allocates */
	void (*prepare)(struct run *r);
	void (*rep)(struct run *r, unsigned rep, double value[PARTS_MAX]);
};

extern const struct kind kind_pair, kind_primed, kind_bulk, kind_rnd, kind_mix, kind_frag, kind_check, kind_meta;

/* A run's slots, all empty; freed with the run. */
void run_slots(struct run *r, size_t slots);
#define SLOT_EMPTY UINT32_MAX

void run_steps(struct run *r, size_t from, size_t count);

/* Time, and the region that callgrind counts with -c. */
extern bool bench_callgrind;
uint64_t region_begin(void);
double region_end(uint64_t begin, size_t ops); /* ns an operation */

/* zero.c: prints its rows. */
void bench_zero(unsigned reps, bool json);

/* A row: what a test's part came to for an allocator. */
struct row {
	char test[40];
	const char *unit;
	const char *plug;
	double *value;
	unsigned n;
	uint64_t failures;
	uint64_t mistakes;
};

double row_median(const struct row *row); /* sorts the values */
void rows_print(const struct row *rows, size_t count, const char *const *plugs, size_t plug_count);
void rows_print_json(const struct row *rows, size_t count);
