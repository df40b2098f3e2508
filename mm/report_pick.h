/* Which blocks may go to the host: what mm/report.c asks. All calls want the lock held.
 */
#pragma once

#include "mm/report.h"
#include "mm/state.h"

/* The knobs report.order and report.reserve_pct. */
extern uint64_t report_order_min, report_reserve_pct;

/* Whether there is a reporter, and it keeps zero. */
bool report_keeps_zero(const struct mm *mm);

/* How many frames may be reported. */
struct report_budget {
	uint64_t any;	/* DIRTY and ZERO ones in all */
	uint64_t zero;	/* of those in blocks that have zero ones among them, however few */
	uint64_t fresh; /* FRESH ones */
};
void report_budget(const struct mm *mm, struct report_budget *out);

/* The next block, at most max_frames long, isolated; for the page processor. */
bool report_pick(struct mm *mm, uint64_t max_frames, struct mm_block *block);

/* What report_pick would find, without taking it. */
enum report_found {
	FOUND_NOTHING,
	FOUND_UNZEROED, /* nothing, until it was zeroed */
	FOUND_BLOCK,
};
enum report_found report_find(struct mm *mm);
