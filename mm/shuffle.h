/* Random places: with mm.shuffle on, chance chooses from what is equally good, so that somebody who can't see the
 * allocator can't guess which frame a request gets. Everything that decides what is better (the order of preference,
 * best fit within areas and gibs, an area at a time for frames) decides as it does without.
 *
 * What is chosen by chance: the gib and area among those that are listed under the same order, the word of an area
 * among those of the same fit, the run among those of a word; and the order in which frames that are taken together
 * come. A CPU's cache gives back first what was freed last, as ever. Each step is evenly spread; the steps together
 * needn't be.
 *
 * The generator is xorshift64*: quick and even, but not secret from somebody who sees many of its choices.
 */
#pragma once

#include "lib/bits.h"
#include "mm/state.h"

/* A number below n, n at least 1. The lock is held, here and below. */
static inline uint64_t shuffle_below(struct mm *mm, uint64_t n)
{
	uint64_t x = mm->shuffle_state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	mm->shuffle_state = x;
	return (x * 0x2545f4914f6cdd1dull >> 32) * n >> 32;
}

/* One of the set bits of m, which has one. */
static inline unsigned shuffle_bit(struct mm *mm, uint64_t m)
{
	for (uint64_t skip = shuffle_below(mm, bit_count(m)); skip != 0; skip--)
		m &= m - 1;
	return bit_first(m);
}

/* Puts n frames in a random order. */
void shuffle_pfns(struct mm *mm, pfn_t *pfns, size_t n);

/* For mm_init: on if the knob says so. */
void shuffle_init(struct mm *mm);
