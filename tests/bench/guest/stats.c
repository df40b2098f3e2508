/* Median, spread and extremes of a few samples, in integers. */
#include "tests/bench/guest/guest.h"

#include <stdlib.h>

#include "lib/assert.h"

void samples_add(struct samples *s, uint64_t ns, uint64_t count)
{
	ASSERT(s->n < BENCH_REPS_MAX);
	ASSERT(count > 0);
	s->tenths[s->n++] = (ns * 10 + count / 2) / count;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Newton's method from above: the first value that doesn't fall any more is the root, rounded down. */
static uint64_t root(uint64_t v)
{
	if (v < 2)
		return v;
	uint64_t x = v / 2 + 1, next = (x + v / x) / 2;
	while (next < x) {
		x = next;
		next = (x + v / x) / 2;
	}
	return x;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

struct summary samples_summary(const struct samples *s)
{
	struct summary r = {0};
	uint64_t v[BENCH_REPS_MAX], sum = 0, squares = 0;
	unsigned n = s->n;
	ASSERT(n > 0);
	for (unsigned i = 0; i < n; i++) {
		v[i] = s->tenths[i];
		sum += v[i];
	}
	qsort(v, n, sizeof(v[0]), compare);
	r.min = v[0];
	r.max = v[n - 1];
	r.median = (v[(n - 1) / 2] + v[n / 2]) / 2;
	uint64_t mean = sum / n;
	if (mean == 0 || r.median == 0)
		return r;
	/* Distances as permille of the mean, so that their squares fit whatever the unit. */
	for (unsigned i = 0; i < n; i++) {
		uint64_t d = distance(v[i], mean) * 1000 / mean;
		squares += d * d;
	}
	r.stdev_permille = n > 1 ? root(squares / (n - 1)) : 0;
	uint64_t low = distance(r.min, r.median), high = distance(r.max, r.median);
	r.deviation_permille = (low > high ? low : high) * 1000 / r.median;
	return r;
}
