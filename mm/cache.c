/* Between the per-CPU caches and the buddy; see cache.h. The lock is held in all of it. */
#include "port/mm_port.h"

#include "mm/cache.h"

#include "lib/assert.h"
#include "mm/buddy.h"
#include "mm/place.h"
#include "mm/pressure.h"

void mm_cache_flush(struct mm *mm, struct mm_cpu *cpu)
{
	for (unsigned i = 0; i < cpu->late_count;) {
		const pfn_t word = cpu->late[i] / 64;
		const uint32_t a = mm_area_of(mm, cpu->late[i]);
		uint64_t mask = 0;
		for (; i < cpu->late_count && cpu->late[i] / 64 == word; i++) {
			mask |= BIT(cpu->late[i] % 64);
			kept_unmark(cpu, cpu->late[i]);
			cpu->late[i] = 0;
		}
		buddy_give_mask(mm, a, (unsigned)(word % AREA_WORDS), mask, CLASS_DIRTY);
	}
	cpu->late_count = 0;
}

void mm_cache_fill(struct mm *mm, struct mm_cpu *cpu)
{
	const uint32_t a = mm->cursor[0];
	pfn_t pfns[NEXT_FRAMES];

	if (a == AREA_NONE || mm->cursor_class[0] != CLASS_DIRTY || mm_fit_of(mm->areas[a].fit, CLASS_DIRTY) == 0)
		return;
	if (cpu->next_at != cpu->next_end)
		return; /* the allocation waited for a batch, and another one on this CPU was here first */
	cpu->next_at = 0;
	cpu->next_end = (uint32_t)buddy_take_frames(mm, a, CLASS_DIRTY, NEXT_FRAMES, pfns);
	for (unsigned i = 0; i < cpu->next_end; i++) {
		cpu->next[i] = (uint32_t)pfns[i];
		kept_mark(cpu, pfns[i]);
	}
}

bool mm_cache_unpark(struct mm *mm, struct mm_cpu *cpu)
{
	bool any = cpu->late_count != 0 || cpu->next_at != cpu->next_end;

	mm_cache_flush(mm, cpu);
	while (cpu->next_at != cpu->next_end)
		buddy_give(mm, mm_cache_next(cpu), 0, GIVE_AS_WAS);
	pressure_relax(mm);
	return any;
}

bool mm_cache_drain(struct mm *mm, struct mm_cpu *cpu)
{
	bool any = cpu->hot_count != 0 || cpu->hot_area != MM_PFN_NONE;

	ASSERT(mm_port_lock_held(&mm->lock));
	any |= mm_cache_unpark(mm, cpu);
	while (cpu->hot_count != 0)
		buddy_give(mm, mm_cache_hot(cpu), 0, CLASS_DIRTY);
	if (cpu->hot_area != MM_PFN_NONE) {
		buddy_give(mm, cpu->hot_area, MM_ORDER_AREA, CLASS_DIRTY);
		cpu->hot_area = MM_PFN_NONE;
	}
	pressure_relax(mm);
	return any;
}
