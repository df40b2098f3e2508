/* The words every layer speaks: sizes, frame numbers, addresses.
 *
 * Many a kernel has some of these itself. In mm/ the port, and through it the kernel around, is seen first: what it
 * says stays as it was read, and what follows means ours. So ours take the place of its macros, and its functions and
 * ours, which have names of their own behind these, are different ones.
 */
#pragma once

#include "lib/frame.h"

#undef KIB
#undef MIB
#undef GIB
#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define GIB (1ull << 30)

#undef ARRAY_LEN
#undef CONTAINER_OF
#define ARRAY_LEN(a)			(sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#undef likely
#undef unlikely
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#undef smaller
#undef larger
#undef pfn_to_paddr
#undef paddr_to_pfn
#define smaller	     lib_smaller
#define larger	     lib_larger
#define pfn_to_paddr lib_pfn_to_paddr
#define paddr_to_pfn lib_paddr_to_pfn

static inline uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline paddr_t pfn_to_paddr(pfn_t pfn)
{
	return pfn << FRAME_SHIFT;
}

static inline pfn_t paddr_to_pfn(paddr_t paddr)
{
	return paddr >> FRAME_SHIFT;
}
