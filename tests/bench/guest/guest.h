/* What the benches in the guest share: samples and rows, lists of frames, and a machine held still while measured.
 *
 * Everything is counted in integers: the kernel has no floating point. Values are kept in tenths of their unit.
 */
#pragma once

#include "lib/types.h"
#include "mm/mm.h"

#define BENCH_REPS     5u
#define BENCH_REPS_MAX 50u

/* ---- stats.c: what n repetitions came to */

struct samples {
	uint64_t tenths[BENCH_REPS_MAX];
	unsigned n;
};

/* Adds ns / count as one sample. */
void samples_add(struct samples *s, uint64_t ns, uint64_t count);

struct summary {
	uint64_t median, min, max;   /* tenths */
	uint64_t stdev_permille;     /* sample standard deviation, of the mean */
	uint64_t deviation_permille; /* the sample farthest from the median, of the median */
};
struct summary samples_summary(const struct samples *s);

/* ---- rows.c: conditions and rows, for people or as JSON lines */

void bench_head(const char *bench, bool json);

/* note, for people only, may be NULL. */
void bench_row(const char *bench, bool json, const char *row, const char *unit, const struct samples *s,
	       const char *note);

/* ---- list.c: many numbers, in 2 MiB blocks of the memory under test, backed by the host before anything is
 * measured */

#define LIST_BLOCKS	   64u
#define LIST_BLOCK_ENTRIES (MIB * 2 / sizeof(uint64_t))
#define LIST_CAPACITY_MAX  (LIST_BLOCKS * LIST_BLOCK_ENTRIES)

struct list {
	uint64_t *block[LIST_BLOCKS];
	pfn_t pfn[LIST_BLOCKS];
	unsigned blocks;
};

/* capacity entries, all 0. False: no memory (nothing is held then), said so. */
bool list_make(struct list *l, uint64_t capacity);
void list_drop(struct list *l);

static inline uint64_t *list_at(const struct list *l, uint64_t i)
{
	return &l->block[i / LIST_BLOCK_ENTRIES][i % LIST_BLOCK_ENTRIES];
}

/* ---- still.c: the machine held still */

/* Stops all background work, until still_end puts back what was before, knobs too. Knobs and work that aren't built in
 * are passed over. */
struct still {
	char knob[7][24];
	unsigned paused; /* a bit for each row of the table `work` */
};
void still_begin(struct still *s);
void still_end(const struct still *s);

/* The marks that were set when it began. */
void still_marks(const struct still *s);

/* Whether zeroing is built in: without it nothing can be on. */
bool still_has_zeroing(void);

void still_knob(const char *name, uint64_t value);
void still_policy(const char *policy);

/* Zeroes, as the idle loop does, what is free and dirty, and of what is reported as much as brings the stock to
 * low_pct of managed memory. False: interrupted, or didn't come to an end, said so. */
bool still_zero(uint64_t low_pct);

/* Sleeps, and lets the idle loop zero meanwhile or not. False: interrupted by the user, said so. */
enum still_rest { REST_QUIET, REST_ZEROING };
bool still_rest(enum still_rest how, uint64_t ns);

/* Makes all stock dirty. Leaves the policy at `alloc`. */
void still_dirty(void);

/* Tells the host of all free memory, if there is a reporter, and waits until it has dropped it. Where the host keeps
 * zero (report.poison) it is zeroed before, and stays REPORTED+ZERO. False: interrupted, or the host didn't answer,
 * said so. */
bool still_report(void);

/* still_dirty, then still_report; that something reported is zero is forgotten, as it is without report.poison. False:
 * one of them, said so. */
bool still_clean(void);

/* Whether what the last still_clean reported was known to be zero. */
bool still_keeps_zero(void);
bool still_has_reporter(void);
