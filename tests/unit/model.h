/* What the allocator may do, the naive way: one row for each frame. For random operations (model_ops.h), which the unit
 * tests make of random numbers and the fuzz target alloc of its input.
 *
 * The model doesn't know which block is the best one. It knows which frames may be given out, when a request must
 * succeed, which states may follow from which, and what is written where: every frame that is held carries a tag, so a
 * frame handed out twice shows. mm_check knows the rest.
 *
 * There is one model at a time, of one allocator with at most MODEL_FRAMES_MAX frames. It reads the allocator's caches
 * and reports in flight, to know what a request can count on, and writes nothing but the frames that it holds.
 */
#pragma once

#include "mm/state.h"
#include "tests/unit/choices.h"
#include "tests/unit/test.h"

#define MODEL_FRAMES_MAX 2048u
#define MODEL_HELD_MAX	 2048u
#define MODEL_GROUPS_MAX 64u /* of 64 frames, aligned, that have one of the model's */

/* What may have happened in this step, to frames that nobody holds. */
#define TOUCHED_ALLOC  1u /* batches were taken back, caches emptied */
#define TOUCHED_ZERO   2u
#define TOUCHED_REPORT 4u

struct model_block {
	pfn_t pfn;
	unsigned order;
};

struct model {
	struct mm *mm;
	unsigned count; /* frames, by rising pfn */
	struct model_frame {
		pfn_t pfn;
		enum mm_state state; /* after the last step; CACHED counts as DIRTY */
		uint32_t tag;	     /* what a held frame must read */
		bool fresh;	     /* FRESH, or isolated since it was */
	} * frames;
	unsigned held_count;
	struct model_block *held;
	unsigned retired;
	unsigned touched;
	uint32_t next_tag;
};
extern struct model model;

/* Begins anew, with an allocator that nothing was asked of yet. frames has its count frames by rising pfn, only pfn
 * being set; held has room for MODEL_HELD_MAX. Both are the model's until it is begun anew. */
void model_begin(struct mm *mm, struct model_frame *frames, unsigned count, struct model_block *held);

/* How many blocks of an order a request on this CPU can count on, which is how many it gets before it fails; with or
 * without what is with the device. */
enum model_counts { COUNT_IN_FLIGHT, COUNT_AT_HAND };
uint64_t model_blocks(unsigned order, unsigned want, enum model_counts counts);

/* Whether mm_take_range gets these frames, on this CPU. */
enum model_can { CAN_NOT, CAN_PERHAPS, CAN_SURELY };
enum model_can model_can_take(pfn_t start, unsigned count);

/* Whether another CPU's cache has the frame. */
bool model_kept_elsewhere(pfn_t pfn);

/* A block was given out: checks it and its contents, and tags them. */
void model_hold(pfn_t pfn, unsigned order, unsigned want);

/* The held block at this place is about to be freed: checks its tags, and returns it. */
struct model_block model_drop(unsigned at);

/* A frame's state changed by the caller's own doing: what it must be after this step. */
void model_own(pfn_t pfn, enum mm_state state);

/* Whether a frame reads as zero where the model, or the host, writes. */
bool model_reads_zero(pfn_t pfn);

/* The host dropped a frame: it reads as junk. */
void model_junk(pfn_t pfn);

void model_touched(unsigned how);
void model_policy_changed(void);

/* After each operation: compares every frame with what may have become of it (those of which nothing has changed, in
 * the allocator and here, need no look). */
void model_step(void);

/* mm_check, and every held frame and zero frame read. */
void model_check_all(void);

/* mm_totals and mm_buddy against a count of the frames. */
void model_check_sums(void);
