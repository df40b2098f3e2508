/* A batch that can be taken back: what page processors that work frame by frame share. Each CPU has one hold, for
 * whichever processor it runs.
 *
 *           begin                            end, all frames done, or an allocation wants it
 *   NONE ----------> RUNNING ---------------------------------------------------------------> NONE
 *                     ^   |                                                                    ^
 *               begin |   | end, but not all frames are done: parked                           |
 *                     |   v                                                                    |
 *                     HELD --------------------------------------------------------------------+
 *                              an allocation wants it, another processor begins, or release
 *
 * However a batch comes back, frames that are done are given as the processor says (page_proc.give), all others as they
 * were. Nothing is lost, and no frame is worked on while somebody else owns it:
 *
 *   HELD     the batch belongs to whoever has the lock, and is given back by whoever wants it
 *   RUNNING  it is its CPU's, which works without the lock. An allocation asks for it (abort), and waits: the CPU looks
 *            after each frame, and gives the batch back itself. Several allocations may ask several CPUs at once
 *
 * A CPU begins and ends only its own hold, and nothing else happens on it in between: work doesn't allocate.
 *
 * A processor in full, and what an idle loop does for it:
 *
 *   static bool patrol_pick(struct mm *mm, uint64_t max_frames, struct mm_block *block)
 *   {
 *           return page_proc_pick(mm, CLASS_DIRTY, max_frames, block);
 *   }
 *   PAGE_PROC(patrol, .name = "patrol", .pick = patrol_pick, .work = read_frame);
 *
 *   more = page_hold_step(mm, &page_proc_patrol, 64);
 */
#pragma once

#include "mm/page_proc.h"
#include "mm/request.h"
#include "mm/state.h"

/* Works on this CPU's batch of the processor, the parked one or a new one of at most max_frames frames, until it is
 * done, a wake-up is due (mm_port_should_yield), or somebody wants it back. Takes the lock itself. False: there was
 * nothing to pick. */
bool page_hold_step(struct mm *mm, const struct page_proc *proc, uint64_t max_frames);

/* The same in three steps, for a caller that has to decide or count in between. The lock is held for begin, which drops
 * it while it picks; not for the other two.
 *
 * begin  makes this CPU's hold RUNNING with the processor's parked batch, or with a new one, after it gave one of
 *        another processor's back. False: nothing was picked
 * work   works on, at most max_frames frames, 0 being no limit. Returns whether all of the batch is done
 * end    gives the batch back if it is done or wanted, otherwise parks it */
bool page_hold_begin(struct mm *mm, const struct page_proc *proc, uint64_t max_frames);
bool page_hold_work(struct mm *mm, uint64_t max_frames);
void page_hold_end(struct mm *mm);

/* The hold of any CPU that has a batch of the processor's, a RUNNING one first, or NULL. The lock is held. */
const struct page_hold *page_hold_of(const struct mm *mm, const struct page_proc *proc);

/* Gives back what is parked of a processor's batches on all CPUs. The lock is held. */
void page_hold_release(struct mm *mm, const struct page_proc *proc);

/* For the allocator, the lock is held: whether taking batches back helps a request. There is a block of its order in
 * one, or a batch seems to be all that keeps an area from being whole. */
bool page_hold_fits(const struct mm *mm, struct mm_request request);

/* For the allocator, the lock is held, but dropped and taken again while another CPU works on its batch: takes the
 * batches of all CPUs back. Returns whether any came. */
bool page_hold_abort(struct mm *mm);
