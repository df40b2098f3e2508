/* The buddy allocator proper: takes blocks out of the free memory and gives them back. Everything here wants mm->lock
 * held; policy (what to take first, zeroing, caches, waiting) is alloc.c's, batches are page_proc.c's.
 *
 * Inside an area nothing is split or merged: an aligned run of free bits is a block. Areas come and go as a whole.
 */
#pragma once

#include "mm/index.h"
#include "mm/kept.h"
#include "mm/state.h"

/* What becomes of a block that is taken. */
enum buddy_take {
	TAKE_ALLOCATE, /* somebody owns it */
	TAKE_ISOLATE,  /* a page processor works on it */
};

/* Takes the best fit of a class for order 0 to 8 from the areas that are in use already. MM_PFN_NONE: none. */
pfn_t buddy_take_part(struct mm *mm, unsigned order, unsigned cls, bool low_only, enum buddy_take how);

/* Takes order 0 to 8 by breaking a wholly free area of the class. */
pfn_t buddy_take_break(struct mm *mm, unsigned order, unsigned cls, bool low_only, enum buddy_take how);

/* Takes order 9 to 18. */
pfn_t buddy_take_whole(struct mm *mm, unsigned order, unsigned cls, bool low_only, enum buddy_take how);

/* Takes the best fit of area a, which is mapped and has a run of the class for an order below 9. */
pfn_t buddy_take_from(struct mm *mm, uint32_t a, unsigned order, unsigned cls, enum buddy_take how);

/* Takes as many as count frames of the class from area a, which has one, a block of order 0 each, the lowest ones, and
 * stores their pfns, the lowest first unless shuffled. Returns how many, at least 1. */
size_t buddy_take_frames(struct mm *mm, uint32_t a, unsigned cls, size_t count, pfn_t *pfns);

/* Takes exactly these frames, all free and in one area, as allocated blocks of order 0. */
void buddy_take_exact(struct mm *mm, pfn_t pfn, unsigned count);

/* Gives a taken block back, allocated or isolated, whole. state, here and below, is what it contains: one of the
 * states of a frame (CLASS_DIRTY to CLASS_FRESH), or GIVE_AS_WAS. */
void buddy_give(struct mm *mm, pfn_t pfn, unsigned order, unsigned state);

/* Gives count frames back that are part of taken blocks of order 0 to 8 and lie in one area. */
void buddy_give_frames(struct mm *mm, pfn_t pfn, unsigned count, unsigned state);

/* Gives the frames of mask in word w of area a back, all of them allocated blocks of order 0. */
void buddy_give_mask(struct mm *mm, uint32_t a, unsigned w, uint64_t mask, unsigned state);

/* Lets go of cursors that keep a wholly free area from being one. */
void buddy_cursor_release(struct mm *mm);

/* Panics unless pfn, order is an allocated block. caller is named in the message. */
void buddy_verify(struct mm *mm, pfn_t pfn, unsigned order, const void *caller);

/* Whether pfn, order (0 to 6), in area a of ours, surely is an allocated block: the quick yes of buddy_verify, which
 * has the reasons. Without the lock the answer holds for whoever owns the block. */
static inline __attribute__((always_inline)) bool buddy_is_block(const struct mm *mm, uint32_t a, pfn_t pfn,
								 unsigned order)
{
	const struct mm_area *area = &mm->areas[a];
	const struct area_bits *bits = &mm->bits[a];
	const unsigned at = pfn % AREA_FRAMES, bit = at % 64, n = 1u << order;
	const struct mm_word *word = &bits->word[at / 64];
	const uint64_t mask = run_mask(order) << bit;

	if (unlikely(area->kind != AREA_MAPPED || (at & (n - 1)) != 0))
		return false;
	if (unlikely((word->start & mask) != BIT(bit) || (word->free & mask) != 0))
		return false;
	/* A first frame that is isolated too isn't ours; and no frame of a block is with a page processor. */
	if (((area->flags & AREA_HOLES) != 0 || (unlikely(mm->isolated != 0) && n != 1)) &&
	    (bits->isolated[at / 64] & mask) != 0)
		return false;
	if (order == 0 && kept_holds(mm, pfn))
		return false;
	/* At an odd place of its order nothing larger can start; else the frame after ours must not be a part of it. No
	 * branch, since places are as good as random. */
	const struct mm_word *next = &bits->word[(at + n) / 64 % AREA_WORDS];
	return (((next->free | next->start) >> ((bit + n) % 64) | at >> order) & 1) != 0;
}
