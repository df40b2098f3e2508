/* Geometry: in which area a frame lies, where an area begins, and whether a frame is the allocator's at all. Arithmetic
 * over what mm_init laid out, so it needs no lock.
 *
 * Areas and gibs are numbered through those gibs that have frames of ours: the hole below 4 GiB takes no metadata. So
 * area a lies in gib a / GIB_AREAS, and mm.gib_index and mm.gib_number turn a gib's number into its address and back.
 */
#pragma once

#include "mm/state.h"

/* The area that a frame lies in; the frame's gib must be one of ours (buddy_holds). */
static inline uint32_t mm_area_of(const struct mm *mm, pfn_t pfn)
{
	return mm->gib_index[pfn / GIB_FRAMES] * GIB_AREAS + (uint32_t)(pfn / AREA_FRAMES % GIB_AREAS);
}

/* An area's first frame. */
static inline pfn_t area_pfn(const struct mm *mm, uint32_t a)
{
	return (pfn_t)mm->gib_number[a / GIB_AREAS] * GIB_FRAMES + (pfn_t)(a % GIB_AREAS) * AREA_FRAMES;
}

/* Whether a frame, whatever its number, lies in an area of ours. The area may have holes (AREA_HOLES) all the same. */
static inline bool buddy_holds(const struct mm *mm, pfn_t pfn)
{
	/* GIB_NONE is beyond all areas. */
	return pfn / GIB_FRAMES < mm->gib_span && mm_area_of(mm, pfn) < mm->area_count;
}

/* The word of bits that a frame of area a has its bit in: bit pfn % 64. Stale unless the area has bitmaps. */
static inline struct mm_word *mm_word_of(const struct mm *mm, uint32_t a, pfn_t pfn)
{
	return &mm->bits[a].word[pfn % AREA_FRAMES / 64];
}

/* The one state of all frames of word w in mask, or CLASS_MIXED: what free ones are, what owned ones were. */
static inline unsigned mm_mask_state(const struct area_bits *bits, unsigned w, uint64_t mask)
{
	const uint64_t zero = bits->word[w].zero & mask, reported = bits->word[w].reported & mask;
	const uint64_t fresh = bits->fresh[w] & mask;

	if ((zero != 0 && zero != mask) || (reported != 0 && reported != mask))
		return CLASS_MIXED;
	if (zero != 0 || reported == 0 || fresh == 0)
		return (zero != 0 ? 1u : 0u) | (reported != 0 ? 2u : 0u);
	return fresh == mask ? CLASS_FRESH : CLASS_MIXED;
}
