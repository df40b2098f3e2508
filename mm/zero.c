/* Zeroes free memory while a CPU has nothing better to do: the page processor, and the policy that says when.
 *
 * The stock is the free frames that are ZERO. At the low mark or below, filling starts, and goes on to the high mark;
 * the gap keeps a workload that frees and allocates the same blocks from being followed all the time. Dirty frames in
 * areas that are partly in use come first (they can't be given to the host anyway), then whole areas. Reported frames
 * are left alone but for filling up to the low mark: an idle guest doesn't make its host back what nobody asked for.
 * What somebody demands (marks_demand) goes before the marks.
 *
 * A batch stays allocatable. Between frames the CPU that zeroes looks whether somebody wants it back (abort), or the
 * CPU (should_yield): then it parks the batch and returns. An allocator gives a parked batch back itself, under the
 * lock; a running one is asked for, and given back by its owner before its next frame. So batch_state says who owns
 * batch, next and done: who made it RUNNING, otherwise the lock.
 *
 * Cost: 64 lines of non-temporal stores a frame, one fence a batch or part of one (docs/DESIGN.md, "Zeroing").
 */
#include "mm/zero.h"

#include "lib/assert.h"
#include "lib/table.h"
#include "mm/buddy.h"
#include "mm/marks.h"
#include "mm/page_proc.h"
#include "mm/place.h"
#include "mm/pressure.h"
#include "mm/rate.h"
#include "mm/timing.h"
#include "mm/trace.h"

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
	return mm->free - mm->zero - mm->reported;
}

static uint64_t reported_dirty_frames(const struct mm *mm)
{
	return mm->reported - mm->reported_zero;
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
		cache_drain(mm, this_cpu(mm));
		uint64_t all = dirty_frames(mm) + reported_dirty_frames(mm);
		if (all == 0)
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
	if (dirty_frames(mm) != 0 || cache_drain(mm, this_cpu(mm)))
		return smaller(dirty_frames(mm), high - stock);
	if (stock < low && reported_dirty_frames(mm) != 0) {
		*reported = true;
		return smaller(reported_dirty_frames(mm), low - stock);
	}
	return 0;
}

/* --- the page processor --- */

static unsigned largest_order(uint64_t frames)
{
	unsigned order = bit_last(frames);

	return order < MM_ORDER_AREA ? order : MM_ORDER_AREA - 1;
}

/* Isolates a run of the class: of area a, or, if that is none, of one that is wholly free. */
static bool pick_from(struct mm *mm, uint32_t a, unsigned cls, uint64_t max_frames, struct mm_block *block)
{
	unsigned order = largest_order(max_frames);
	pfn_t pfn;

	if (a == AREA_NONE)
		a = index_find_mixed(mm, cls, 0, false);
	if (a != AREA_NONE) {
		unsigned largest = fit_of(mm->areas[a].fit, cls) - 1;
		if (order > largest)
			order = largest;
		pfn = buddy_take_from(mm, a, order, cls, TAKE_ISOLATE);
	} else {
		pfn = buddy_take_break(mm, order, cls, false, TAKE_ISOLATE);
	}
	*block = block_of(pfn, order);
	return pfn != MM_PFN_NONE;
}

static bool pick_class(struct mm *mm, unsigned cls, uint64_t max_frames, struct mm_block *block)
{
	return pick_from(mm, index_find_part(mm, cls, 0, false), cls, max_frames, block);
}

/* Dirty frames where a block of the demanded order is free and unreported, as far as the indexes tell: an area with
 * such a block may have other dirty frames too. Where nothing is found, nothing is left to meet the demand with. */
static bool pick_demanded(struct mm *mm, uint64_t max_frames, struct mm_block *block)
{
	struct zero_demand *demand = &mm->demand;
	uint32_t a = AREA_NONE;

	buddy_cursor_release(mm);
	if (demand->order < MM_ORDER_AREA)
		a = index_find_part(mm, CLASS_DIRTY, demand->order, false);
	if (a == AREA_NONE && demand->order < MM_ORDER_AREA)
		a = index_find_part(mm, CLASS_UNREPORTED, demand->order, false);
	if (!pick_from(mm, a, CLASS_DIRTY, max_frames, block)) {
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
	return pick_class(mm, CLASS_DIRTY, max_frames, block) ||
	       (mm->zero_engine.reported && pick_class(mm, CLASS_REPORTED, max_frames, block));
}

/* Gives the batch back: what is done as ZERO, the rest as it was. The lock is held, the batch is the caller's. */
static void batch_put(struct mm *mm)
{
	struct zero_engine *e = &mm->zero_engine;
	struct page_batch *batch = &e->batch;

	for (unsigned i = 0; i < batch->count; i++) {
		struct mm_block block = batch->block[i];
		uint64_t n = 1ull << block.order;
		uint64_t done = i < e->next ? n : i == e->next ? e->done : 0;
		if (TRACING && done != 0)
			trace_worked(mm, TRACE_ZERO, block.pfn, done, CLASS_ZERO);
		if (done != 0)
			buddy_give_frames(mm, block.pfn, (unsigned)done, CLASS_ZERO);
		if (done != n)
			buddy_give_frames(mm, block.pfn + done, (unsigned)(n - done), GIVE_AS_WAS);
	}
	batch->count = 0;
	batch->frames = 0;
	e->batch_state = ZERO_BATCH_NONE;
	e->abort = false;
	pressure_relax(mm);
}

static bool zero_holds(struct mm *mm, unsigned order, bool low_only)
{
	const struct page_batch *batch = &mm->zero_engine.batch;

	if (mm->zero_engine.batch_state == ZERO_BATCH_NONE || order > MM_ORDER_AREA)
		return false;
	for (unsigned i = 0; i < batch->count; i++) {
		pfn_t pfn = batch->block[i].pfn;
		if (low_only && pfn >= MM_PFN_4G)
			continue;
		if (batch->block[i].order >= order)
			return true;
		/* Order 9: the batch is all that keeps an area from being whole. */
		if (order == MM_ORDER_AREA && mm->areas[area_of(mm, pfn)].free + batch->frames == AREA_FRAMES)
			return true;
	}
	return false;
}

static bool zero_abort(struct mm *mm)
{
	struct zero_engine *e = &mm->zero_engine;

	if (e->batch_state == ZERO_BATCH_NONE)
		return false;
	e->aborts++;
	if (e->batch_state == ZERO_BATCH_HELD) {
		batch_put(mm);
		return true;
	}
	/* Another CPU is between two frames of it at the latest within one frame's time. */
	__atomic_store_n(&e->abort, true, __ATOMIC_RELEASE);
	while (e->batch_state == ZERO_BATCH_RUNNING && e->abort) {
		mm_unlock(mm);
		mm_port_relax();
		mm_lock(mm);
	}
	return true;
}

PAGE_PROC(zero, .name = "zero", .pick = zero_pick, .holds = zero_holds, .abort = zero_abort);

/* --- the idle loop's part --- */

/* Zeroes on from where the batch stands, at most so many frames. Returns whether it is done. */
static bool batch_run(struct zero_engine *e, uint64_t frames)
{
	while (e->next < e->batch.count) {
		struct mm_block block = e->batch.block[e->next];
		while (e->done < 1ull << block.order) {
			mm_port_zero_cold(block.pfn + e->done, 1);
			e->done++;
			e->idle_frames++;
			if (mm_port_should_yield() || __atomic_load_n(&e->abort, __ATOMIC_ACQUIRE) || --frames == 0)
				return false;
		}
		e->next++;
		e->done = 0;
	}
	return true;
}

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

/* Makes the batch ours: the parked one, or a new one. With the lock held; dropped on return. */
static enum zero_verdict batch_claim(struct mm *mm, uint64_t *wake_ns)
{
	struct zero_engine *e = &mm->zero_engine;
	enum zero_verdict verdict = ZERO_NOTHING;
	uint64_t frames;

	if (e->batch_state == ZERO_BATCH_RUNNING)
		goto out; /* another CPU is at it */
	if (e->batch_state == ZERO_BATCH_HELD) {
		if (e->paused || (zero_policy_knob != ZERO_POLICY_IDLE && !e->now && !e->demanded)) {
			batch_put(mm);
			goto out;
		}
		verdict = ZERO_LATER;
		if (!must_rest(e, wake_ns)) {
			e->batch_state = ZERO_BATCH_RUNNING;
			verdict = ZERO_AGAIN;
		}
		goto out;
	}
	frames = e->paused || mm->pressure ? 0 : left(mm, &e->reported, &e->demanded);
	if (frames == 0) {
		e->wanted_since_ns = 0;
		goto out;
	}
	if (!e->now && !e->demanded && delay_ms != 0) {
		uint64_t now = mm_port_now_ns();
		if (e->wanted_since_ns == 0)
			e->wanted_since_ns = now;
		if (now - e->wanted_since_ns < delay_ms * 1000000) {
			*wake_ns = e->wanted_since_ns + delay_ms * 1000000;
			verdict = ZERO_LATER;
			goto out;
		}
	}
	if (must_rest(e, wake_ns)) {
		verdict = ZERO_LATER;
		goto out;
	}
	e->batch_state = ZERO_BATCH_RUNNING;
	e->next = 0;
	e->done = 0;
	mm_unlock(mm);
	frames = smaller(frames, batch_frames);
	if (page_proc_fill(mm, &page_proc_zero, &e->batch, PAGE_BATCH_BLOCKS, frames) != 0)
		return ZERO_AGAIN;
	mm_lock(mm);
	e->batch_state = ZERO_BATCH_NONE;
	e->abort = false;
out:
	mm_unlock(mm);
	return verdict;
}

enum zero_verdict zero_idle(struct mm *mm, uint64_t *wake_ns)
{
	struct zero_engine *e = &mm->zero_engine;

	mm_lock(mm);
	enum zero_verdict verdict = batch_claim(mm, wake_ns);
	if (verdict != ZERO_AGAIN)
		return verdict;

	e->wake_due = false;
	uint64_t since = mm_port_now_ns(), before = e->idle_frames;
	bool finished = batch_run(e, rate_slice(rate_mbps));
	mm_port_zero_fence();
	uint64_t now = mm_port_now_ns();
	e->idle_ns += now - since;
	if (rate_mbps != 0)
		rate_charge(&e->rate, now, e->idle_frames - before);
	count_yield(e);

	mm_lock_timed(mm);
	if (finished || e->abort)
		batch_put(mm);
	else
		e->batch_state = ZERO_BATCH_HELD;
	mm_unlock(mm);
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
	bool done = mm->zero_engine.batch_state == ZERO_BATCH_NONE && left(mm, &reported, &demanded) == 0;
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
	if (mm->zero_engine.batch_state == ZERO_BATCH_HELD)
		batch_put(mm);
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
		.batch_frames = e->batch_state == ZERO_BATCH_NONE ? 0 : e->batch.frames,
	};
	_Static_assert(sizeof(out->yields) == sizeof(e->yields), "one histogram");
	memcpy(out->yields, e->yields, sizeof(out->yields));
	mm_unlock(mm);
}
