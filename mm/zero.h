/* Keeps free memory in stock that is zero already: the policy over the page processor that zeroes.
 *
 * Knobs (rows beside the code): zero.policy, zero.low_pct, zero.high_pct, zero.batch_frames, zero.delay_ms,
 * zero.rate_mbps.
 * Locks: each call takes what it needs; zero_idle is called by the idle loop of any CPU, without locks.
 */
#pragma once

#include "lib/frame.h"
#include "mm/zero_policy.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mm;

/* What an idle CPU should do next. */
enum zero_verdict {
	ZERO_NOTHING, /* nothing to zero, or paused, or not this policy: sleep until something changes */
	ZERO_LATER,   /* there is work, but not before *wake_ns (zero.delay_ms, zero.rate_mbps) */
	ZERO_AGAIN,   /* made way for a wake-up, or finished a batch: call again when idle */
};

/* Zeroes one batch, or what was left of the last one, frame by frame. Returns after the batch or as soon as
 * mm_port_should_yield() says that a wake-up is due, which it asks after every frame; the rest of the batch stays
 * with it, and can be taken back by an allocation meanwhile. wake_ns is set with ZERO_LATER only. */
enum zero_verdict zero_idle(struct mm *mm, uint64_t *wake_ns);

/* True when nothing is left to be zeroed, and no batch is held: the stock is as full as it is meant to get. (After
 * zero_now that includes what is in flight.) While
 * zeroing is paused that isn't so as long as there is something that it would do. Other policies than IDLE leave
 * nothing, nor does want of memory (below the low watermark), but for what zero_now asked for. */
bool zero_is_done(struct mm *mm);

/* Zeroes regardless of the marks, policy and delay, but within zero.rate_mbps, until all free memory, reported memory
 * too, is zero, what is in flight when it comes back; nothing is reported meanwhile, and what is zero afterwards only
 * when a mark is set or report_now is called. It asks for that only; zero_idle does it. */
void zero_now(struct mm *mm);

/* Stops and restarts zeroing in the idle loop. Pausing gives a held batch back. Calls don't nest. */
void zero_pause(struct mm *mm);
void zero_resume(struct mm *mm);

/* Told by the scheduler when a wake-up becomes due while a CPU is in zero_idle, and read by `zero status`: how many
 * frames were zeroed between a wake-up being due and zero_idle returning. */
#define ZERO_YIELD_BUCKETS 18 /* 0 to 16 frames, and more than 16 */
struct zero_status {
	enum zero_policy policy;
	uint64_t rate_mbps; /* 0: no limit */
	bool paused;
	bool running;	      /* between the marks, on the way up */
	bool now;	      /* zero_now is under way */
	bool short_of_memory; /* below the low watermark: nothing is zeroed ahead */
	uint64_t left_frames; /* still to be zeroed, paused or not, without those of the batch */
	uint64_t stock_frames;
	uint64_t low_frames;
	uint64_t high_frames;
	uint64_t batch_frames; /* held right now */
	uint64_t yields[ZERO_YIELD_BUCKETS];
};
void zero_status(struct mm *mm, struct zero_status *out);
void zero_wake_due(struct mm *mm);

/* What zeroing cost and what it saved; all since boot. */
struct zero_ledger {
	uint64_t idle_frames, idle_ns;	 /* zeroed by the idle loop */
	uint64_t alloc_frames, alloc_ns; /* zeroed by allocations */
	uint64_t free_frames, free_ns;	 /* zeroed when freed */
	uint64_t hit_frames;		 /* asked for as zero, came from stock */
	uint64_t miss_frames;		 /* asked for as zero, had to be zeroed */
	uint64_t wasted_frames;		 /* zeroed in vain: given to MM_ANY, or dirtied or reported before use */
	uint64_t saved_ns;		 /* hits at what a miss costs here */
	uint64_t spent_ns;		 /* idle and at free */
};
void zero_ledger(struct mm *mm, struct zero_ledger *out);

#ifdef __cplusplus
}
#endif
