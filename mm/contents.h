/* What taken blocks contain: zeroing what isn't known to be zero, counting what was, and the fills of DEBUG builds.
 *
 * The caller owns the block, so no lock is needed: a taken block's zero and reported bits say what its frames were
 * when it was taken (struct mm_word). Those of a block from a CPU's cache are out of date: all of it counts as dirty.
 */
#pragma once

#include "mm/place.h"
#include "mm/run.h"
#include "mm/state.h"

enum mm_block_bits {
	BITS_STALE, /* out of date: anything may be in the block */
	BITS_TRUE,  /* what the block's frames were when it was taken just now */
};

/* Zeroes count frames that the caller owns with non-temporal stores, fence included, making way for others. */
void contents_store_zero(pfn_t pfn, uint64_t count);

/* How many frames of a taken block were known to be zero: the walk, and in front of it the common cases, which are
 * small blocks and uniform areas, without a call. */
uint64_t contents_count_zero(struct mm *mm, pfn_t pfn, unsigned order);

static inline uint64_t contents_zero_frames(struct mm *mm, pfn_t pfn, unsigned order)
{
	const uint32_t a = mm_area_of(mm, pfn);

	if (likely(order <= 6)) {
		const uint64_t mask = run_mask(order);
		const uint64_t zero = mm_word_of(mm, a, pfn)->zero >> (pfn % 64) & mask;
		if (likely(zero == 0 || zero == mask))
			return zero == 0 ? 0 : 1ull << order;
	} else if (order == MM_ORDER_AREA && mm->areas[a].kind != AREA_MAPPED && mm->areas[a].pure != CLASS_MIXED) {
		return (mm->areas[a].pure & 1) != 0 ? AREA_FRAMES : 0;
	}
	return contents_count_zero(mm, pfn, order);
}

/* Zeroes the frames of an allocated block that aren't known to be zero, outside of every lock, making way for others
 * now and then. Counts hits and misses. hot: with ordinary stores, since the block is touched at once. */
void contents_make_zero(struct mm *mm, pfn_t pfn, unsigned order, bool hot, enum mm_block_bits bits);

static inline void contents_zero(struct mm *mm, struct mm_cpu *cpu, pfn_t pfn, unsigned order, bool hot,
				 enum mm_block_bits bits)
{
	/* The stock's common case, without a look at the clock. */
	if (bits == BITS_TRUE && contents_zero_frames(mm, pfn, order) == 1ull << order)
		cpu->hit_frames += 1ull << order;
	else
		contents_make_zero(mm, pfn, order, hot, bits);
}

/* DEBUG: fills count frames that are about to be free and dirty, so that a use after free shows. */
void contents_fill(pfn_t pfn, uint64_t count);

/* DEBUG: panics when a frame of a block that was just taken doesn't hold what its state promises: zero, or the fill.
 * Frames that were reported to a host that doesn't keep zero are left alone. */
void contents_check_taken(struct mm *mm, pfn_t pfn, unsigned order, enum mm_block_bits bits);

/* DEBUG: panics unless all of the block reads as zero. */
void contents_check_zero(pfn_t pfn, unsigned order);
