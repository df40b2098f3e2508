/* The indexes: which area or gib has a run of some class and order. All calls want mm->lock held.
 *
 * An area lists itself once for each class in the part maps, under the largest order it has a run of there.
 * To save work it leaves out what says nothing new: a run of mixed states is listed (CLASS_UNREPORTED, CLASS_ALL) only
 * where it is larger than the runs of one state. So a search for a mixed run looks under the states too. Areas that
 * are wholly free are listed in gib.whole instead, in every class that they belong to, and gibs list their largest run
 * of such areas. A wholly free area of several states also lists its runs of each state, in slots of their own.
 *
 * area.fit is what is listed now: 4 bits for each class, 1 + the order (0 to 8) or 0; above them one bit for each class
 * in which the area is listed as whole; above them one that says that the lists are the coarse ones.
 */
#pragma once

#include "mm/run.h"
#include "mm/state.h"

#define FIT_BITS       4u
#define FIT_WHOLE(cls) (1ull << (FIT_BITS * CLASS_COUNT + (cls)))
#define FIT_COARSE     FIT_WHOLE(CLASS_COUNT)
#define FIT_PARTS      (FIT_WHOLE(0) - 1)

/* Sets of slots, as in mm.orders. */
#define SLOTS_FINE   ((1ull << MM_ORDER_AREA) - 1)
#define SLOTS_COARSE (SLOTS_FINE << SLOT_COARSE)
#define SLOTS_MIXED  (SLOTS_FINE << SLOT_MIXED)
#define SLOTS_PART   (SLOTS_FINE | SLOTS_COARSE) /* of areas that are partly in use */
#define SLOTS_WHOLE  (((1ull << SLOT_COARSE) - 1) & ~SLOTS_FINE)
#define SLOTS_ALL    (~0ull)

/* Where struct mm_parts has a slot of SLOTS_PART or SLOTS_MIXED. */
static inline unsigned part_of_slot(unsigned slot)
{
	return slot < MM_ORDER_AREA ? slot : slot - SLOT_COARSE + MM_ORDER_AREA;
}

static inline unsigned slot_of_part(unsigned part)
{
	return part < MM_ORDER_AREA ? part : part - MM_ORDER_AREA + SLOT_COARSE;
}

/* For low_only, where it isn't a request that says it. */
#define ANYWHERE false

static inline unsigned mm_fit_of(uint64_t fit, unsigned cls)
{
	return (unsigned)(fit >> (FIT_BITS * cls)) & 0xfu;
}

/* The gibs above 4 GiB of a list, after a word that says which of its words aren't 0. */
static inline uint64_t *index_high(const struct mm *mm, unsigned cls, unsigned slot)
{
	return mm->high + (size_t)(cls * SLOT_COUNT + slot) * (1 + mm->high_words);
}

/* Lists area a anew; index_area decides whether that is needed. */
void index_area_slow(struct mm *mm, uint32_t a);

/* Lists the loose area, see index_area. */
static inline void index_settle(struct mm *mm)
{
	if (mm->loose != AREA_NONE)
		index_area_slow(mm, mm->loose);
}

/* The orders of which a class has runs, wherever they lie. */
static inline uint32_t index_orders(struct mm *mm, unsigned cls)
{
	index_settle(mm);
	uint64_t slots = mm->orders[0][cls] | mm->orders[1][cls];

	return (uint32_t)((slots & (SLOTS_FINE | SLOTS_WHOLE)) | (slots >> SLOT_COARSE & SLOTS_FINE) |
			  slots >> SLOT_MIXED);
}

static inline bool index_has(struct mm *mm, unsigned cls, uint64_t slots)
{
	index_settle(mm);
	return ((mm->orders[0][cls] | mm->orders[1][cls]) & slots) != 0;
}

/* Whether a class has runs of order 0 to 8 above 4 GiB. */
static inline bool index_has_part_high(struct mm *mm, unsigned cls)
{
	if (mm->loose != AREA_NONE && mm->loose / GIB_AREAS >= mm->gib_low)
		index_settle(mm);
	return (mm->orders[1][cls] & SLOTS_PART) != 0;
}

/* The frames of word w of an area that are free and of a class. */
static inline uint64_t word_class(const struct area_bits *bits, unsigned w, unsigned cls)
{
	const struct mm_word *word = &bits->word[w];

	switch (cls) {
	case CLASS_DIRTY:
		return word->free & ~(word->zero | word->reported);
	case CLASS_ZERO:
		return word->free & word->zero & ~word->reported;
	case CLASS_REPORTED:
		return word->free & word->reported & ~(word->zero | bits->fresh[w]);
	case CLASS_REPORTED_ZERO:
		return word->free & word->reported & word->zero;
	case CLASS_FRESH:
		return word->free & word->reported & bits->fresh[w] & ~word->zero;
	case CLASS_UNREPORTED:
		return word->free & ~word->reported;
	default:
		return word->free;
	}
}

/* Brings the indexes up to date with area a after its words, counts or flags changed. Turns an area that became wholly
 * free and uniform into AREA_FREE.
 *
 * Where memory is well packed and no CPU keeps what it freed (memory is short, or caches are off), a free makes a hole
 * in a full area, and the next allocation fills it. So an area that was full and now has single frames isn't listed at
 * once then: it is loose until the indexes are asked for anything that it may have a part in (index_settle), or another
 * area is. */
static inline void index_area(struct mm *mm, uint32_t a)
{
	const struct mm_area *area = &mm->areas[a];

	if (likely(area->kind == AREA_MAPPED && area->pure != CLASS_MIXED && (area->flags & AREA_MIBS) == 0)) {
		unsigned fit = ladder_fit(area->ladder[area->pure]);
		if (unlikely(fit > MM_ORDER_AREA) && (area->flags & AREA_CURSORS) != 0)
			fit = MM_ORDER_AREA; /* wholly free, but serving order 0: offers order 8 at most */
		if ((uint64_t)fit << (FIT_BITS * area->pure) == area->fit && fit <= MM_ORDER_AREA)
			return;
		if (fit == 1 && area->fit == 0 && !mm->hot_open) {
			if (mm->loose != a) {
				index_settle(mm);
				mm->loose = a;
			}
			return;
		}
	}
	index_area_slow(mm, a);
}

/* For many areas of a gib at once: lists an AREA_FREE in its gib's maps, but leaves the gib's own lists, which
 * index_run makes once all n areas from first on are in. */
void index_area_whole(struct mm *mm, uint32_t a);
void index_run(struct mm *mm, uint32_t first, uint32_t n);

/* Takes n wholly free areas from first on, a block of order >= 9, out of all indexes. */
void index_remove_run(struct mm *mm, uint32_t first, uint32_t n);

/* Takes area a, wholly free, out of all indexes. */
void index_remove(struct mm *mm, uint32_t a);

/* An area's ladder of a class, which only a mixed area has all of. */
static inline uint64_t *area_ladder(struct mm *mm, uint32_t a, unsigned cls)
{
	if (likely(cls < STATE_COUNT))
		return &mm->areas[a].ladder[cls];
	return &mm->bits[a].unions[cls - STATE_COUNT];
}

/* Recomputes all ladders of a mixed area. */
void area_ladders(struct mm *mm, uint32_t a);

/* Gives a uniform free area its bitmaps and takes it out of the whole lists; index_area must follow. */
void area_map(struct mm *mm, uint32_t a);

/* Whether area a is loose and has frames of the class, which its fit doesn't say. */
static inline bool index_is_loose(const struct mm *mm, uint32_t a, unsigned cls)
{
	return mm->loose == a && mm->areas[a].pure == cls && mm->areas[a].free != 0;
}

/* Whether the loose area is what index_find_part would find for order 0, were it listed: no other area has runs as
 * short. */
static inline bool index_loose_is_best(const struct mm *mm, unsigned cls, bool low_only)
{
	const uint32_t a = mm->loose;

	if (a == AREA_NONE || !index_is_loose(mm, a, cls))
		return false;
	if (a / GIB_AREAS >= mm->gib_low)
		return !low_only && (mm->orders[1][cls] & 1) == 0;
	return (low_only || (mm->orders[1][cls] & SLOTS_PART) == 0) && (mm->orders[0][cls] & 1) == 0;
}

/* The area with the best fit for an order below 9 in a class; high first unless low_only. AREA_NONE: there is none.
 * part: of those that are partly in use; mixed: of those that are wholly free, of several states. */
uint32_t index_find_part(struct mm *mm, unsigned cls, unsigned order, bool low_only);
uint32_t index_find_mixed(struct mm *mm, unsigned cls, unsigned order, bool low_only);

/* The same for order 9 and above: the first area of the best run of areas. */
uint32_t index_find_whole(struct mm *mm, unsigned cls, unsigned order, bool low_only);
