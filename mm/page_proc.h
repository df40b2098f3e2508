/* Page processors: take a small batch of matching free blocks away under the lock, work on it without, put it back with
 * a new state. Zeroing and reporting are two of them. This file owns the walk; what to pick, when, and the work itself
 * are the processor's. A processor is a row of the table page_proc, so that the allocator reaches those that are built
 * in without knowing one by name.
 *
 * Isolated frames are neither free nor allocated, and the bits that say what they were stay as they are.
 */
#pragma once

#include "lib/table.h"
#include "mm/state.h"

/* pick   with the lock held: isolates one more block of at most max_frames, or says that there is none
 * holds  with the lock held: whether giving the batch back helps a request of this order: it has such a block, or seems
 *        to be all that keeps an area from being whole
 * abort  with the lock held (dropped and retaken where another CPU works on the batch): gives the batch back, frames
 *        that are done in their new state, the others as they were. Returns whether anything came back. NULL:
 *        can't be aborted
 * wait   without the lock: waits a moment for what is in flight to come back, bounded. Returns whether something is,
 *        or came back: worth another try. NULL: nothing to wait for */
struct page_proc {
	const char *name;
	bool (*pick)(struct mm *mm, uint64_t max_frames, struct mm_block *block);
	bool (*holds)(struct mm *mm, unsigned order, bool low_only);
	bool (*abort)(struct mm *mm);
	bool (*wait)(struct mm *mm);
};

#define PAGE_PROC(ident, ...)                                            \
	static const struct page_proc page_proc_##ident = {__VA_ARGS__}; \
	TABLE_ADD(page_proc, page_proc_##ident)

TABLE_DECLARE(page_proc);

/* Fills an empty batch: at most max_blocks blocks and max_frames frames. Nothing is picked while memory is short.
 * Takes the lock, for at most PAGE_PROC_HOLD blocks at a time. Returns the frames picked. */
uint64_t page_proc_fill(struct mm *mm, const struct page_proc *proc, struct page_batch *batch, unsigned max_blocks,
			uint64_t max_frames);

/* Gives the whole batch back in a state (or GIVE_AS_WAS) and empties it. Takes the lock, likewise. */
void page_proc_put(struct mm *mm, struct page_batch *batch, unsigned state);

/* Asks all processors, for the allocator. The lock is held for the first two. */
bool page_proc_holds_fit(struct mm *mm, unsigned order, bool low_only);
bool page_proc_abort(struct mm *mm);
bool page_proc_wait(struct mm *mm);

#define PAGE_PROC_HOLD 32u
