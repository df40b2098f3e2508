/* Words that a kernel is likely to have itself, with meanings of its own, beside which mm/ must build and work. */
#pragma once

#include <stdint.h>

#define KIB	      1024u
#define MIB	      (1024u * KIB)
#define GIB	      (1024u * MIB)
#define ARRAY_LEN(a)  0
#define BIT(n)	      (1u << (n))
#define ASSERT(c)     ((void)0)
#define likely(x)     (x)
#define unlikely(x)   (x)
#define smaller(a, b) ((a) < (b) ? (a) : (b))
#define is_aligned(a) (((a)&7) == 0)
#define align_up(a)   (((a) + 7) & ~7)

struct area;
struct word;
struct gib;
struct parts;
struct rate {
	int hz;
};
struct request {
	struct area *next;
};
struct cpu {
	int number;
};

static inline struct cpu *this_cpu(void)
{
	static struct cpu only;

	return &only;
}

static inline struct area *area_of(const struct request *r)
{
	return r->next;
}

static inline int block_of(int sector)
{
	return sector / 8;
}

static inline int word_of(int bit)
{
	return bit / 32;
}

static inline int fit_of(int n)
{
	return n;
}

static inline const struct request *request_of(struct area *const *next)
{
	return (const struct request *)next;
}

static inline int larger(int a, int b)
{
	return a > b ? a : b;
}

static inline uintptr_t align_down(uintptr_t at)
{
	return at & ~(uintptr_t)4095;
}

static inline uint32_t pfn_to_paddr(uint32_t pfn)
{
	return pfn << 12;
}

static inline uint32_t paddr_to_pfn(uint32_t paddr)
{
	return paddr >> 12;
}

static inline int bit_first(unsigned v)
{
	return __builtin_ffs((int)v);
}

static inline int bit_last(unsigned v)
{
	return 32 - __builtin_clz(v);
}

static inline int bit_count(unsigned v)
{
	return __builtin_popcount(v);
}

static inline unsigned bits_low(int n)
{
	return (1u << n) - 1;
}

void cache_free(void *object);
void *cache_next(void *object);
int cache_fill(int n);
void cache_drain(void);
