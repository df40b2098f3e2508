/* Makes the recorded work of the steady-state tests. */
#include "tests/bench/native/trace.h"

#include <stdlib.h>

void shuffle(uint32_t *v, size_t n, uint64_t seed)
{
	for (size_t left = n; left > 1; left--) {
		size_t pick = random_below(&seed, left);
		uint32_t t = v[left - 1];
		v[left - 1] = v[pick];
		v[pick] = t;
	}
}

static unsigned random_order(uint64_t *seed)
{
	static const unsigned char percent_up_to[] = {60, 72, 80, 88, 92, 95, 97, 98, 99, 100};
	unsigned dice = (unsigned)random_below(seed, 100), order = 0;
	while (dice >= percent_up_to[order])
		order++;
	return order;
}

/* What is allocated at this point of the trace, in no order, so that a random victim is found at once. */
struct live {
	struct step *block;
	size_t count;
	size_t frames;
	uint32_t *idle_slot;
	size_t idle;
	size_t slots;
};

static struct step live_add(struct live *l, unsigned order)
{
	uint32_t slot = l->idle ? l->idle_slot[--l->idle] : (uint32_t)l->slots++;
	struct step s = {.slot = slot, .order = (uint8_t)order};
	l->block[l->count++] = s;
	l->frames += 1ul << order;
	return s;
}

static struct step live_remove(struct live *l, size_t i)
{
	struct step s = l->block[i];
	l->block[i] = l->block[--l->count];
	l->frames -= 1ul << s.order;
	l->idle_slot[l->idle++] = s.slot;
	s.release = true;
	return s;
}

struct trace trace_make(size_t frames, unsigned percent, enum trace_orders orders, size_t churn, uint64_t seed)
{
	size_t target = frames * percent / 100;
	struct trace t = {.step = malloc((target + churn) * sizeof(struct step))};
	struct live l = {.block = malloc(target * sizeof(struct step)), .idle_slot = malloc(target * sizeof(uint32_t))};
	unsigned order = 0;
	for (;;) {
		order = orders == ORDERS_MIXED ? random_order(&seed) : 0;
		if (l.frames + (1ul << order) > target)
			break;
		t.step[t.steps++] = live_add(&l, order);
	}
	t.fill = t.steps;
	while (t.steps < t.fill + churn) {
		if (l.frames + (1ul << order) > target) {
			t.step[t.steps++] = live_remove(&l, random_below(&seed, l.count));
		} else {
			t.step[t.steps++] = live_add(&l, order);
			order = orders == ORDERS_MIXED ? random_order(&seed) : 0;
		}
	}
	t.slots = l.slots;
	free(l.block);
	free(l.idle_slot);
	return t;
}

void trace_free(struct trace *t)
{
	free(t->step);
}
