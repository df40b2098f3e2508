/* Ways to store zeroes, each a loop over whole lines of 64 bytes: what the port zeroes frames with, and what it was
 * chosen from (`bench zero`). None needs a vector register but zero_movntdq.
 *
 * p      aligned to 64; bytes a multiple of 64, not 0
 * Order  non-temporal stores are visible to others only after an SFENCE, which is the caller's.
 */
#pragma once

#include "lib/types.h"

/* The eight stores of the line at %0 + n: %1 to it. */
#define ZERO_LINE(op, n)                                                                                               \
	op " %1, " #n "(%0)\n\t" op " %1, " #n "+8(%0)\n\t" op " %1, " #n "+16(%0)\n\t" op " %1, " #n "+24(%0)\n\t" op \
	   " %1, " #n "+32(%0)\n\t" op " %1, " #n "+40(%0)\n\t" op " %1, " #n "+48(%0)\n\t" op " %1, " #n "+56(%0)"

/* Four lines at a time while there are so many, then one: the loop's own instructions are a quarter then. */
#define ZERO_LINES(op, p, bytes)                                                                     \
	do {                                                                                         \
		char *at_ = (p);                                                                     \
		const char *const end_ = at_ + (bytes), *const last_ = end_ - (bytes) % 256;         \
		for (; at_ != last_; at_ += 256)                                                     \
			__asm__ volatile(ZERO_LINE(op, 0) "\n\t" ZERO_LINE(op, 64) "\n\t" ZERO_LINE( \
						 op, 128) "\n\t" ZERO_LINE(op, 192)::"r"(at_),       \
					 "r"(0ull)                                                   \
					 : "memory");                                                \
		for (; at_ != end_; at_ += 64)                                                       \
			__asm__ volatile(ZERO_LINE(op, 0)::"r"(at_), "r"(0ull) : "memory");          \
	} while (0)

/* Non-temporal, 8 bytes. Whole lines, so that each write-combining buffer fills up and leaves as one. */
static inline void zero_movnti(void *p, size_t bytes)
{
	ZERO_LINES("movnti", p, bytes);
}

/* Non-temporal, 16 bytes (movntdq.S): for benchmarks. In a kernel the vector unit must be on, and the caller must not
 * be switched away from; XMM0 is kept. */
void zero_movntdq(void *p, size_t bytes);

/* Non-temporal, 64 bytes at once; CPUID leaf 7, ECX bit 28. */
#define ZERO_MOVDIR64B_CPUID_7_C (1u << 28)
static inline void zero_movdir64b(void *p, size_t bytes)
{
	static const uint64_t zeroes[8] __attribute__((aligned(64)));
	char *at = p;
	const char *end = at + bytes;

	for (; at != end; at += 64)
		__asm__ volatile("movdir64b %1, %0" : : "r"(at), "m"(zeroes) : "memory");
}

static inline void zero_rep_stosq(void *p, size_t bytes)
{
	uint64_t words = bytes / sizeof(uint64_t);

	__asm__ volatile("rep stosq" : "+D"(p), "+c"(words) : "a"(0ull) : "memory");
}

/* Ordinary, 8 bytes, one by one. */
static inline void zero_mov(void *p, size_t bytes)
{
	char *at = p;
	const char *end = at + bytes;

	for (; at != end; at += 8)
		__asm__ volatile("movq %1, (%0)" : : "r"(at), "r"(0ull) : "memory");
}

/* Ordinary, 8 bytes, a line at a time. */
static inline void zero_mov_line(void *p, size_t bytes)
{
	ZERO_LINES("movq", p, bytes);
}

/* Which of them the kernel's port uses, by the names that `bench zero` has for them: for idle zeroing and for
 * MM_ZERO_HOT. */
const char *zero_cold_name(void);
const char *zero_hot_name(void);
