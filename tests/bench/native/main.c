/* The native bench of page-frame allocators: the same work for each, side by side, on a real CPU.
 *
 * All allocators of a test are brought into its state first; then each is measured once, in turn, as often as there
 * are repetitions, so that a change of the machine's mood meets all of them. docs/PERFORMANCE.md says how to read it.
 */
#define _GNU_SOURCE /* sched_setaffinity */
#include "tests/bench/native/bench.h"

#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct plug *const plugs[] = {
	&plug_null, &plug_stack, &plug_linked, &plug_nought, &plug_nought_hot, &plug_nought_shuf,
};

static const struct kind *const kinds[] = {
	&kind_check, &kind_meta, &kind_pair, &kind_primed, &kind_bulk, &kind_rnd, &kind_mix, &kind_frag,
};

#define TESTS_DEFAULT \
	"check,meta,pair0,primed0,bulk0,bulk0r,rnd50,rnd90,mix50,mix90,pair9,frag1,frag2,frag3,frag4,frag5"
#define ROWS_MAX 1024

static struct options {
	char *allocators;
	char *tests;
	size_t frames;
	size_t ops;
	unsigned reps;
	int cpu;
	bool lock;
	bool json;
	bool zero;
} opt = {.frames = 4 * GIB >> FRAME_SHIFT, .ops = 1000000, .reps = 5};

static struct row rows[ROWS_MAX];
static size_t row_count;

static _Noreturn void die(const char *what, const char *value)
{
	fprintf(stderr, "bench: %s: %s\n", what, value);
	exit(2);
}

/* ---- -L: allocators that take no lock are called under an uncontended one */

struct locked {
	volatile char held;
	const struct plug *plug;
	void *instance;
};

static uint64_t locked_alloc(void *self, unsigned order)
{
	struct locked *l = self;
	while (__atomic_test_and_set(&l->held, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	uint64_t pfn = l->plug->alloc(l->instance, order);
	__atomic_clear(&l->held, __ATOMIC_RELEASE);
	return pfn;
}

static void locked_free(void *self, uint64_t pfn, unsigned order)
{
	struct locked *l = self;
	while (__atomic_test_and_set(&l->held, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	l->plug->free(l->instance, pfn, order);
	__atomic_clear(&l->held, __ATOMIC_RELEASE);
}

/* ---- runs */

static void run_open(struct run *r, const struct plug *plug, struct work *work)
{
	*r = (struct run){.plug = plug, .work = work, .alloc = plug->alloc, .free = plug->free};
	r->instance = r->self = plug->open(work->frames);
	if (!r->instance)
		die("allocator doesn't start", plug->name);
	if (opt.lock && !plug->locks) {
		struct locked *l = malloc(sizeof(*l));
		*l = (struct locked){.plug = plug, .instance = r->instance};
		r->self = l;
		r->alloc = locked_alloc;
		r->free = locked_free;
	}
	if (work->kind->prepare)
		work->kind->prepare(r);
}

static void run_close(struct run *r)
{
	if (r->self != r->instance)
		free(r->self);
	free(r->slot);
	r->plug->close(r->instance);
}

static struct row *row_add(const struct work *w, const struct plug *plug, unsigned part)
{
	struct row *row = &rows[row_count++];
	if (row_count > ROWS_MAX)
		die("too many rows", w->name);
	const char *suffix = w->kind->parts[part] ? w->kind->parts[part] : "";
	snprintf(row->test, sizeof(row->test), "%s%s", w->name, suffix);
	row->unit = w->kind->unit;
	row->plug = plug->name;
	row->value = calloc(w->reps, sizeof(double));
	return row;
}

static void work_run(struct work *w, const struct plug *const *chosen, size_t chosen_count)
{
	struct run run[ARRAY_LEN(plugs)];
	struct row *row[PARTS_MAX][ARRAY_LEN(plugs)];
	size_t runs = 0;
	if (w->kind->trace)
		w->trace = trace_make(w->frames, w->number, w->kind == &kind_mix ? ORDERS_MIXED : ORDER_0,
				      w->ops * (w->reps + 1), 1);
	for (size_t p = 0; p < chosen_count; p++)
		if (w->kind->order_max(w) <= chosen[p]->max_order)
			run_open(&run[runs++], chosen[p], w);
	for (unsigned part = 0; part < PARTS_MAX && (part == 0 || w->kind->parts[part]); part++)
		for (size_t i = 0; i < runs; i++)
			row[part][i] = row_add(w, run[i].plug, part);
	for (unsigned rep = 0; rep < w->reps; rep++) {
		for (size_t i = 0; i < runs; i++) {
			double value[PARTS_MAX] = {0};
			w->kind->rep(&run[i], rep, value);
			for (unsigned part = 0; part < PARTS_MAX && (part == 0 || w->kind->parts[part]); part++)
				row[part][i]->value[row[part][i]->n++] = value[part];
		}
	}
	for (size_t i = 0; i < runs; i++) {
		row[0][i]->failures = run[i].failures;
		row[0][i]->mistakes = run[i].mistakes;
		run_close(&run[i]);
	}
	trace_free(&w->trace);
}

/* ---- what to run */

static struct work work_parse(const char *name)
{
	struct work w = {.frames = opt.frames, .ops = opt.ops, .reps = opt.reps};
	snprintf(w.name, sizeof(w.name), "%s", name);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		size_t length = strlen(kinds[k]->name);
		char *end;
		if (strncmp(name, kinds[k]->name, length))
			continue;
		w.kind = kinds[k];
		w.number = (unsigned)strtoul(name + length, &end, 10);
		w.random = *end == 'r' && w.kind == &kind_bulk;
		bool known = end[w.random] == '\0';
		if (w.kind == &kind_rnd || w.kind == &kind_mix)
			known &= w.number >= 1 && w.number <= 95;
		else if (w.kind == &kind_frag)
			known &= w.number >= 1 && w.number <= 5;
		else
			known &= w.number <= 18;
		if (!known)
			break;
		if (w.kind->once)
			w.reps = 1;
		return w;
	}
	die("no such test (-l lists them)", name);
}

static const struct plug *plug_find(const char *name)
{
	for (size_t p = 0; p < ARRAY_LEN(plugs); p++)
		if (!strcmp(plugs[p]->name, name))
			return plugs[p];
	die("no such allocator (-l lists them)", name);
}

static void list(void)
{
	printf("allocators:\n");
	for (size_t p = 0; p < ARRAY_LEN(plugs); p++)
		printf("  %-12s %s\n", plugs[p]->name, plugs[p]->what);
	printf("tests (N: an order, a percentage, a number):\n");
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		printf("  %-12s %s, %s\n", kinds[k]->name, kinds[k]->what, kinds[k]->unit);
	printf("default: %s\n", TESTS_DEFAULT);
}

static unsigned long number(const char *arg, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long v = strtoul(arg, &end, 10);
	if (*end || v < min || v > max) {
		fprintf(stderr, "bench: %s: %lu to %lu is allowed\n", arg, min, max);
		exit(2);
	}
	return v;
}

static void options(int argc, char **argv)
{
	static const char usage[] =
		"usage: native [-a ALLOCATOR,...] [-t TEST,...] [-r REPS] [-n OPS] [-g GIB] [-p CPU] "
		"[-L] [-j] [-c] [-l] [-z]\n"
		"  -L  allocators that take no lock are called under one\n"
		"  -j  JSON lines   -l  list   -c  mark the measured region for callgrind\n"
		"  -z  ways to store zeroes instead of allocators\n";
	for (int c; (c = getopt(argc, argv, "a:t:r:n:g:p:Ljclz")) != -1;) {
		switch (c) {
		case 'a':
			opt.allocators = optarg;
			break;
		case 't':
			opt.tests = optarg;
			break;
		case 'r':
			opt.reps = (unsigned)number(optarg, 1, 1000);
			break;
		case 'n':
			opt.ops = number(optarg, 100, 100000000);
			break;
		case 'g':
			opt.frames = number(optarg, 1, 64) * (GIB >> FRAME_SHIFT);
			break;
		case 'p':
			opt.cpu = (int)number(optarg, 0, 1023);
			break;
		case 'L':
			opt.lock = true;
			break;
		case 'j':
			opt.json = true;
			break;
		case 'c':
			bench_callgrind = true;
			break;
		case 'z':
			opt.zero = true;
			break;
		case 'l':
			list();
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc)
		die("not an option", argv[optind]);
}

static void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (!bench_callgrind && sched_setaffinity(0, sizeof(set), &set))
		perror("bench: can't pin to a CPU");
}

int main(int argc, char **argv)
{
	const struct plug *chosen[ARRAY_LEN(plugs)];
	const char *names[ARRAY_LEN(plugs)];
	size_t chosen_count = 0;
	bool good = true;

	options(argc, argv);
	pin(opt.cpu);
	if (opt.zero) {
		bench_zero(opt.reps, opt.json);
		return 0;
	}
	for (char *n = opt.allocators ? strtok(opt.allocators, ",") : NULL; n; n = strtok(NULL, ",")) {
		if (chosen_count == ARRAY_LEN(plugs))
			die("too many allocators", n);
		chosen[chosen_count++] = plug_find(n);
	}
	if (!opt.allocators)
		for (; chosen_count < ARRAY_LEN(plugs); chosen_count++)
			chosen[chosen_count] = plugs[chosen_count];
	for (size_t p = 0; p < chosen_count; p++)
		names[p] = chosen[p]->name;

	char tests_default[] = TESTS_DEFAULT;
	for (char *n = strtok(opt.tests ? opt.tests : tests_default, ","); n; n = strtok(NULL, ",")) {
		struct work w = work_parse(n);
		work_run(&w, chosen, chosen_count);
	}
	if (opt.json)
		rows_print_json(rows, row_count);
	else
		rows_print(rows, row_count, names, chosen_count);
	for (size_t i = 0; i < row_count; i++)
		good &= !rows[i].mistakes || !strcmp(rows[i].plug, plug_null.name);
	return good ? 0 : 1;
}
