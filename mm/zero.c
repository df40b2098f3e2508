/* Zeroes free memory while a CPU has nothing better to do: the page processor, and the policy that says when.
 *
 * The stock is the free frames that are ZERO. At the low mark or below, filling starts, and goes on to the high mark;
 * the gap keeps a workload that frees and allocates the same blocks from being followed all the time. Dirty frames in
 * areas that are partly in use come first (they can't be given to the host anyway), then whole areas. Reported
 * and fresh frames are left alone but for filling up to the low mark: an idle guest doesn't make its host back what
 * nobody asked for.
 * What somebody demands (marks_demand) goes before the marks.
 *
 * A batch stays allocatable: it is in the hold of the CPU that zeroes, see page_hold.h. One CPU zeroes at a time.
 *
 * Cost: 64 lines of non-temporal stores a frame, one fence a batch or part of one
 * (docs/design/processors.md, "Zeroing").
 */
#include "port/mm_port.h"

#include "mm/zero.h"

#include "lib/assert.h"
#include "lib/table.h"
#include "mm/buddy.h"
#include "mm/cache.h"
#include "mm/marks.h"
#include "mm/page_hold.h"
#include "mm/rate.h"
#include "mm/timing.h"
#include "mm/trace.h"
#include "mm/unzeroed.h"

TABLE_NEEDS(mm_ledger);

static uint64_t batch_frames = 64;
static uint64_t delay_ms = 10;
static uint64_t rate_mbps = 0;

KNOB(zero_batch, .name = "zero.batch_frames", .unit = "frames", .min = 1, .max = AREA_FRAMES,
     .help = "frames that are taken away at a time to be zeroed", .value = &batch_frames);
KNOB(zero_delay, .name = "zero.delay_ms", .unit = "ms", .max = 60000,
     .help = "from the moment the stock wants filling to the first batch", .value = &delay_ms);
KNOB(zero_rate, .name = "zero.rate_mbps", .unit = "MB/s", .max = RATE_MBPS_MAX,
     .help = "as much as the idle loop zeroes at most, on zero now too; 0: no limit", .value = &rate_mbps);

STAT(zero_idle, "zero.idle_frames", "frames", "zeroed by the idle loop", &mm_system.zero_engine.idle_frames);
STAT(zero_idle_ns, "zero.idle_ns", "ns", "time the idle loop took for it", &mm_system.zero_engine.idle_ns);
STAT(zero_aborts, "zero.aborts", "batches", "batches given back because an allocation wanted them",
     &mm_system.zero_engine.aborts);

/* --- what to do --- */

static uint64_t dirty_frames(const struct mm *mm)
{
	return mm->free - mm->zero - mm->reported - mm->fresh;
}

/* FRESH ones among them: they are left alone alike. */
static uint64_t reported_dirty_frames(const struct mm *mm)
{
	return mm->fresh + mm->reported - mm->reported_zero;
}

static const struct page_proc page_proc_zero;

/* What is isolated for others: with a reporter, or in a hold of another processor's. It comes back, and not as zero. */
static uint64_t out_frames(const struct mm *mm)
{
	uint64_t held = 0;

	for (unsigned i = 0; i < mm->cpu_count; i++)
		held += mm->hold[i].proc == &page_proc_zero ? mm->hold[i].batch.frames : 0;
	return mm->isolated > held ? mm->isolated - held : 0;
}

/* How many frames are left to be zeroed, paused or not. *reported: of reported memory too; *demanded: not for the marks
 * but for somebody's demand. What this CPU's cache still holds when all else is zero has gone cold. Below the low
 * watermark nothing may be isolated: marks and demands don't count there, and what zero_now asked for has to wait. */
static uint64_t left(struct mm *mm, bool *reported, bool *demanded)
{
	struct zero_engine *e = &mm->zero_engine;
	uint64_t low = marks_low(mm), high = marks_high(mm), stock = mm->zero;

	*reported = false;
	*demanded = false;
	if (e->now) {
		*reported = true;
		mm_cache_drain(mm, mm_this_cpu(mm));
		const uint64_t all = dirty_frames(mm) + reported_dirty_frames(mm) + out_frames(mm);
		if (all == 0 && mm->isolated == 0) /* our own batch may still be taken back as it was */
			e->now = false;
		return all;
	}
	if (!mm->pressure && mm->demand.frames != 0 && dirty_frames(mm) != 0) {
		*demanded = true;
		return smaller(dirty_frames(mm), mm->demand.frames);
	}
	if (zero_policy_knob != ZERO_POLICY_IDLE || mm->pressure)
		return 0;
	if (stock >= high)
		e->filling = false;
	else if (stock <= low)
		e->filling = true;
	if (!e->filling)
		return 0;
	if (dirty_frames(mm) != 0 || mm_cache_drain(mm, mm_this_cpu(mm)))
		return smaller(dirty_frames(mm), high - stock);
	if (stock < low && reported_dirty_frames(mm) != 0) {
		*reported = true;
		return smaller(reported_dirty_frames(mm), low - stock);
	}
	return 0;
}

/* --- the page processor --- */

/* Dirty frames where a block of the demanded order is free and unreported, as far as the indexes tell: an area with
 * such a block may have other dirty frames too. Where nothing is found, nothing is left to meet the demand with. */
static bool pick_demanded(struct mm *mm, uint64_t max_frames, struct mm_block *block)
{
	struct zero_demand *demand = &mm->demand;
	uint32_t a = AREA_NONE;

	buddy_cursor_release(mm);
	if (demand->order < MM_ORDER_AREA)
		a = index_find_part(mm, CLASS_DIRTY, demand->order, ANYWHERE);
	if (a == AREA_NONE && demand->order < MM_ORDER_AREA)
		a = index_find_part(mm, CLASS_UNREPORTED, demand->order, ANYWHERE);
	bool any = page_proc_pick_from(mm, a, CLASS_DIRTY, max_frames, block);
	if (!any) {
		a = mm_unzeroed_find(mm, demand->order);
		any = a != AREA_NONE && page_proc_pick_from(mm, a, CLASS_DIRTY, max_frames, block);
	}
	if (!any) {
		demand->frames = 0;
		return false;
	}
	demand->frames -= smaller(demand->frames, 1ull << block->order);
	return true;
}

static bool zero_pick(struct mm *mm, uint64_t max_frames, struct mm_block *block)
{
	if (mm->zero_engine.demanded)
		return pick_demanded(mm, max_frames, block);
	return page_proc_pick(mm, CLASS_DIRTY, max_frames, block) ||
	       (mm->zero_engine.reported && (page_proc_pick(mm, CLASS_FRESH, max_frames, block) ||
					     page_proc_pick(mm, CLASS_REPORTED, max_frames, block)));
}

static void zero_work(struct mm *mm, pfn_t pfn)
{
	mm_port_zero_cold(pfn, 1);
	mm->zero_engine.idle_frames++;
}

static void zero_give(struct mm *mm, pfn_t pfn, unsigned frames)
{
	if (TRACING)
		trace_worked(mm, TRACE_ZERO, pfn, frames, CLASS_ZERO);
	buddy_give_frames(mm, pfn, frames, CLASS_ZERO);
}

static void zero_taken(struct mm *mm)
{
	mm->zero_engine.aborts++;
}

PAGE_PROC(zero, .name = "zero", .pick = zero_pick, .work = zero_work, .give = zero_give, .taken = zero_taken);

bool marks_demand_under_way(const struct mm *mm)
{
	return mm->zero_engine.demanded && page_hold_of(mm, &page_proc_zero);
}

/* --- the idle loop's part --- */

static void count_yield(struct zero_engine *e)
{
	if (!__atomic_exchange_n(&e->wake_due, false, __ATOMIC_ACQUIRE))
		return;
	uint64_t late = e->idle_frames - e->due_at;
	e->yields[late < ARRAY_LEN(e->yields) - 1 ? late : ARRAY_LEN(e->yields) - 1]++;
}

/* Whether zero.rate_mbps wants a rest now, until *wake_ns. */
static bool must_rest(struct zero_engine *e, uint64_t *wake_ns)
{
	if (rate_mbps == 0)
		return false;
	*wake_ns = rate_rest(&e->rate, rate_mbps, mm_port_now_ns());
	return *wake_ns != 0;
}

/* Whether a batch that is parked is still wanted. */
static bool still_wanted(const struct zero_engine *e)
{
	return !e->paused && (zero_policy_knob == ZERO_POLICY_IDLE || e->now || e->demanded);
}

/* Makes this CPU's hold ours: with the batch parked there, or a new one. The lock is held. */
static enum zero_verdict claim(struct mm *mm, uint64_t *wake_ns)
{
	struct zero_engine *e = &mm->zero_engine;
	const struct page_hold *hold = page_hold_of(mm, &page_proc_zero);

	if (hold && hold->state == PAGE_HOLD_RUNNING)
		return ZERO_NOTHING; /* another CPU is at it */
	if (hold && !still_wanted(e)) {
		page_hold_release(mm, &page_proc_zero);
		return ZERO_NOTHING;
	}
	if (hold && hold != &mm->hold[mm_port_cpu()]) { /* that CPU has other things to do now */
		page_hold_release(mm, &page_proc_zero);
		hold = NULL;
	}
	if (hold) {
		if (must_rest(e, wake_ns))
			return ZERO_LATER;
		return page_hold_begin(mm, &page_proc_zero, batch_frames) ? ZERO_AGAIN : ZERO_NOTHING;
	}
	const uint64_t frames = e->paused || mm->pressure ? 0 : left(mm, &e->reported, &e->demanded);
	if (frames == 0) {
		e->wanted_since_ns = 0;
		return ZERO_NOTHING;
	}
	if (!e->now && !e->demanded && delay_ms != 0) {
		uint64_t now = mm_port_now_ns();
		if (e->wanted_since_ns == 0)
			e->wanted_since_ns = now;
		if (now - e->wanted_since_ns < delay_ms * 1000000) {
			*wake_ns = e->wanted_since_ns + delay_ms * 1000000;
			return ZERO_LATER;
		}
	}
	if (must_rest(e, wake_ns))
		return ZERO_LATER;
	return page_hold_begin(mm, &page_proc_zero, smaller(frames, batch_frames)) ? ZERO_AGAIN : ZERO_NOTHING;
}

enum zero_verdict zero_idle(struct mm *mm, uint64_t *wake_ns)
{
	struct zero_engine *e = &mm->zero_engine;

	mm_lock(mm);
	enum zero_verdict verdict = claim(mm, wake_ns);
	mm_unlock(mm);
	if (verdict != ZERO_AGAIN)
		return verdict;

	e->wake_due = false;
	uint64_t since = mm_port_now_ns(), before = e->idle_frames;
	(void)page_hold_work(mm, rate_slice(rate_mbps));
	mm_port_zero_fence();
	uint64_t now = mm_port_now_ns();
	e->idle_ns += now - since;
	if (rate_mbps != 0)
		rate_charge(&e->rate, now, e->idle_frames - before);
	count_yield(e);
	page_hold_end(mm);
	return ZERO_AGAIN;
}

void zero_wake_due(struct mm *mm)
{
	struct zero_engine *e = &mm->zero_engine;

	if (!__atomic_load_n(&e->wake_due, __ATOMIC_RELAXED)) {
		e->due_at = e->idle_frames;
		__atomic_store_n(&e->wake_due, true, __ATOMIC_RELEASE);
	}
}

bool zero_is_done(struct mm *mm)
{
	bool reported, demanded;

	mm_lock(mm);
	bool done = !page_hold_of(mm, &page_proc_zero) && left(mm, &reported, &demanded) == 0;
	mm_unlock(mm);
	return done;
}

void zero_now(struct mm *mm)
{
	mm->stock_hold = true;
	mm->zero_engine.now = true;
}

void zero_pause(struct mm *mm)
{
	mm_lock(mm);
	mm->zero_engine.paused = true;
	page_hold_release(mm, &page_proc_zero);
	mm_unlock(mm);
}

void zero_resume(struct mm *mm)
{
	mm->zero_engine.paused = false;
}

void zero_status(struct mm *mm, struct zero_status *out)
{
	const struct zero_engine *e = &mm->zero_engine;
	bool reported, demanded;

	mm_lock(mm);
	const struct page_hold *hold = page_hold_of(mm, &page_proc_zero);
	*out = (struct zero_status){
		.policy = (enum zero_policy)zero_policy_knob,
		.rate_mbps = rate_mbps,
		.paused = e->paused,
		.running = e->filling,
		.short_of_memory = mm->pressure,
		.left_frames = left(mm, &reported, &demanded),
		.now = e->now,
		.stock_frames = mm->zero,
		.low_frames = marks_low(mm),
		.high_frames = marks_high(mm),
		.batch_frames = hold ? hold->batch.frames : 0,
	};
	_Static_assert(sizeof(out->yields) == sizeof(e->yields), "one histogram");
	memcpy(out->yields, e->yields, sizeof(out->yields));
	mm_unlock(mm);
}
