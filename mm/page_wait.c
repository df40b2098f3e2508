/* Waiting for what page processors have out; see page_wait.h. */
#include "port/mm_port.h"

#include "mm/page_wait.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/table.h"
#include "mm/page_hold.h"
#include "mm/page_proc.h"
#include "mm/place.h"
#include "mm/timing.h"

void page_wait_begin(struct mm *mm, struct page_wait *wait)
{
	mm->waiters++;
	wait->since_ns = mm_port_now_ns();
	mm_this_cpu(mm)->alloc_waits++;
}

bool page_wait_more(struct mm *mm, struct page_wait *wait)
{
	bool more = false;

	mm_unlock(mm);
	TABLE_FOR_EACH (page_proc, struct page_proc, proc)
		if (proc->wait)
			more |= proc->wait(mm, wait->since_ns);
	mm_lock(mm);
	(void)page_hold_abort(mm); /* what was begun ahead of us, and only parked since */
	return more;
}

void page_wait_end(struct mm *mm)
{
	ASSERT(mm->waiters != 0);
	mm->waiters--;
}

/* Frames at to at + n - 1 of area a: free, or isolated ones of ours? */
static bool comes_free(const struct mm *mm, uint32_t a, unsigned at, unsigned n)
{
	const struct area_bits *bits = &mm->bits[a];

	if (mm->areas[a].kind == AREA_FREE || mm->areas[a].kind == AREA_ISOLATED)
		return true;
	if (mm->areas[a].kind != AREA_MAPPED)
		return false;
	for (unsigned w = at / 64; w * 64 < at + n; w++) {
		const uint64_t mask = n < 64 ? bits_low(n) << (at % 64) : ~0ull;
		const uint64_t comes = bits->word[w].free | (bits->isolated[w] & ~bits->word[w].start);
		if ((comes & mask) != mask)
			return false;
	}
	return true;
}

/* Whether the aligned block of an order that frame pfn lies in will be free. */
static bool block_comes_free(const struct mm *mm, pfn_t pfn, unsigned order)
{
	const pfn_t first = pfn & ~((1ull << order) - 1);

	if (order < MM_ORDER_AREA)
		return comes_free(mm, mm_area_of(mm, first), first % AREA_FRAMES, 1u << order);
	for (pfn_t at = first; at < first + (1ull << order); at += AREA_FRAMES)
		if (!buddy_holds(mm, at) || !comes_free(mm, mm_area_of(mm, at), 0, AREA_FRAMES))
			return false;
	return true;
}

/* How many blocks for the request may come free with a batch, at most `enough` of them. */
static uint64_t blocks_of(const struct mm *mm, const struct page_batch *batch, struct mm_request request,
			  uint64_t enough)
{
	pfn_t looked = MM_PFN_NONE; /* blocks lie side by side, often: not the same place again */
	uint64_t blocks = 0;

	for (unsigned i = 0; i < batch->count && blocks < enough; i++) {
		const struct mm_block block = batch->block[i];
		const pfn_t first = (pfn_t)block.pfn & ~((1ull << request.order) - 1);
		if (first == looked || (request.low_only && first + (1ull << request.order) > MM_PFN_4G))
			continue;
		looked = first;
		if (block.order >= request.order)
			blocks += 1ull << (block.order - request.order);
		else if (block_comes_free(mm, block.pfn, request.order))
			blocks++;
	}
	return blocks;
}

bool page_wait_helps(const struct mm *mm, struct mm_request request, uint64_t count)
{
	uint64_t blocks = 0;

	if (mm->isolated == 0)
		return false;
	TABLE_FOR_EACH (page_proc, struct page_proc, proc) {
		const struct page_batch *batch;
		for (unsigned i = 0; proc->out && blocks < count && (batch = proc->out(mm, i)); i++)
			blocks += blocks_of(mm, batch, request, count - blocks);
	}
	return blocks >= count;
}
