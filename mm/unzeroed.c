/* Areas with a zero run and something dirty beside; see unzeroed.h. */
#include "port/mm_port.h"

#include "mm/unzeroed.h"

#include "lib/bits.h"
#include "mm/index.h"

/* Of the 8 words of areas in a gib, those with one whose largest run of a class is of order from to to - 1. */
static unsigned words_with(const struct mm_gib *g, unsigned cls, unsigned from, unsigned to)
{
	unsigned words = 0;

	for (unsigned order = from; order < to; order++)
		words |=
			g->part_words[cls][part_of_slot(order)] | g->part_words[cls][part_of_slot(SLOT_COARSE + order)];
	return words;
}

/* The same of the 64 areas of a word. */
static uint64_t areas_with(const struct mm_parts *p, unsigned cls, unsigned from, unsigned to)
{
	uint64_t areas = 0;

	for (unsigned order = from; order < to; order++)
		areas |= p->map[cls][part_of_slot(order)] | p->map[cls][part_of_slot(SLOT_COARSE + order)];
	return areas;
}

static uint32_t find_in_gib(const struct mm *mm, uint32_t gi, unsigned order)
{
	const struct mm_gib *g = &mm->gibs[gi];
	unsigned words = words_with(g, CLASS_DIRTY, 0, MM_ORDER_AREA);

	if (words != 0)
		words &= words_with(g, CLASS_ZERO, order, MM_ORDER_AREA);
	for (; words != 0; words &= words - 1) {
		const uint32_t w = gi * AREA_WORDS + bit_first(words);
		const uint64_t areas = areas_with(&mm->parts[w], CLASS_DIRTY, 0, MM_ORDER_AREA) &
				       areas_with(&mm->parts[w], CLASS_ZERO, order, MM_ORDER_AREA);
		if (areas != 0)
			return w * 64 + bit_first(areas);
	}
	return AREA_NONE;
}

uint32_t mm_unzeroed_find(struct mm *mm, unsigned order)
{
	const uint32_t most = mm->gib_count < UNZEROED_GIBS ? mm->gib_count : UNZEROED_GIBS;

	if (order >= MM_ORDER_AREA || !index_has(mm, CLASS_ZERO, SLOTS_PART) || !index_has(mm, CLASS_DIRTY, SLOTS_PART))
		return AREA_NONE;
	for (uint32_t n = 0; n < most; n++) {
		const uint32_t a = find_in_gib(mm, mm->unzeroed_gib, order);
		if (a != AREA_NONE)
			return a;
		mm->unzeroed_gib = mm->unzeroed_gib + 1 < mm->gib_count ? mm->unzeroed_gib + 1 : 0;
	}
	return AREA_NONE;
}
