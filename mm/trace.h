/* What the allocator did last: a ring of events that mm/ writes while tracing is on.
 *
 *   alloc   a caller got a block: from the state its frames were in (cached: from a CPU's cache) to allocated. Bulk
 *           calls write one for each block, mm_take_range one for the range, mm_retire one to unmanaged. A call that
 *           fails and gives everything back shows as splits and merges
 *   free    a caller gave a block back: from allocated to what became of it
 *   split   frames were taken out of a larger free run, for a caller, a CPU's cache or a batch; or mm_split cut a block
 *   merge   frames that came back completed a larger free run
 *   zero    frames were zeroed: by the idle loop from what they were to zero, by an allocation to allocated, by a free
 *           from allocated to zero
 *   report  a batch's block came back from the host: from what it was to reported, or as it was where it was declined
 *
 * Runs: free memory is bitmaps, so nothing is split or merged in fact. A run is an aligned group of 2^order frames all
 * of which are free (in a buddy allocator, a block of a free list), and an event says how large the run was that was
 * broken, or is that was completed. That is worked out while tracing only. Frames in a CPU's cache aren't free in that
 * sense: they merge when the cache gives them back.
 *
 * Off it costs next to nothing: hot paths compare an order, or the policy, with a variable where they compared it with
 * a constant. No memory either: the ring is the caller's.
 *
 * Locks: none. An event's place is drawn with an atomic addition and the event numbered last, so several CPUs may
 * write, and a reader sees which events were overwritten under its hands. One allocator is traced at a time.
 */
#pragma once

#include "lib/frame.h"
#include "mm/mm.h"

#ifdef __cplusplus
extern "C" {
#endif

enum trace_event { TRACE_ALLOC, TRACE_FREE, TRACE_SPLIT, TRACE_MERGE, TRACE_ZERO, TRACE_REPORT, TRACE_EVENTS };

#define TRACE_MIXED	 MM_STATE_COUNT /* beside enum mm_state: frames of several states */
#define TRACE_ORDER_NONE UINT8_MAX	/* frames that aren't one block */

struct trace_entry {
	uint64_t number; /* from 1, counted since trace_start; 0: being written */
	uint64_t cycles; /* when, by the clock given to trace_start */
	uint64_t pfn;
	uint64_t frames;
	const void *caller; /* of mm's call, for alloc, free, and mm_split's split; else NULL */
	uint8_t event;
	uint8_t order; /* or TRACE_ORDER_NONE */
	uint8_t run;   /* split: the order of the run before; merge: after */
	uint8_t from;  /* enum mm_state, or TRACE_MIXED */
	uint8_t to;
	uint8_t cpu;
};

/* Begins anew, with an empty ring of count entries, the caller's until trace_stop and as long as it is read. cycles is
 * the clock of the entries, called once for each with any lock held. */
void trace_start(struct mm *mm, struct trace_entry *ring, size_t count, uint64_t (*cycles)(void));

/* Ends it, if it is this allocator that is traced. The ring stays to be read. */
void trace_stop(struct mm *mm);

bool trace_is_on(void);

/* How many events were written since trace_start, and how many of them are overwritten by now. */
uint64_t trace_written(void);
uint64_t trace_overwritten(void);

/* Event number (from 1). Returns false if it is overwritten by now, or isn't written yet. */
bool trace_read(uint64_t number, struct trace_entry *out);

const char *trace_event_name(unsigned event);
const char *trace_state_name(unsigned state);

/* --- for mm/ --- */

/* What orders are compared with on hot paths, in place of constants: with tracing on every one is out of bounds, and so
 * takes the rare path, which writes the event. */
extern unsigned trace_orders;	   /* MM_ORDER_MAX + 1, or 0 */
extern unsigned trace_word_orders; /* 7: orders that lie in one word of bits; or 0 */
extern uint64_t trace_policies;	   /* ZERO_POLICY_FREE, or 0: the same for the policy, where frees look at it */

#define TRACING __builtin_expect(trace_orders == 0, 0)

/* One event, of a block or of some frames: event, pfn, frames, from and to are set, and caller where there is one. The
 * rest is filled in. */
void trace_write(struct mm *mm, struct trace_entry event);

/* What an allocated or isolated block was when it was taken; a free one is. */
uint8_t trace_state(struct mm *mm, pfn_t pfn, uint64_t frames);

/* The runs that frames were taken out of (split), or that they complete now (merge). The lock is held. */
void trace_runs(struct mm *mm, enum trace_event event, pfn_t pfn, uint64_t frames);

static inline void trace_taken(struct mm *mm, pfn_t pfn, uint64_t frames)
{
	if (TRACING)
		trace_runs(mm, TRACE_SPLIT, pfn, frames);
}

static inline void trace_given(struct mm *mm, pfn_t pfn, uint64_t frames)
{
	if (TRACING)
		trace_runs(mm, TRACE_MERGE, pfn, frames);
}

/* The same for single frames that are taken at once, lowest first, and for frames of one word that are given. */
void trace_runs_frames(struct mm *mm, const pfn_t *pfns, size_t count);
void trace_runs_mask(struct mm *mm, pfn_t word, uint64_t mask);

static inline void trace_taken_frames(struct mm *mm, const pfn_t *pfns, size_t count)
{
	if (TRACING)
		trace_runs_frames(mm, pfns, count);
}

static inline void trace_given_mask(struct mm *mm, pfn_t word, uint64_t mask)
{
	if (TRACING)
		trace_runs_mask(mm, word, mask);
}

/* mm_split's, which cuts an allocated block into blocks of order to. */
void trace_cut(struct mm *mm, pfn_t pfn, unsigned order, unsigned to, const void *caller);

/* alloc, for each block of a bulk call. */
void trace_bulk(struct mm *mm, unsigned order, size_t count, const pfn_t *pfns, const void *caller);

/* zero, report: isolated frames are about to be given back as `given` (an enum mm_class, or GIVE_AS_WAS). */
void trace_worked(struct mm *mm, enum trace_event event, pfn_t pfn, uint64_t frames, unsigned given);

#ifdef __cplusplus
}
#endif
