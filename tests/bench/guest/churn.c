/* Plans and runs random work, a chunk at a time. */
#include "tests/bench/guest/churn.h"

#include <stdio.h>
#include <string.h>

struct step {
	uint32_t slot;
	uint16_t order;
	bool release;
};
static struct step plan[CHUNK_STEPS];

static uint64_t random_next(uint64_t *seed)
{
	uint64_t x = *seed;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*seed = x;
	return x * 0x2545f4914f6cdd1dull;
}

static uint64_t random_below(uint64_t *seed, uint64_t n)
{
	return (random_next(seed) >> 32) * n >> 32;
}

/* The same mix as in the native bench: 60% order 0, 12% 1, 8% 2, 8% 3, 4% 4, 3% 5, 2% 6, 1% each of 7, 8 and 9. */
static unsigned random_order(struct churn *c)
{
	static const unsigned char percent_up_to[] = {60, 72, 80, 88, 92, 95, 97, 98, 99, 100};
	unsigned dice = (unsigned)random_below(&c->seed, 100), order = 0;
	if (!c->mixed)
		return 0;
	while (dice >= percent_up_to[order])
		order++;
	return order;
}

bool churn_make(struct churn *c, bool mixed, unsigned percent)
{
	struct mm_totals t;
	memset(c, 0, sizeof(*c));
	mm_totals(&mm_system, &t);
	c->mixed = mixed;
	c->seed = 1;
	/* A block has 13.6 frames in the mean; a third of that is far from what chance will do to so many. */
	uint64_t blocks = t.free * percent / 100 / (mixed ? 4 : 1) + CHUNK_STEPS;
	if (!list_make(&c->live, blocks))
		return false;
	if (!list_make(&c->idle, blocks)) {
		list_drop(&c->live);
		return false;
	}
	if (!list_make(&c->slot, blocks)) {
		list_drop(&c->idle);
		list_drop(&c->live);
		return false;
	}
	mm_totals(&mm_system, &t);
	c->target = t.free * percent / 100;
	c->next_order = random_order(c);
	return true;
}

static struct step plan_alloc(struct churn *c)
{
	uint64_t slot = c->idle_count ? *list_at(&c->idle, --c->idle_count) : c->slot_count++;
	struct step s = {.slot = (uint32_t)slot, .order = (uint16_t)c->next_order};
	*list_at(&c->live, c->live_count++) = slot | (uint64_t)s.order << 32;
	c->used += 1ull << s.order;
	c->next_order = random_order(c);
	return s;
}

static struct step plan_free(struct churn *c)
{
	uint64_t *victim = list_at(&c->live, random_below(&c->seed, c->live_count));
	struct step s = {.slot = (uint32_t)*victim, .order = (uint16_t)(*victim >> 32), .release = true};
	*victim = *list_at(&c->live, --c->live_count);
	*list_at(&c->idle, c->idle_count++) = s.slot;
	c->used -= 1ull << s.order;
	return s;
}

void churn_plan(struct churn *c)
{
	for (unsigned i = 0; i < CHUNK_STEPS; i++) {
		bool full = c->used + (1ull << c->next_order) > c->target;
		plan[i] = full ? plan_free(c) : plan_alloc(c);
		c->filled |= full;
	}
}

void churn_run(struct churn *c)
{
	for (unsigned i = 0; i < CHUNK_STEPS; i++) {
		struct step s = plan[i];
		uint64_t *slot = list_at(&c->slot, s.slot);
		if (!s.release) {
			*slot = mm_alloc(&mm_system, s.order, MM_ANY);
			c->failures += *slot == MM_PFN_NONE;
		} else if (*slot != MM_PFN_NONE) {
			mm_free(&mm_system, *slot, s.order);
		}
	}
}

void churn_drop(struct churn *c)
{
	for (uint64_t i = 0; i < c->live_count; i++) {
		uint64_t live = *list_at(&c->live, i), pfn = *list_at(&c->slot, (uint32_t)live);
		if (pfn != MM_PFN_NONE)
			mm_free(&mm_system, pfn, (unsigned)(live >> 32));
	}
	list_drop(&c->slot);
	list_drop(&c->idle);
	list_drop(&c->live);
}
