/* How much zeroed memory is meant to be in stock, and who pays for zeroing: what zeroing, reporting and the allocator
 * each want to know without knowing one another.
 */
#pragma once

#include "mm/state.h"
#include "mm/zero.h"

extern uint64_t zero_policy_knob; /* enum zero_policy */

static inline bool zero_at_free(void)
{
	return zero_policy_knob == ZERO_POLICY_FREE;
}

/* The marks in frames; a low mark above the high one counts as the high one. */
uint64_t marks_low(const struct mm *mm);
uint64_t marks_high(const struct mm *mm);

/* All that is zero stays in stock: `zero now` was asked for, and nothing else since. While it is under way that holds
 * in any case, for what was reported meanwhile would be zeroed again, without an end. */
bool marks_hold(const struct mm *mm);

/* So many frames, zero or still dirty, are kept from reporting for the stock. */
uint64_t marks_goal(const struct mm *mm);

/* Ends `zero now`, and what it zeroed isn't kept any more: the host shall have it. */
void marks_release(struct mm *mm);
