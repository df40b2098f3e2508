/* A test-and-set lock for short sections. Interrupts stay enabled: no interrupt handler takes a lock of this kind.
 *
 * A lock that is all zero is free. The uncontended path is one exchange to take it and one plain store to give it
 * back (x86 orders stores: SDM volume 3, 8.2.2).
 */
#pragma once

#include "lib/types.h"

struct spinlock {
	uint32_t held;
};

static inline void spin_lock(struct spinlock *l)
{
	while (unlikely(__atomic_exchange_n(&l->held, 1u, __ATOMIC_ACQUIRE)))
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->held, 0u, __ATOMIC_RELEASE);
}

/* For assertions: somebody holds it, which is the caller or a bug. */
static inline bool spin_held(const struct spinlock *l)
{
	return __atomic_load_n(&l->held, __ATOMIC_RELAXED) != 0;
}
