/* mm's port: all that mm/ needs from the machine under it. An embedder writes this one header.
 *
 *   mm_port_frame(pfn)         pointer to a frame's memory, valid for every frame given to mm_init
 *   mm_port_zero_cold(pfn, n)  zeroes n frames with non-temporal stores, which leave the caches alone; the stores
 *                              are visible to other CPUs and devices only after mm_port_zero_fence()
 *   mm_port_zero_hot(pfn, n)   zeroes n frames with ordinary stores, so that they are in the cache afterwards
 *   mm_port_zero_fence()       orders all non-temporal stores before it (SDM volume 1, 11.4.4.1: SFENCE)
 *   struct mm_lock             zero-initialised is unlocked; never taken by an interrupt handler
 *   mm_port_now_ns()           a monotonic clock, may be read with a lock held
 *   mm_port_should_yield()     true when a wake-up is due that the caller, an idle-time task, should make way for
 *   mm_port_cpus()             how many CPUs there are for mm, 1 to MM_CPUS_MAX; never changes
 *   mm_port_cpu()              number of the CPU that runs, 0 to mm_port_cpus() - 1; the caller can't be moved away,
 *                              since kernel threads here switch only where they ask to
 *   mm_port_relax()            called in a bounded wait loop, without a lock: lets the machine get on,
 *                              other threads first: also between stretches of a long zeroing
 *   mm_port_random()           64 bits that nobody can guess, as well as the machine can; the caller asks rarely
 *   mm_port_panic, mm_port_log printf-like, without floating point; the first doesn't return
 */
#pragma once

#include <string.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/spinlock.h"
#include "lib/frame.h"

#define MM_PORT_DIRECT_MAP 0xffff800000000000ull

static inline void *mm_port_frame(pfn_t pfn)
{
	return (void *)(uintptr_t)(MM_PORT_DIRECT_MAP + (pfn << FRAME_SHIFT));
}

void mm_port_zero_cold(pfn_t pfn, size_t frames);
void mm_port_zero_hot(pfn_t pfn, size_t frames);

static inline void mm_port_zero_fence(void)
{
	__asm__ volatile("sfence" ::: "memory");
}

struct mm_lock {
	struct spinlock spin;
};

static inline void mm_port_lock(struct mm_lock *l)
{
	spin_lock(&l->spin);
}

static inline void mm_port_unlock(struct mm_lock *l)
{
	spin_unlock(&l->spin);
}

static inline bool mm_port_lock_held(struct mm_lock *l)
{
	return spin_held(&l->spin);
}

uint64_t mm_port_now_ns(void);
bool mm_port_should_yield(void);

static inline unsigned mm_port_cpus(void)
{
	return cpu_count();
}

static inline unsigned mm_port_cpu(void)
{
	return cpu_number();
}

void mm_port_relax(void);
uint64_t mm_port_random(void);

_Noreturn void mm_port_panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void mm_port_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
