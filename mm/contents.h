/* What taken blocks contain: zeroing what isn't known to be zero, counting what was, and the fills of DEBUG builds.
 *
 * The caller owns the block, so no lock is needed: a taken block's zero and reported bits say what its frames were
 * when it was taken (struct word). With as_was false (a block from a CPU's cache) they are out of date, and all of it
 * counts as dirty.
 */
#pragma once

#include "mm/buddy.h"
#include "mm/state.h"

/* Zeroes the frames of an allocated block that aren't known to be zero, outside of every lock, making way for others
 * now and then. Counts hits and misses. */
void contents_zero(struct mm *mm, pfn_t pfn, unsigned order, bool hot, bool as_was);

/* Zeroes count frames that the caller owns with non-temporal stores, fence included, making way for others. */
void contents_store_zero(pfn_t pfn, uint64_t count);

/* How many frames of a taken block were known to be zero. */
uint64_t contents_count_zero(struct mm *mm, pfn_t pfn, unsigned order);

static inline uint64_t contents_zero_frames(struct mm *mm, pfn_t pfn, unsigned order)
{
	/* The common case: a small block without any. */
	if (likely(order <= 6)) {
		const struct word *word = &mm->bits[area_of(mm, pfn)].word[pfn % AREA_FRAMES / 64];
		if (likely((word->zero >> (pfn % 64) & run_mask(order)) == 0))
			return 0;
	}
	return contents_count_zero(mm, pfn, order);
}

/* DEBUG: fills count frames that are about to be free and dirty, so that a use after free shows. */
void contents_fill(pfn_t pfn, uint64_t count);

/* DEBUG: panics when a frame of a block that was just taken doesn't hold what its state promises: zero, or the fill.
 * Frames that were reported are left alone. */
void contents_check_taken(struct mm *mm, pfn_t pfn, unsigned order, bool as_was);

/* DEBUG: panics unless all of the block reads as zero. */
void contents_check_zero(pfn_t pfn, unsigned order);
