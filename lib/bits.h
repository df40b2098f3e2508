/* Bit arithmetic on 64-bit words. Positions count from 0, the least significant bit. */
#pragma once

#include "lib/types.h"

#undef BIT
#define BIT(n) (1ull << (n))

/* As in lib/types.h: beside a port's own. */
#undef bit_first
#undef bit_last
#undef bit_count
#undef bits_low
#undef is_aligned
#undef align_down
#undef align_up
#define bit_first  lib_bit_first
#define bit_last   lib_bit_last
#define bit_count  lib_bit_count
#define bits_low   lib_bits_low
#define is_aligned lib_is_aligned
#define align_down lib_align_down
#define align_up   lib_align_up

/* The lowest set bit's position; v must not be 0. */
static inline unsigned bit_first(uint64_t v)
{
	return (unsigned)__builtin_ctzll(v);
}

/* The highest set bit's position; v must not be 0. */
static inline unsigned bit_last(uint64_t v)
{
	return 63u - (unsigned)__builtin_clzll(v);
}

/* How many bits are set. Without the POPCNT instruction (not in the x86-64 baseline that the kernel is built for)
 * the compiler would call a library routine; this is the classic sideways addition instead. */
static inline unsigned bit_count(uint64_t v)
{
#ifdef __POPCNT__
	return (unsigned)__builtin_popcountll(v);
#else
	v -= (v >> 1) & 0x5555555555555555ull;
	v = (v & 0x3333333333333333ull) + ((v >> 2) & 0x3333333333333333ull);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (unsigned)((v * 0x0101010101010101ull) >> 56);
#endif
}

/* n set bits from position 0; n is 0 to 64. */
static inline uint64_t bits_low(unsigned n)
{
	return n >= 64 ? ~0ull : BIT(n) - 1;
}

static inline bool is_aligned(uint64_t v, uint64_t power_of_two)
{
	return (v & (power_of_two - 1)) == 0;
}

static inline uint64_t align_down(uint64_t v, uint64_t power_of_two)
{
	return v & ~(power_of_two - 1);
}

/* Wraps round when v lies within power_of_two of 2^64: callers that take untrusted values check first. */
static inline uint64_t align_up(uint64_t v, uint64_t power_of_two)
{
	return align_down(v + power_of_two - 1, power_of_two);
}
