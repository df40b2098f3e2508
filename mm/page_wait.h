/* Waiting for memory that page processors have taken away and can't be made to give back at once, since somebody else
 * works on it: reports in flight. (A hold's batch is taken back instead, see page_hold.h.) One wait for all calls that
 * may have to: mm_alloc, mm_alloc_bulk, mm_take_range, mm_retire.
 *
 *   struct page_wait wait;
 *
 *   if (page_wait_helps(mm, request, 1)) {
 *           page_wait_begin(mm, &wait);
 *           do
 *                   again = page_wait_more(mm, &wait);
 *           while (the memory isn't there && again);
 *           page_wait_end(mm);
 *   }
 *
 * - Bounded: page_wait_more says false once the processors have had the time that they may take, report.timeout_ms,
 *   since page_wait_begin; or when none has anything out any more. What came back by then is there to be looked at.
 * - Nobody takes new batches away meanwhile (mm.waiters), so what comes back stays, and the wait is for what was out
 *   when it began.
 * - Nobody waits for what can't help.
 *
 * The lock is held for all of them; page_wait_more drops it and takes it again.
 */
#pragma once

#include "mm/request.h"
#include "mm/state.h"

struct page_wait {
	uint64_t since_ns;
};

/* Counts in mm.alloc_waits. */
void page_wait_begin(struct mm *mm, struct page_wait *wait);
bool page_wait_more(struct mm *mm, struct page_wait *wait);
void page_wait_end(struct mm *mm);

/* Whether as many as count blocks for the request might be free once everything that is out has come back, beside those
 * that are: some of what is out lies in aligned runs of free and isolated frames that are large enough. */
bool page_wait_helps(const struct mm *mm, struct mm_request request, uint64_t count);
