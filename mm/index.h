/* The indexes: which area or gib has a run of some class and order. All calls want mm->lock held.
 *
 * An area lists itself once for each class in the part map of its gib, under the largest order it has a run of there. To
 * save work it leaves out what says nothing new: a run of mixed states is listed (CLASS_UNREPORTED, CLASS_ALL) only
 * where it is larger than the runs of one state. So who looks for a mixed run looks under the states too. Areas that are wholly free
 * are listed in whole instead, in every class that they belong to, and gibs list their largest run of such areas.
 *
 * area.fit is what is listed now: 4 bits for each class, 1 + the order (0 to 8) or 0; above them one bit for each class
 * in which the area is listed as whole.
 */
#pragma once

#include "mm/run.h"
#include "mm/state.h"

#define FIT_BITS       4u
#define FIT_WHOLE(cls) (1u << (FIT_BITS * CLASS_COUNT + (cls)))

#define ORDERS_PART  ((1u << MM_ORDER_AREA) - 1)
#define ORDERS_WHOLE (~ORDERS_PART)

/* In mm.present: there is a listed run of the class within an area; there is a listed whole area. */
#define PRESENT_PART(cls)  (1u << (cls))
#define PRESENT_WHOLE(cls) (1u << (8 + (cls)))

static inline unsigned fit_of(uint32_t fit, unsigned cls)
{
	return (fit >> (FIT_BITS * cls)) & 0xfu;
}

/* The frames of a word that are free and of a class. */
static inline uint64_t word_class(const struct word *w, unsigned cls)
{
	switch (cls) {
	case CLASS_DIRTY:
		return w->free & ~(w->zero | w->reported);
	case CLASS_ZERO:
		return w->free & w->zero & ~w->reported;
	case CLASS_REPORTED:
		return w->free & w->reported & ~w->zero;
	case CLASS_REPORTED_ZERO:
		return w->free & w->reported & w->zero;
	case CLASS_UNREPORTED:
		return w->free & ~w->reported;
	default:
		return w->free;
	}
}

/* Brings the indexes up to date with area a after its words, counts or flags changed. Turns an area that became wholly
 * free and uniform into AREA_FREE. */
void index_area(struct mm *mm, uint32_t a);

/* Takes area a, wholly free, out of all indexes. */
void index_remove(struct mm *mm, uint32_t a);

/* Recomputes all ladders of a mixed area. */
void area_ladders(struct mm *mm, struct area *area, struct area_bits *bits);

/* Gives a uniform free area its bitmaps and takes it out of the whole lists; index_area must follow. */
void area_map(struct mm *mm, uint32_t a);

/* The area with the best fit for an order below 9 in a class; high first unless low_only. AREA_NONE: there is none. */
uint32_t index_find_part(struct mm *mm, unsigned cls, unsigned order, bool low_only);

/* The same for order 9 and above: the first area of the best run of areas. */
uint32_t index_find_whole(struct mm *mm, unsigned cls, unsigned order, bool low_only);
