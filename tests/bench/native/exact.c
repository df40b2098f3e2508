/* The tests whose figure is exact: correctness, metadata, and what is left of 2 MiB blocks after hard use. */
#include "tests/bench/native/bench.h"

#include <stdlib.h>
#include <string.h>

static unsigned order_9(const struct work *w)
{
	(void)w;
	return 9;
}

static unsigned order_0(const struct work *w)
{
	(void)w;
	return 0;
}

/* ---- check: mixed orders at 85%, each block compared with a map of who owns which frame */

static void check_rep(struct run *r, unsigned rep, double value[PARTS_MAX])
{
	size_t frames = r->work->frames;
	struct trace t = trace_make(frames, 85, ORDERS_MIXED, 400000, 42);
	uint8_t *owned = calloc(frames, 1);
	run_slots(r, t.slots);
	(void)rep;
	for (size_t i = 0; i < t.steps; i++) {
		struct step s = t.step[i];
		size_t size = 1ul << s.order;
		if (r->plug->set_cpu)
			r->plug->set_cpu(i & 1);
		if (s.release) {
			uint32_t pfn = r->slot[s.slot];
			if (pfn == SLOT_EMPTY)
				continue;
			memset(owned + pfn, 0, size);
			r->free(r->self, pfn, s.order);
			r->slot[s.slot] = SLOT_EMPTY;
			continue;
		}
		uint64_t pfn = r->alloc(r->self, s.order);
		if (pfn == PLUG_NONE) {
			r->failures++;
			continue;
		}
		if (pfn + size > frames || pfn % size) {
			r->mistakes++;
			continue;
		}
		for (size_t f = 0; f < size; f++) {
			r->mistakes += owned[pfn + f];
			owned[pfn + f] = 1;
		}
		r->slot[s.slot] = (uint32_t)pfn;
	}
	if (r->plug->set_cpu)
		r->plug->set_cpu(0);
	if (r->plug->verify && !r->plug->verify(r->instance))
		r->mistakes++;
	value[0] = (double)r->mistakes;
	free(owned);
	trace_free(&t);
}

const struct kind kind_check = {
	.name = "check",
	.what = "mixed orders at 85% against an ownership map",
	.unit = "mistakes",
	.once = true,
	.order_max = order_9,
	.rep = check_rep,
};

/* ---- meta: bytes of metadata a frame */

static void meta_rep(struct run *r, unsigned rep, double value[PARTS_MAX])
{
	(void)rep;
	value[0] = (double)r->plug->meta_bytes(r->instance) / (double)r->work->frames;
}

const struct kind kind_meta = {
	.name = "meta",
	.what = "metadata",
	.unit = "B/frame",
	.once = true,
	.order_max = order_0,
	.rep = meta_rep,
};

/* ---- frag1 to frag5: how much of free memory can still be had as 2 MiB blocks */

/* Order-9 blocks that can be allocated, of what as many free frames would make in one piece. */
static double obtainable(struct run *r, size_t free_frames)
{
	size_t max = r->work->frames >> 9, got = 0;
	uint64_t *block = malloc(max * sizeof(*block));
	if (r->plug->drain)
		r->plug->drain(r->instance);
	while (got < max && (block[got] = r->alloc(r->self, 9)) != PLUG_NONE)
		got++;
	for (size_t i = 0; i < got; i++)
		r->free(r->self, block[i], 9);
	free(block);
	return (double)got / (double)(free_frames >> 9);
}

static void fill(struct run *r, size_t frames)
{
	run_slots(r, frames);
	for (size_t i = 0; i < frames; i++)
		r->slot[i] = (uint32_t)r->alloc(r->self, 0);
}

/* Frees a random one, again and again, and makes up for it after every lag of them. */
static void turn_over(struct run *r, size_t held, size_t times, size_t lag, uint64_t *seed)
{
	size_t missing = 0;
	for (size_t i = 0; i < times; i++) {
		size_t victim = random_below(seed, held - missing);
		r->free(r->self, r->slot[victim], 0);
		missing++;
		r->slot[victim] = r->slot[held - missing];
		for (; missing >= lag; missing--)
			r->slot[held - missing] = (uint32_t)r->alloc(r->self, 0);
	}
	for (; missing; missing--)
		r->slot[held - missing] = (uint32_t)r->alloc(r->self, 0);
}

/* 1: fill 70%, free a random 90% of that. 2: with ten times memory's size of churn before. 3: and then the 7% that are
 * left turned over 20 times, which gives a packing allocator the chance to pack. */
static double frag_fill(struct run *r, unsigned number)
{
	size_t frames = r->work->frames, held = frames * 7 / 10, left = held / 10;
	uint64_t seed = 0x1234567;
	fill(r, held);
	if (number >= 2)
		turn_over(r, held, 10 * frames, 64, &seed);
	shuffle(r->slot, held, 3);
	for (size_t i = left; i < held; i++)
		r->free(r->self, r->slot[i], 0);
	if (number >= 3)
		turn_over(r, left, 20 * left, 1, &seed);
	return obtainable(r, frames - left);
}

/* Two CPUs allocate a frame each in turn, 45% of memory each; then all of the second one's are freed. */
static double frag_two_cpus(struct run *r)
{
	size_t each = r->work->frames * 45 / 100;
	run_slots(r, 2 * each);
	for (size_t i = 0; i < 2 * each; i++) {
		if (r->plug->set_cpu)
			r->plug->set_cpu(i & 1);
		r->slot[i] = (uint32_t)r->alloc(r->self, 0);
	}
	if (r->plug->set_cpu)
		r->plug->set_cpu(1);
	for (size_t i = 1; i < 2 * each; i += 2)
		r->free(r->self, r->slot[i], 0);
	if (r->plug->set_cpu)
		r->plug->set_cpu(0);
	return obtainable(r, r->work->frames - each);
}

/* Mixed orders at 90%, two million operations of churn, then each block freed or kept by the toss of a coin. */
static double frag_mixed(struct run *r)
{
	struct trace t = trace_make(r->work->frames, 90, ORDERS_MIXED, 2000000, 9);
	uint8_t *order = calloc(t.slots, 1);
	uint64_t seed = 5;
	size_t used = 0;
	r->work->trace = t;
	run_slots(r, t.slots);
	run_steps(r, 0, t.steps);
	/* Who is alive at the end: the last step of each slot says. */
	for (size_t i = 0; i < t.steps; i++)
		order[t.step[i].slot] = t.step[i].release ? UINT8_MAX : t.step[i].order;
	for (size_t s = 0; s < t.slots; s++) {
		if (order[s] == UINT8_MAX || r->slot[s] == SLOT_EMPTY)
			continue;
		if (random_below(&seed, 2))
			r->free(r->self, r->slot[s], order[s]);
		else
			used += 1ul << order[s];
	}
	free(order);
	trace_free(&r->work->trace);
	r->work->trace.step = NULL;
	return obtainable(r, r->work->frames - used);
}

static void frag_rep(struct run *r, unsigned rep, double value[PARTS_MAX])
{
	unsigned number = r->work->number;
	(void)rep;
	value[0] = number == 5 ? frag_mixed(r) : number == 4 ? frag_two_cpus(r) : frag_fill(r, number);
}

const struct kind kind_frag = {
	.name = "frag",
	.what = "2 MiB blocks that can be had / free frames in 2 MiB, after hard use 1 to 5",
	.unit = "ratio",
	.once = true,
	.order_max = order_9,
	.rep = frag_rep,
};
