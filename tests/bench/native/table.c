/* Rows into a table for people, or into JSON lines. */
#include "tests/bench/native/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double row_median(const struct row *row)
{
	qsort(row->value, row->n, sizeof(double), compare);
	return (row->value[(row->n - 1) / 2] + row->value[row->n / 2]) / 2;
}

/* Significant digits: ratios want two decimals, times one. */
static int decimals(const struct row *row)
{
	return !strcmp(row->unit, "ns/op") ? 1 : !strcmp(row->unit, "mistakes") ? 0 : 2;
}

static void print_cell(const struct row *row)
{
	char cell[64];
	int d = decimals(row);
	double median = row_median(row);
	int at = snprintf(cell, sizeof(cell), "%.*f", d, median);
	if (row->n > 1)
		at += snprintf(cell + at, sizeof(cell) - (size_t)at, " (%.*f-%.*f)", d, row->value[0], d,
			       row->value[row->n - 1]);
	if (row->mistakes || row->failures)
		snprintf(cell + at, sizeof(cell) - (size_t)at, "!");
	printf(" %20s", cell);
}

/* A line for each test, a column for each allocator; rows come grouped by test. A ! marks a cell with failures, which
 * are named below. */
void rows_print(const struct row *rows, size_t count, const char *const *plugs, size_t plug_count)
{
	printf("%-14s %-8s", "test", "unit");
	for (size_t p = 0; p < plug_count; p++)
		printf(" %20s", plugs[p]);
	printf("\n");
	for (size_t i = 0; i < count;) {
		const struct row *first = &rows[i];
		printf("%-14s %-8s", first->test, first->unit);
		for (size_t p = 0; p < plug_count; p++) {
			if (i < count && !strcmp(rows[i].test, first->test) && !strcmp(rows[i].plug, plugs[p]))
				print_cell(&rows[i++]);
			else
				printf(" %20s", "-");
		}
		printf("\n");
	}
	for (size_t i = 0; i < count; i++) {
		if (rows[i].failures)
			printf("! %s: %s: %llu allocations failed\n", rows[i].test, rows[i].plug,
			       (unsigned long long)rows[i].failures);
		if (rows[i].mistakes)
			printf("! %s: %s: %llu frames handed out wrongly\n", rows[i].test, rows[i].plug,
			       (unsigned long long)rows[i].mistakes);
	}
}

void rows_print_json(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		double median = row_median(r);
		printf("{\"bench\":\"native\",\"row\":\"%s.%s\",\"value\":%.3f,\"unit\":\"%s\",\"min\":%.3f,"
		       "\"max\":%.3f,\"n\":%u,\"failed\":%llu,\"mistakes\":%llu}\n",
		       r->test, r->plug, median, r->unit, r->value[0], r->value[r->n - 1], r->n,
		       (unsigned long long)r->failures, (unsigned long long)r->mistakes);
	}
}
