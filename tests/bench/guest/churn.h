/* Random work at a steady occupancy, made in chunks ahead of being measured.
 *
 * A chunk is simulated first, which needs no allocator: which blocks live, which random victim goes. Running it is a
 * loop over finished steps, so the clock sees the allocator and little else.
 */
#pragma once

#include "tests/bench/guest/guest.h"

#define CHUNK_STEPS 4096u

struct churn {
	bool mixed;	 /* orders 0 to 9, mostly small; else order 0 */
	uint64_t target; /* frames that may be occupied */
	uint64_t used;	 /* frames that are */
	bool filled;	 /* used has reached target: frees and allocations alternate from then on */
	uint64_t seed;
	unsigned next_order;
	uint64_t live_count, idle_count, slot_count;
	struct list live; /* slot | order << 32 of each living block, in no order */
	struct list idle; /* slots without a block */
	struct list slot; /* pfn of each slot's block */
	uint64_t failures;
};

/* Lists for a percentage of what is free now. False: no memory, said so. Fills nothing yet. */
bool churn_make(struct churn *c, bool mixed, unsigned percent);
void churn_drop(struct churn *c); /* frees every living block */

/* Simulates the next chunk; then churn_run does it. While used is far below target they are allocations only. */
void churn_plan(struct churn *c);
void churn_run(struct churn *c);
