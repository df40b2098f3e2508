/* mm's port to the host: unit tests, fuzzing and native benchmarks run mm/ unchanged on a real CPU.
 *
 * The verbs are the same as in arch/x86_64/port/mm_port.h, which is their manual page. Here a frame's memory comes
 * from one large mapping, time is driven by the test or CLOCK_MONOTONIC, and a panic ends the test or is expected by
 * it: tests/host/host.h has the test's side of it.
 */
#pragma once

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/frame.h"

extern char *host_frames;  /* where frame 0 would be */
extern unsigned host_cpus; /* 2, unless a test that makes its allocator after it says more */
extern _Thread_local unsigned host_cpu;

static inline void *mm_port_frame(pfn_t pfn)
{
	return host_frames + (pfn << FRAME_SHIFT);
}

void mm_port_zero_cold(pfn_t pfn, size_t frames);
void mm_port_zero_hot(pfn_t pfn, size_t frames);
void mm_port_zero_fence(void);

struct mm_lock {
	atomic_int held;
};

static inline void mm_port_lock(struct mm_lock *l)
{
	while (atomic_exchange_explicit(&l->held, 1, memory_order_acquire))
		while (atomic_load_explicit(&l->held, memory_order_relaxed))
			__builtin_ia32_pause();
}

static inline void mm_port_unlock(struct mm_lock *l)
{
	atomic_store_explicit(&l->held, 0, memory_order_release);
}

static inline bool mm_port_lock_held(struct mm_lock *l)
{
	return atomic_load_explicit(&l->held, memory_order_relaxed) != 0;
}

uint64_t mm_port_now_ns(void);

bool mm_port_should_yield(void);

static inline unsigned mm_port_cpus(void)
{
	return host_cpus;
}

static inline unsigned mm_port_cpu(void)
{
	return host_cpu;
}

void mm_port_relax(void);
uint64_t mm_port_random(void);

_Noreturn void mm_port_panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void mm_port_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
