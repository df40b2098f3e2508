/* Sums that the allocator keeps cleverly, done the plain way from mm_frame_state, and compared. */
#pragma once

#include "mm/mm.h"

/* Whether some aligned block of that order lies within the frames and is free, wholly. Blocks in batches count as free:
 * an allocation that needs them gets them. */
bool naive_has_block(struct mm *mm, pfn_t base, size_t frames, unsigned order);

/* Compares mm_count, over the frames and over a part of them, with the states of the frames one by one. */
void naive_check_count(struct mm *mm, pfn_t base, size_t frames);

/* Compares mm_buddy, and the free, zero and reported totals, with the states of all frames; base is aligned to
 * MM_ORDER_MAX or the frames are no more than their alignment. mm_count is compared first; then per-CPU caches are
 * drained. */
void naive_check_buddy(struct mm *mm, pfn_t base, size_t frames);
