/* The words every layer speaks: sizes, frame numbers, addresses.
 *
 *   frame   4 KiB of physical memory              pfn    its number, paddr >> 12
 *   block   1 << order frames, naturally aligned  area   2 MiB, 512 frames, one order-9 block
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t pfn_t;	  /* frame number */
typedef uint64_t paddr_t; /* physical byte address */

#define FRAME_SHIFT 12u
#define FRAME_SIZE  (1ul << FRAME_SHIFT)

#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define GIB (1ull << 30)

#define ARRAY_LEN(a)			(sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

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
