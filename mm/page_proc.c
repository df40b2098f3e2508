/* The walk that all page processors share; see page_proc.h. */
#include "mm/page_proc.h"

#include "mm/buddy.h"
#include "mm/pressure.h"
#include "mm/timing.h"

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
			more = !mm->pressure && proc->pick(mm, max_frames - batch->frames, block);
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

bool page_proc_holds_fit(struct mm *mm, unsigned order, bool low_only)
{
	if (likely(mm->isolated == 0))
		return false;
	TABLE_FOR_EACH (page_proc, struct page_proc, proc)
		if (proc->abort && proc->holds(mm, order, low_only))
			return true;
	return false;
}

bool page_proc_abort(struct mm *mm)
{
	bool any = false;

	if (mm->isolated == 0)
		return false;
	TABLE_FOR_EACH (page_proc, struct page_proc, proc)
		if (proc->abort)
			any |= proc->abort(mm);
	return any;
}

bool page_proc_wait(struct mm *mm)
{
	bool any = false;

	TABLE_FOR_EACH (page_proc, struct page_proc, proc)
		if (proc->wait)
			any |= proc->wait(mm);
	return any;
}
