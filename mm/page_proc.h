/* Page processors: take a small batch of matching free blocks away under the lock, work on it without, put it back with
 * a new state. Zeroing and reporting are two of them. This file owns the walk; what to pick, when, and the work itself
 * are the processor's. A processor is a row of the table page_proc, so that the allocator reaches those that are built
 * in without knowing one by name.
 *
 * There are two kinds. One works frame by frame on the hold of the CPU that runs it, and an allocation can take such a
 * batch back at any frame: page_hold.h has all of that, and the processor is little more than its row. The other one
 * has batches of its own, which it fills (page_proc_fill) and puts back (page_proc_put) itself, since somebody else, a
 * device say, works on them and can't be stopped.
 *
 * Isolated frames are neither free nor allocated, and the bits that say what they were stay as they are.
 */
#pragma once

#include "lib/table.h"
#include "mm/state.h"

/* Only name and pick must be there. What may be left out (NULL), and what happens then:
 *
 * pick   the lock is held: isolates one more block of at most max_frames, or says that there is none. For a hold blocks
 *        are of order 0 to 8 (page_proc_pick does that for a class)
 * work   no lock: works on one frame of a hold's batch. Must not allocate, free, nor wait. NULL: the processor has
 *        batches of its own, and must not use page_hold.h
 * give   the lock is held: gives frames of one block that are done back (buddy_give_frames), in the state that they are
 *        in by now. NULL: they go back as they were
 * taken  the lock is held: told once a batch has gone back from a hold because an allocation wanted it. NULL: it isn't
 *        counted
 * wait   no lock: for a call that waits since since_ns (mm/page_wait.h), waits a moment for what is out to come back.
 *        Returns whether it is worth another one: something is still out, and the call has waited for less time than
 *        the processor gives to whoever has it. NULL: there is nothing to wait for. Processors that use holds leave it
 *        out, since their batches are taken back (page_hold_abort) instead
 * out    the lock is held: the i-th batch that wait waits for, NULL behind the last one; empty ones may be among
 *        them */
struct page_proc {
	const char *name;
	bool (*pick)(struct mm *mm, uint64_t max_frames, struct mm_block *block);
	void (*work)(struct mm *mm, pfn_t pfn);
	void (*give)(struct mm *mm, pfn_t pfn, unsigned frames);
	void (*taken)(struct mm *mm);
	bool (*wait)(struct mm *mm, uint64_t since_ns);
	const struct page_batch *(*out)(const struct mm *mm, unsigned i);
};

#define PAGE_PROC(ident, ...)                                            \
	static const struct page_proc page_proc_##ident = {__VA_ARGS__}; \
	TABLE_ADD(page_proc, page_proc_##ident)

TABLE_DECLARE(page_proc);

/* For pick: isolates a run of a class of order 0 to 8, of at most max_frames, from areas that are in use first. The
 * second one takes it from area a, which has one, or, if that is AREA_NONE, breaks a wholly free area. */
bool page_proc_pick(struct mm *mm, unsigned cls, uint64_t max_frames, struct mm_block *block);
bool page_proc_pick_from(struct mm *mm, uint32_t a, unsigned cls, uint64_t max_frames, struct mm_block *block);

/* Fills an empty batch: at most max_blocks blocks and max_frames frames. Nothing is picked while memory is short,
 * nor while somebody waits for what is out (mm/page_wait.h).
 * Takes the lock, for at most PAGE_PROC_HOLD blocks at a time. Returns the frames picked. */
uint64_t page_proc_fill(struct mm *mm, const struct page_proc *proc, struct page_batch *batch, unsigned max_blocks,
			uint64_t max_frames);

/* Gives the whole batch back in a state (or GIVE_AS_WAS) and empties it. Takes the lock, likewise. */
void page_proc_put(struct mm *mm, struct page_batch *batch, unsigned state);

#define PAGE_PROC_HOLD 32u
