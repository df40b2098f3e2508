/* Runs: aligned groups of 2^order set bits among 512 bits in 8 words, and the ladder that finds them.
 *
 * A word's fit is 0 when it has no set bit, else 1 + the largest order (0 to 6) of an aligned run in it. A ladder
 * sorts 8 words by their fit: bit w of byte f is set when word w has fit f. So the highest set byte is the largest
 * fit, and the lowest set bit above a bound is the best fit with its word, both without a loop. Orders 7, 8 and 9 are
 * 2, 4 and 8 neighbouring full words, which byte 7 shows.
 *
 * A ladder is 64 bits, drawn as a rung for each byte. Each column is a word of bits and stands on one rung:
 *
 *                                        word  7 6 5 4 3 2 1 0
 *   byte 7, fit 7: all 64 bits, order 6        . . . . # # . .   words 2 and 3: a pair, which is a run of order 7
 *   byte 6, fit 6: a run of order 5            . . . . . . . .
 *   byte 5, fit 5: a run of order 4            . # . . . . . .
 *   byte 4, fit 4: a run of order 3            . . . # . . . .
 *   byte 3, fit 3: a run of order 2            . . . . . . . .
 *   byte 2, fit 2: a run of order 1            # . . . . . . #
 *   byte 1, fit 1: single bits, order 0        . . # . . . . .
 *   byte 0, fit 0: no bit                      . . . . . . # .
 *
 * What fits order 2 best? Rungs 3 and up will do. Shifted right by 3 bytes, the ladder's lowest set bit is that of word
 * 4, on rung 4: it has no longer run than order 3, so the longer ones of words 6, 2 and 3 stay whole. The largest run
 * of all is on the highest rung that isn't empty: order 7.
 */
#pragma once

#include "lib/bits.h"
#include "lib/types.h"

#define RUN_FIT_FULL 7u /* a word's fit when all 64 bits are set */

#define LADDER_COLUMN 0x0101010101010101ull
#define LADDER_EMPTY  0xffull	      /* every word has fit 0 */
#define LADDER_FULL   (0xffull << 56) /* every word has all bits set */

/* In each mask only those bits are set at which an aligned run of the next order may start. */
static const uint64_t run_starts[6] = {
	0x5555555555555555ull, 0x1111111111111111ull, 0x0101010101010101ull,
	0x0001000100010001ull, 0x0000000100000001ull, 0x0000000000000001ull,
};

/* Where aligned runs of 2^order set bits start in m; order 0 to 6. */
static inline uint64_t run_find(uint64_t m, unsigned order)
{
	for (unsigned i = 0; i < order; i++)
		m &= (m >> (1u << i)) & run_starts[i];
	return m;
}

/* 2^order set bits from position 0; order 0 to 6. */
static inline uint64_t run_mask(unsigned order)
{
	return ~0ull >> (64 - (1u << order));
}

/* The fit of a word. Unrolled, and the ends first: this is the one computation that every change of a word pays for. */
static inline unsigned run_fit(uint64_t m)
{
	if (m == 0)
		return 0;
	if ((uint32_t)m == ~0u || m >> 32 == ~0u)
		return m == ~0ull ? RUN_FIT_FULL : 6;
	m &= (m >> 1) & run_starts[0];
	if (m == 0)
		return 1;
	m &= (m >> 2) & run_starts[1];
	if (m == 0)
		return 2;
	m &= (m >> 4) & run_starts[2];
	if (m == 0)
		return 3;
	m &= (m >> 8) & run_starts[3];
	return m == 0 ? 4 : 5;
}

/* Where the best runs of 2^order bits in m start: those whose buddy isn't free if there are some, else all. That looks
 * only one order ahead; the ladder has chosen the word with the smallest runs already, and looking further costs more
 * than it packs. m must have one; order 0 to 6. */
static inline uint64_t run_best_set(uint64_t m, unsigned order)
{
	uint64_t fits = run_find(m, order);

	if (order < 6) {
		uint64_t pairs = fits & (fits >> (1u << order)) & run_starts[order];
		uint64_t single = fits & ~(pairs | pairs << (1u << order));
		fits = single != 0 ? single : fits; /* no branch: which it is can't be predicted */
	}
	return fits;
}

/* The first of them. */
static inline unsigned run_best(uint64_t m, unsigned order)
{
	return bit_first(run_best_set(m, order));
}

static inline uint64_t ladder_set(uint64_t ladder, unsigned word, unsigned fit)
{
	return (ladder & ~(LADDER_COLUMN << word)) | BIT(8 * fit + word);
}

/* The largest fit of all words together: 1 + order, order 0 to 9; 0 when no bit is set anywhere. */
static inline unsigned ladder_fit(uint64_t ladder)
{
	uint64_t full = ladder >> 56;

	if (likely(full == 0))
		return bit_last(ladder) / 8;
	full &= (full >> 1) & 0x55;
	if (full == 0)
		return 7;
	full &= (full >> 2) & 0x11;
	if (full == 0)
		return 8;
	return (full & (full >> 4)) != 0 ? 10 : 9;
}

/* The words that fit 2^order best; order 0 to 6, the ladder must have one. Bit w says word w, and so does bit w of a
 * larger byte, for those that fit less well. */
static inline uint64_t ladder_fits(uint64_t ladder, unsigned order)
{
	return ladder >> (8 * (order + 1));
}

/* The same without the others. */
static inline uint64_t ladder_best_set(uint64_t ladder, unsigned order)
{
	uint64_t fits = ladder_fits(ladder, order);

	return fits >> (bit_first(fits) & 56) & 0xff;
}

/* The first of them. */
static inline unsigned ladder_best(uint64_t ladder, unsigned order)
{
	return bit_first(ladder_fits(ladder, order)) % 8;
}

/* The first ones of the full words that fit order 7, 8 or 9 best; the ladder must have them. */
static inline unsigned ladder_best_words_set(uint64_t ladder, unsigned order)
{
	unsigned full = (unsigned)(ladder >> 56);
	unsigned pairs = full & (full >> 1) & 0x55;
	unsigned quads = pairs & (pairs >> 2) & 0x11;

	if (order == 7) {
		unsigned single = pairs & ~(quads | quads << 2);
		return single != 0 ? single : pairs;
	}
	return order == 8 ? quads : 1;
}

static inline unsigned ladder_best_words(uint64_t ladder, unsigned order)
{
	return bit_first(ladder_best_words_set(ladder, order));
}
