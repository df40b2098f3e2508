/* The one slow path of the per-CPU cache; see cache.h. */
#include "mm/cache.h"

#include "lib/assert.h"

bool cache_drain(struct mm *mm, struct mm_cpu *cpu)
{
	bool any = cpu->hot_count != 0 || cpu->hot_area != MM_PFN_NONE;

	ASSERT(mm_port_lock_held(&mm->lock));
	while (cpu->hot_count != 0)
		buddy_give(mm, cache_pop(mm, cpu), 0, CLASS_DIRTY);
	if (cpu->hot_area != MM_PFN_NONE) {
		buddy_give(mm, cpu->hot_area, MM_ORDER_AREA, CLASS_DIRTY);
		cpu->hot_area = MM_PFN_NONE;
	}
	return any;
}
