/* The page allocator: blocks of physical memory, and what is known of their contents.
 *
 * A block is 1 << order frames of 4 KiB, aligned to its size; order 0 to MM_ORDER_MAX. Every free frame is DIRTY, ZERO,
 * REPORTED (the host below us said that it doesn't back it, contents undefined), REPORTED+ZERO, or FRESH (nobody here
 * has used it, and the host hasn't said anything yet). docs/DESIGN.md has the state diagram.
 *
 * Locks    all calls take mm's own lock themselves, none is held on return; stores to the frames happen outside of
 *          it. Not to be called from an interrupt handler, nor with another spinlock held.
 * Waits    where nothing will do but memory that a reporter has in flight, mm_alloc, mm_alloc_bulk, mm_take_range and
 *          mm_retire wait for it: only if it can help them, for report.timeout_ms at most, and nothing new is taken
 *          away meanwhile (mm/page_wait.h). They make way for others by mm_port_relax.
 * CPUs     calls may come from several at once. What isn't as good then as it should be:
 *          - what other CPUs' caches keep (up to 48 frames and a block of 2 MiB each) can't be had: it counts as free,
 *            but an allocation, mm_take_range or mm_retire that needs it fails, and mm_drain drains this CPU's alone;
 *          - one CPU zeroes at a time, an idle one beside it is told ZERO_NOTHING;
 *          - one lock for all: two CPUs that both miss their caches take longer than one;
 *          - mm_check, mm_buddy, mm_count and sums over CPUs are exact only while no other CPU is in a call;
 *          - words that others read without the lock (sums, caches, kept counts) are plain loads: as x86 has them, not
 *            as C11 does.
 * Errors   a caller's mistake (double free, wrong order, a frame that isn't ours) panics in every build, naming the
 *          pfn, the order, the frame's state and the caller's address. Want of memory is an ordinary result.
 */
#pragma once

#include "lib/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MM_ORDER_MAX  18u /* 1 GiB */
#define MM_ORDER_AREA 9u  /* 2 MiB */
#define MM_CPUS_MAX   64u
#define MM_PFN_NONE   (~(pfn_t)0)
#define MM_PFN_4G     ((pfn_t)1 << 20)	      /* the first frame that 32-bit DMA can't reach */
#define MM_PFN_LIMIT  ((pfn_t)1 << (42 - 12)) /* frames from here on are refused: 4 TiB */

/* What the caller needs of a block's contents, and in which order free memory is taken for it
 * (docs/design/allocator.md, "What is taken first"). */
enum mm_want {
	MM_ANY,	      /* contents don't matter: DIRTY (cache-hot first), ZERO, FRESH, REPORTED, REPORTED+ZERO */
	MM_ZERO_COLD, /* zero, not touched soon (VM memory, DMA): from stock, else non-temporal stores */
	MM_ZERO_HOT,  /* zero, touched at once (a page fault): cache-hot dirty frames and ordinary stores first */
};

/* Or-ed to the want: the block lies wholly below 4 GiB. Without it memory above 4 GiB is taken first. */
#define MM_BELOW_4G 0x10u

/* How memory that is given to mm_init starts. */
enum mm_fresh {
	MM_FRESH_DIRTY,	   /* was used before */
	MM_FRESH_REPORTED, /* the host doesn't back it, for certain: as if it had acknowledged a report of it */
	MM_FRESH_UNKNOWN,  /* nobody here used it; the host may back it all the same, as after a warm reset: FRESH */
};

/* Frames start <= pfn < end. Ranges may come in any order, touch, overlap (the overlap is DIRTY if either says so, else
 * FRESH if either does) or be empty. */
struct mm_range {
	pfn_t start;
	pfn_t end;
	enum mm_fresh fresh;
};

/* One allocator. The kernel has one, mm_system; tests make others. mm/state.h has its insides. */
struct mm;
extern struct mm mm_system;

/* How many bytes of metadata mm_init will want for these ranges: less than 1.1 for each frame of the gibs (1 GiB,
 * aligned) that have one in them, the last gib counted up to the last frame, and 20 KiB, and 2 KiB for each CPU. Pure
 * arithmetic, may be called before anything else. 0 when there is no usable range. */
size_t mm_meta_bytes(const struct mm_range *ranges, size_t count);

/* Makes every frame of the ranges free, after forgetting all that was before. Frame 0 and frames from MM_PFN_LIMIT on
 * are left out.
 *
 * meta     mm_meta_bytes() bytes, 64-byte aligned, any contents, the allocator's for ever; not within the ranges
 * Returns 0, or -1 (meta too small, no usable frame, mm's tables lost by the linker; logged) with nothing set up.
 * Cost     a few ns for each 2 MiB area; the bitmaps of areas that are uniform aren't touched. DEBUG builds fill dirty
 *          ranges, which can take long. */
int mm_init(struct mm *mm, const struct mm_range *ranges, size_t count, void *meta, size_t meta_bytes);

/* Allocates one block. The block is the caller's until mm_free.
 *
 * want     an enum mm_want, perhaps | MM_BELOW_4G. Zero is a promise: the block reads as zero, whatever it cost.
 * Returns  the first frame, or MM_PFN_NONE: no block fits, even after batches that are being zeroed were taken back and
 *          those in flight waited for. Counted in mm.alloc_failed. */
pfn_t mm_alloc(struct mm *mm, unsigned order, unsigned want);

/* Frees a block that mm_alloc, mm_alloc_bulk, mm_split or mm_take_range gave out, whole, with the same order. */
void mm_free(struct mm *mm, pfn_t pfn, unsigned order);

/* Allocates count blocks of one order, all or none. On failure (false) everything is as it was, zero bits included,
 * and pfns has undefined contents. More than there is is refused at once; a call that has to wait holds nothing
 * meanwhile. */
bool mm_alloc_bulk(struct mm *mm, unsigned order, unsigned want, size_t count, pfn_t *pfns);

/* As mm_alloc_bulk, for calls that may take long: asked(arg) is called now and then, without locks: after each hold of
 * the lock while blocks are taken, and before each 2 MiB that is zeroed. When it says true, the call fails and
 * everything goes back: what was made zero for it meanwhile, or found so, as ZERO, all else as it was. That isn't
 * counted in mm.alloc_failed, nor as hits and misses. */
struct mm_stop {
	bool (*asked)(void *arg);
	void *arg;
};
bool mm_alloc_bulk_until(struct mm *mm, unsigned order, unsigned want, size_t count, pfn_t *pfns,
			 const struct mm_stop *stop);

/* Frees count blocks of one order, as mm_free would one by one. */
void mm_free_bulk(struct mm *mm, unsigned order, size_t count, const pfn_t *pfns);

/* Turns an allocated block into allocated blocks of a smaller order (to <= order), each of which is freed by itself
 * from then on. Contents don't change. */
void mm_split(struct mm *mm, pfn_t pfn, unsigned order, unsigned to);

/* Allocates exactly the frames start <= pfn < start + count, as blocks of order 0, contents undefined. They are
 * taken in pieces, each in a hold of the lock of its own: all or none for the caller; another CPU may see the first
 * pieces of a range as allocated that fails in the end since somebody took a frame of a later one meanwhile. Returns
 * 0; -1 when one of them isn't a free frame (nothing is taken then); free ones in batches are taken back, or waited
 * for, when that is all that is missing. */
int mm_take_range(struct mm *mm, pfn_t start, size_t count);

/* Takes a bad frame out of use for ever. Free: at once; in a batch: the batch is taken back first. Allocated: the
 * owner must have made it a block of order 0 (mm_split) and gives it up by this call instead of mm_free.
 * Managed frames fall by one. Returns 0, or -1 when the frame isn't managed, is retired already, is in another CPU's
 * cache, is with a device that doesn't give it back, or went from a batch to another owner before it could be had. */
int mm_retire(struct mm *mm, pfn_t pfn);

/* Gives back what this CPU's cache holds, so that it can merge. Ends a shortage (the low watermark) that it has
 * ended. */
void mm_drain(struct mm *mm);

/* What the next two calls are told. */
enum mm_switch { MM_OFF, MM_ON };

/* Whether CPUs may keep what they freed last for themselves; on after mm_init. Off also drains this CPU's cache. */
void mm_cache_enable(struct mm *mm, bool on);

/* Whether blocks come from random places among equally good ones; after mm_init as the knob mm.shuffle says. The seed
 * makes it repeatable; 0: one from the machine. */
void mm_shuffle(struct mm *mm, bool on, uint64_t seed);

/* The contents state of a free frame, and the others that a frame can be in, for messages and tests. */
enum mm_state {
	MM_STATE_UNMANAGED,
	MM_STATE_ALLOCATED,
	MM_STATE_CACHED, /* free, in a per-CPU cache */
	MM_STATE_DIRTY,
	MM_STATE_ZERO,
	MM_STATE_REPORTED,
	MM_STATE_REPORTED_ZERO,
	MM_STATE_FRESH,
	MM_STATE_ISOLATED, /* free, in a batch that is being zeroed or reported */
};
#define MM_STATE_COUNT (MM_STATE_ISOLATED + 1)
enum mm_state mm_frame_state(struct mm *mm, pfn_t pfn);
const char *mm_state_name(enum mm_state state);

/* Counts the frames first <= pfn < end by state; what isn't managed counts too, so the sum is end - first, whatever
 * they are. Costs a few ns for each 2 MiB that is uniform, a walk over 8 words for any other. Walks 128 areas in one
 * hold of the lock, so it is exact when nobody else allocates or frees. */
void mm_count(struct mm *mm, pfn_t first, pfn_t end, uint64_t counts[MM_STATE_COUNT]);

/* Free blocks of each order, each frame counted in the largest aligned block of free frames that holds it; zero,
 * reported and fresh count the blocks that are so wholly. Walks all areas, 32 in one hold of the lock, so it isn't
 * for hot paths, and is exact when nobody else allocates or frees. */
struct mm_buddy_row {
	uint64_t free_blocks;
	uint64_t zero_blocks;	  /* every frame ZERO */
	uint64_t reported_blocks; /* every frame REPORTED or REPORTED+ZERO */
	uint64_t fresh_blocks;	  /* every frame FRESH */
	uint64_t frames_at_least; /* free frames in blocks of this order or a larger one */
};
void mm_buddy(struct mm *mm, struct mm_buddy_row rows[MM_ORDER_MAX + 1]);

/* The totals, in frames. free counts what is in caches; isolated frames are neither free nor allocated.
 * free + allocated + isolated == managed. */
struct mm_totals {
	uint64_t managed;
	uint64_t free;
	uint64_t allocated;
	uint64_t isolated;
	uint64_t zero;	   /* free and ZERO; REPORTED+ZERO not among them */
	uint64_t reported; /* free and REPORTED or REPORTED+ZERO */
	uint64_t fresh;	   /* free and FRESH */
	uint64_t cached;   /* free, in per-CPU caches */
	uint64_t metadata_bytes;
};
void mm_totals(struct mm *mm, struct mm_totals *out);

/* Walks every invariant of every structure. Returns true when all hold; else false, the first one that doesn't is
 * logged with the place. */
bool mm_check(struct mm *mm);

/* The same for somebody who may not want to wait for the end: DEBUG builds read all that is in stock, which takes a
 * second or so for a few GiB. stop->asked is called now and then, but with the lock held: it must neither wait nor call
 * the allocator. */
enum mm_checked { MM_CHECKED_GOOD, MM_CHECKED_BROKEN, MM_CHECKED_NOT };
enum mm_checked mm_check_until(struct mm *mm, const struct mm_stop *stop);

#ifdef __cplusplus
}
#endif
