/* An embedder's port, as docs/EMBEDDING.md says: a kernel of one thread in a process, with a kernel's usual words. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/frame.h"
#include "port/someones_kernel.h"

extern char *memory;	 /* where frame 0 would be */
extern uint64_t now_ns;	 /* moves by waiting only */
extern bool wake_up_due; /* zeroing shall make way */

static inline void *mm_port_frame(pfn_t pfn)
{
	return memory + (pfn << FRAME_SHIFT);
}

static inline void mm_port_zero_cold(pfn_t pfn, size_t n)
{
	memset(mm_port_frame(pfn), 0, n << FRAME_SHIFT);
}

static inline void mm_port_zero_hot(pfn_t pfn, size_t n)
{
	memset(mm_port_frame(pfn), 0, n << FRAME_SHIFT);
}

static inline void mm_port_zero_fence(void)
{
}

struct mm_lock {
	bool held;
};

static inline void mm_port_lock(struct mm_lock *l)
{
	l->held = true;
}

static inline void mm_port_unlock(struct mm_lock *l)
{
	l->held = false;
}

static inline bool mm_port_lock_held(struct mm_lock *l)
{
	return l->held;
}

static inline uint64_t mm_port_now_ns(void)
{
	return now_ns;
}

static inline bool mm_port_should_yield(void)
{
	return wake_up_due;
}

static inline unsigned mm_port_cpus(void)
{
	return 1;
}

static inline unsigned mm_port_cpu(void)
{
	return 0;
}

static inline void mm_port_relax(void)
{
	now_ns += 1000000;
}

static inline uint64_t mm_port_random(void)
{
	return 4;
}

#define mm_port_log(...)   (printf(__VA_ARGS__), putchar('\n'))
#define mm_port_panic(...) (printf(__VA_ARGS__), putchar('\n'), abort())
