/* The batch that can be taken back; see page_hold.h. */
#include "port/mm_port.h"

#include "mm/page_hold.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "mm/buddy.h"
#include "mm/place.h"
#include "mm/pressure.h"
#include "mm/timing.h"

static struct page_hold *this_hold(struct mm *mm)
{
	return &mm->hold[mm_port_cpu()];
}

/* The hold is empty from here on, and whoever asked for its batch need not wait any more. */
static void clear(struct page_hold *hold)
{
	hold->batch.count = 0;
	hold->batch.frames = 0;
	hold->state = PAGE_HOLD_NONE;
	hold->abort = false;
	hold->ended++;
}

static void give(struct mm *mm, const struct page_proc *proc, pfn_t pfn, unsigned frames)
{
	if (proc->give)
		proc->give(mm, pfn, frames);
	else
		buddy_give_frames(mm, pfn, frames, GIVE_AS_WAS);
}

/* Gives the batch back: what is done as the processor says, the rest as it was. The lock is held, the batch is the
 * caller's. */
static void put(struct mm *mm, struct page_hold *hold)
{
	for (unsigned i = 0; i < hold->batch.count; i++) {
		const struct mm_block block = hold->batch.block[i];
		const uint64_t n = 1ull << block.order;
		const uint64_t done = i < hold->next ? n : i == hold->next ? hold->done : 0;
		if (done != 0)
			give(mm, hold->proc, block.pfn, (unsigned)done);
		if (done != n)
			buddy_give_frames(mm, block.pfn + done, (unsigned)(n - done), GIVE_AS_WAS);
	}
	if (hold->abort && hold->proc->taken)
		hold->proc->taken(mm);
	clear(hold);
	pressure_relax(mm);
}

/* --- for processors --- */

bool page_hold_begin(struct mm *mm, const struct page_proc *proc, uint64_t max_frames)
{
	struct page_hold *hold = this_hold(mm);

	ASSERT(proc->work && hold->state != PAGE_HOLD_RUNNING);
	if (hold->state == PAGE_HOLD_HELD && hold->proc != proc)
		put(mm, hold);
	const bool parked = hold->state == PAGE_HOLD_HELD;
	hold->state = PAGE_HOLD_RUNNING;
	if (parked)
		return true;
	hold->proc = proc;
	hold->next = 0;
	hold->done = 0;
	mm_unlock(mm);
	const bool any = page_proc_fill(mm, proc, &hold->batch, PAGE_BATCH_BLOCKS, max_frames) != 0;
	mm_lock(mm);
	if (!any)
		clear(hold);
	return any;
}

bool page_hold_work(struct mm *mm, uint64_t max_frames)
{
	struct page_hold *hold = this_hold(mm);
	const struct page_proc *proc = hold->proc;

	ASSERT(hold->state == PAGE_HOLD_RUNNING);
	for (; hold->next < hold->batch.count; hold->next++, hold->done = 0) {
		const struct mm_block block = hold->batch.block[hold->next];
		ASSERT(block.order < MM_ORDER_AREA);
		while (hold->done < 1ull << block.order) {
			proc->work(mm, block.pfn + hold->done);
			hold->done++;
			if (mm_port_should_yield() || __atomic_load_n(&hold->abort, __ATOMIC_ACQUIRE) ||
			    --max_frames == 0)
				return false;
		}
	}
	return true;
}

void page_hold_end(struct mm *mm)
{
	struct page_hold *hold = this_hold(mm);

	mm_lock_timed(mm);
	if (hold->abort || hold->next == hold->batch.count)
		put(mm, hold);
	else
		hold->state = PAGE_HOLD_HELD;
	mm_unlock(mm);
}

bool page_hold_step(struct mm *mm, const struct page_proc *proc, uint64_t max_frames)
{
	mm_lock(mm);
	const bool any = page_hold_begin(mm, proc, max_frames);
	mm_unlock(mm);
	if (!any)
		return false;
	(void)page_hold_work(mm, 0);
	page_hold_end(mm);
	return true;
}

const struct page_hold *page_hold_of(const struct mm *mm, const struct page_proc *proc)
{
	const struct page_hold *found = NULL;

	for (unsigned i = 0; i < mm->cpu_count; i++) {
		const struct page_hold *hold = &mm->hold[i];
		if (hold->state == PAGE_HOLD_NONE || hold->proc != proc)
			continue;
		if (!found || hold->state == PAGE_HOLD_RUNNING)
			found = hold;
	}
	return found;
}

void page_hold_release(struct mm *mm, const struct page_proc *proc)
{
	for (unsigned i = 0; i < mm->cpu_count; i++) {
		struct page_hold *hold = &mm->hold[i];
		if (hold->state == PAGE_HOLD_HELD && hold->proc == proc)
			put(mm, hold);
	}
}

/* --- for the allocator --- */

static unsigned isolated_in(const struct mm *mm, uint32_t a)
{
	unsigned frames = 0;

	for (unsigned w = 0; w < AREA_WORDS; w++)
		frames += bit_count(mm->bits[a].isolated[w] & ~mm->bits[a].word[w].start);
	return frames;
}

static bool batch_fits(const struct mm *mm, const struct page_batch *batch, struct mm_request request)
{
	for (unsigned i = 0; i < batch->count; i++) {
		const pfn_t pfn = batch->block[i].pfn;
		const uint32_t a = mm_area_of(mm, pfn);
		if (request.low_only && pfn >= MM_PFN_4G)
			continue;
		if (batch->block[i].order >= request.order)
			return true;
		/* Order 9: batches, this one and perhaps others, are all that keeps an area from being whole. */
		if (request.order == MM_ORDER_AREA && mm->areas[a].free + isolated_in(mm, a) == AREA_FRAMES)
			return true;
	}
	return false;
}

bool page_hold_fits(const struct mm *mm, struct mm_request request)
{
	if (likely(mm->isolated == 0) || request.order > MM_ORDER_AREA)
		return false;
	for (unsigned i = 0; i < mm->cpu_count; i++) {
		const struct page_hold *hold = &mm->hold[i];
		if (hold->state != PAGE_HOLD_NONE && batch_fits(mm, &hold->batch, request))
			return true;
	}
	return false;
}

bool page_hold_abort(struct mm *mm)
{
	uint32_t ended[MM_CPUS_MAX];
	uint64_t asked = 0;
	bool any = false;

	_Static_assert(MM_CPUS_MAX <= 64, "a bit for each CPU");
	if (mm->isolated == 0)
		return false;
	for (unsigned i = 0; i < mm->cpu_count; i++) {
		struct page_hold *hold = &mm->hold[i];
		if (hold->state == PAGE_HOLD_NONE)
			continue;
		any = true;
		__atomic_store_n(&hold->abort, true, __ATOMIC_RELEASE);
		if (hold->state == PAGE_HOLD_HELD) {
			put(mm, hold);
			continue;
		}
		asked |= BIT(i);
		ended[i] = hold->ended;
	}
	/* All were asked at once, so the wait is for the slowest, which is between two frames within one frame's time.
	 * Batches are counted, since a CPU may have begun the next one by the time that we look again. */
	mm->waiters++; /* and hold off from it, so that what comes back is there for us */
	for (; asked != 0; asked &= asked - 1) {
		const unsigned i = bit_first(asked);
		ASSERT(i != mm_port_cpu());
		while (mm->hold[i].ended == ended[i]) {
			mm_unlock(mm);
			mm_port_relax();
			mm_lock(mm);
		}
	}
	mm->waiters--;
	return any;
}
