/* The timed tests: pairs, bulk, and random work at a steady occupancy. */
#include "tests/bench/native/bench.h"

#include <stdlib.h>

void run_slots(struct run *r, size_t slots)
{
	r->slot = malloc(slots * sizeof(uint32_t));
	r->slots = slots;
	for (size_t i = 0; i < slots; i++)
		r->slot[i] = SLOT_EMPTY;
}

void run_steps(struct run *r, size_t from, size_t count)
{
	const struct step *step = r->work->trace.step + from;
	uint64_t (*alloc)(void *, unsigned) = r->alloc;
	void (*release)(void *, uint64_t, unsigned) = r->free;
	void *self = r->self;
	uint32_t *slot = r->slot;
	uint64_t failures = 0;
	for (size_t i = 0; i < count; i++) {
		struct step s = step[i];
		if (!s.release) {
			uint64_t pfn = alloc(self, s.order);
			failures += pfn == PLUG_NONE;
			slot[s.slot] = (uint32_t)pfn;
		} else if (slot[s.slot] != SLOT_EMPTY) {
			release(self, slot[s.slot], s.order);
		}
	}
	r->failures += failures;
}

static unsigned order_number(const struct work *w)
{
	return w->number;
}

static unsigned order_0(const struct work *w)
{
	(void)w;
	return 0;
}

static unsigned order_9(const struct work *w)
{
	(void)w;
	return 9;
}

/* ---- pair: allocate a block, free it, in memory that is else empty; primed: in memory half of which is in use */

static void pair_rep(struct run *r, unsigned rep, double value[PARTS_MAX])
{
	uint64_t (*alloc)(void *, unsigned) = r->alloc;
	void (*release)(void *, uint64_t, unsigned) = r->free;
	void *self = r->self;
	unsigned order = r->work->number;
	size_t pairs = r->work->ops * 5;
	(void)rep;
	uint64_t begin = region_begin();
	for (size_t i = 0; i < pairs; i++) {
		uint64_t pfn = alloc(self, order);
		release(self, pfn, order);
	}
	value[0] = region_end(begin, 2 * pairs);
}

static void primed_prepare(struct run *r)
{
	unsigned order = r->work->number;
	size_t blocks = r->work->frames >> order, filled = blocks * 9 / 10, kept = blocks / 2;
	run_slots(r, filled);
	for (size_t i = 0; i < filled; i++)
		r->slot[i] = (uint32_t)r->alloc(r->self, order);
	shuffle(r->slot, filled, 1);
	for (size_t i = kept; i < filled; i++)
		r->free(r->self, r->slot[i], order);
}

const struct kind kind_pair = {
	.name = "pair",
	.what = "allocate and free one block of order N, all else free",
	.unit = "ns/op",
	.order_max = order_number,
	.rep = pair_rep,
};

const struct kind kind_primed = {
	.name = "primed",
	.what = "the same where a random half of memory is in use",
	.unit = "ns/op",
	.order_max = order_number,
	.prepare = primed_prepare,
	.rep = pair_rep,
};

/* ---- bulk: allocate everything, then free it, in the order of allocation or shuffled (r) */

static void bulk_prepare(struct run *r)
{
	run_slots(r, r->work->frames >> r->work->number);
}

static void bulk_rep(struct run *r, unsigned rep, double value[PARTS_MAX])
{
	uint64_t (*alloc)(void *, unsigned) = r->alloc;
	void (*release)(void *, uint64_t, unsigned) = r->free;
	void *self = r->self;
	unsigned order = r->work->number;
	size_t held = 0;
	uint64_t begin = region_begin();
	for (; held < r->slots; held++) {
		uint64_t pfn = alloc(self, order);
		if (pfn == PLUG_NONE)
			break;
		r->slot[held] = (uint32_t)pfn;
	}
	value[0] = region_end(begin, held);
	/* One area may be lost to what an allocator keeps for itself; more is a failure. */
	if (held + (512 >> order) < r->slots)
		r->failures += r->slots - held;
	if (r->work->random)
		shuffle(r->slot, held, rep + 1);
	begin = region_begin();
	for (size_t i = 0; i < held; i++)
		release(self, r->slot[i], order);
	value[1] = region_end(begin, held);
}

const struct kind kind_bulk = {
	.name = "bulk",
	.what = "allocate all memory as order N, then free it (r: in random order)",
	.unit = "ns/op",
	.parts = {"-alloc", "-free"},
	.order_max = order_number,
	.prepare = bulk_prepare,
	.rep = bulk_rep,
};

/* ---- rnd, mix: random victims at a steady occupancy */

static void steady_prepare(struct run *r)
{
	const struct trace *t = &r->work->trace;
	run_slots(r, t->slots);
	run_steps(r, 0, t->fill);
	run_steps(r, t->fill, r->work->ops); /* warm-up */
}

static void steady_rep(struct run *r, unsigned rep, double value[PARTS_MAX])
{
	size_t ops = r->work->ops;
	uint64_t begin = region_begin();
	run_steps(r, r->work->trace.fill + (rep + 1) * ops, ops);
	value[0] = region_end(begin, ops);
}

const struct kind kind_rnd = {
	.name = "rnd",
	.what = "order 0, random victims, N% in use",
	.unit = "ns/op",
	.trace = true,
	.order_max = order_0,
	.prepare = steady_prepare,
	.rep = steady_rep,
};

const struct kind kind_mix = {
	.name = "mix",
	.what = "orders 0 to 9, mostly small, random victims, N% in use",
	.unit = "ns/op",
	.trace = true,
	.order_max = order_9,
	.prepare = steady_prepare,
	.rep = steady_rep,
};
