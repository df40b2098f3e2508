/* Recorded work: the same operations for every allocator, made before anything is measured. */
#pragma once

#include "lib/types.h"

/* xorshift*: cheap, and the same everywhere. The state must not be 0. */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull;
}

static inline size_t random_below(uint64_t *state, size_t n)
{
	return (size_t)((random_next(state) >> 32) * n >> 32);
}

void shuffle(uint32_t *v, size_t n, uint64_t seed);

/* One operation: allocate a block of this order into this slot, or free the block that is there. */
struct step {
	uint32_t slot;
	uint8_t order;
	bool release;
};

/* First fill steps allocate up to the occupancy; the others keep it there: an allocation whose block doesn't fit the
 * occupancy is preceded by as many frees of random victims as it takes. */
struct trace {
	struct step *step;
	size_t steps;
	size_t fill;
	size_t slots;
};

enum trace_orders { ORDER_0, ORDERS_MIXED };

/* percent of frames are occupied. ORDERS_MIXED: orders 0 to 9, of which 60% 0, 12% 1, 8% 2, 8% 3, 4% 4, 3% 5, 2% 6,
 * 1% 7, 1% 8 and 1% 9; else order 0 only. */
struct trace trace_make(size_t frames, unsigned percent, enum trace_orders orders, size_t churn, uint64_t seed);
void trace_free(struct trace *t);
