/* The walk that all page processors share; see page_proc.h. */
#include "port/mm_port.h"

#include "mm/page_proc.h"

#include "mm/buddy.h"
#include "mm/pressure.h"
#include "mm/timing.h"

/* So that the table has a row in every build: where it has none, mm_init knows that it was lost. */
static bool pick_nothing(struct mm *mm, uint64_t max_frames, struct mm_block *block)
{
	(void)mm;
	(void)max_frames;
	(void)block;
	return false;
}
PAGE_PROC(nothing, .name = "nothing", .pick = pick_nothing);

static unsigned largest_order(uint64_t frames)
{
	unsigned order = bit_last(frames);

	return order < MM_ORDER_AREA ? order : MM_ORDER_AREA - 1;
}

bool page_proc_pick_from(struct mm *mm, uint32_t a, unsigned cls, uint64_t max_frames, struct mm_block *block)
{
	unsigned order = largest_order(max_frames);
	pfn_t pfn;

	if (a == AREA_NONE)
		a = index_find_mixed(mm, cls, 0, ANYWHERE);
	if (a != AREA_NONE) {
		unsigned largest = mm_fit_of(mm->areas[a].fit, cls) - 1;
		if (order > largest)
			order = largest;
		pfn = buddy_take_from(mm, a, order, cls, TAKE_ISOLATE);
	} else {
		pfn = buddy_take_break(mm, order, cls, ANYWHERE, TAKE_ISOLATE);
	}
	*block = mm_block_of(pfn, order);
	return pfn != MM_PFN_NONE;
}

bool page_proc_pick(struct mm *mm, unsigned cls, uint64_t max_frames, struct mm_block *block)
{
	return page_proc_pick_from(mm, index_find_part(mm, cls, 0, ANYWHERE), cls, max_frames, block);
}

uint64_t page_proc_fill(struct mm *mm, const struct page_proc *proc, struct page_batch *batch, unsigned max_blocks,
			uint64_t max_frames)
{
	bool more = true;

	batch->count = 0;
	batch->frames = 0;
	while (more && batch->count < max_blocks && batch->frames < max_frames) {
		mm_lock_timed(mm);
		for (unsigned i = 0; i < PAGE_PROC_HOLD && batch->count < max_blocks && batch->frames < max_frames;
		     i++) {
			struct mm_block *block = &batch->block[batch->count];
			more = !mm->pressure && mm->waiters == 0 && proc->pick(mm, max_frames - batch->frames, block);
			if (!more)
				break;
			batch->count++;
			batch->frames += 1ull << block->order;
		}
		mm_unlock(mm);
	}
	return batch->frames;
}

void page_proc_put(struct mm *mm, struct page_batch *batch, unsigned state)
{
	while (batch->count != 0) {
		mm_lock_timed(mm);
		for (unsigned i = 0; i < PAGE_PROC_HOLD && batch->count != 0; i++) {
			struct mm_block block = batch->block[--batch->count];
			buddy_give(mm, block.pfn, block.order, state);
		}
		pressure_relax(mm);
		mm_unlock(mm);
	}
	batch->frames = 0;
}
