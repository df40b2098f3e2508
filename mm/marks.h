/* How much zeroed memory is meant to be in stock, and who pays for zeroing: what zeroing, reporting and the allocator
 * each want to know without knowing one another.
 *
 * Where zeroing isn't built in (zero.c, ledger.c and marks.c left out, MM_ZERO defined as 0) these are constants: no
 * marks, nothing held, the allocation pays. MM_ZERO is 1 unless the build says otherwise.
 */
#pragma once

#include "mm/state.h"
#include "mm/zero_policy.h"

#ifndef MM_ZERO
#define MM_ZERO 1
#endif

extern uint64_t zero_policy_knob; /* enum zero_policy */

static inline bool zero_at_free(void)
{
	return MM_ZERO && zero_policy_knob == ZERO_POLICY_FREE;
}

/* The marks in frames; a low mark above the high one counts as the high one. */
uint64_t marks_low(const struct mm *mm);
uint64_t marks_high(const struct mm *mm);

/* All that is zero stays in stock: `zero now` was asked for, and nothing else since. While it is under way that holds
 * in any case, for what was reported meanwhile would be zeroed again, without an end. */
static inline bool marks_hold(const struct mm *mm)
{
	return mm->stock_hold || (mm->zero_engine.now && !mm->zero_engine.paused);
}

/* How many frames, zero or still dirty, are kept from reporting for the stock. */
static inline uint64_t marks_goal(const struct mm *mm)
{
	return !MM_ZERO ? 0 : marks_hold(mm) ? mm->managed : marks_high(mm);
}

/* Asks for that many frames of zeroed memory, in free unreported blocks of at least that order, to be given away:
 * beyond the marks, under every policy, without zero.delay_ms. Takes the place of the demand before, 0 takes it back;
 * zeroing counts it down. The lock is held. */
static inline void marks_demand(struct mm *mm, unsigned order, uint64_t frames)
{
	mm->demand = (struct zero_demand){.order = order, .frames = frames};
}

/* Whether some of what was demanded is being zeroed: it isn't free until then, and may complete a block. The lock is
 * held. Only where zeroing is built in. */
bool marks_demand_under_way(const struct mm *mm);

/* Ends `zero now`, and what it zeroed isn't kept any more: the host shall have it. */
static inline void marks_release(struct mm *mm)
{
	mm->stock_hold = false;
	mm->zero_engine.now = false;
}
