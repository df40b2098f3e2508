/* Taking mm's lock, and knowing how long it was held.
 *
 * Reading the clock costs as much as an order-0 allocation, so of the calls whose work is bounded by a few words only
 * every LOCK_SAMPLEth is timed; those whose work grows with an order or a count are timed always. The longest time is
 * the row mm.lock_max_ns.
 */
#pragma once

#include "mm/state.h"

#define LOCK_SAMPLE 64u

static inline void mm_lock(struct mm *mm)
{
	mm_port_lock(&mm->lock);
	if (unlikely(++mm->lock_count % LOCK_SAMPLE == 0))
		mm->lock_since_ns = mm_port_now_ns();
}

static inline void mm_lock_timed(struct mm *mm)
{
	mm_port_lock(&mm->lock);
	mm->lock_since_ns = mm_port_now_ns();
}

static inline void mm_unlock(struct mm *mm)
{
	if (unlikely(mm->lock_since_ns != 0)) {
		uint64_t held = mm_port_now_ns() - mm->lock_since_ns;
		if (held > mm->lock_max_ns)
			mm->lock_max_ns = held;
		mm->lock_since_ns = 0;
	}
	mm_port_unlock(&mm->lock);
}
