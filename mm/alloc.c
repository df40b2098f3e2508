/* What a caller asks for, and what is taken first: the policy over buddy.h, and mm's public calls.
 *
 * The order of preference, for a block within an area (order 0 to 8):
 *   1. unreported runs in areas that are in use, the wanted state first: no whole free 2 MiB block is broken for it
 *   2. unreported whole areas, likewise
 *   3. reported runs, then reported whole areas: the host must back them again
 * and from order 9 on, 2 and 3. Above 4 GiB comes before below within each step. What can't be had so is waited for:
 * caches, the batch that is being zeroed, and reports in flight are taken back, in this order.
 */
#include "lib/assert.h"
#include "mm/buddy.h"
#include "mm/contents.h"
#include "mm/marks.h"
#include "mm/page_hold.h"
#include "mm/place.h"
#include "mm/pressure.h"
#include "mm/timing.h"
#include "mm/trace.h"

/* Classes in the order in which a request looks at them. */
struct preference {
	uint8_t unreported[3];
	uint8_t reported[3];
};

static const struct preference prefer_any = {
	.unreported = {CLASS_DIRTY, CLASS_UNREPORTED, CLASS_ZERO},
	.reported = {CLASS_REPORTED, CLASS_ALL, CLASS_REPORTED_ZERO},
};
static const struct preference prefer_zero = {
	.unreported = {CLASS_ZERO, CLASS_UNREPORTED, CLASS_DIRTY},
	.reported = {CLASS_REPORTED_ZERO, CLASS_ALL, CLASS_REPORTED},
};

/* Whether something that a request for order 0 prefers is there to be had instead of a frame of this state, which isn't
 * the wanted one, in an area that is in use. Mixed runs play no part in it: where there is one its states are listed as
 * well. */
static __attribute__((noinline)) bool better_than(struct mm *mm, unsigned state, unsigned wanted)
{
	if (state <= CLASS_ZERO)
		return index_has(mm, wanted, SLOTS_PART);
	if (index_has(mm, CLASS_DIRTY, SLOTS_ALL) || index_has(mm, CLASS_ZERO, SLOTS_ALL) ||
	    index_has(mm, CLASS_UNREPORTED, SLOTS_ALL))
		return true;
	return state != wanted + 2 && index_has(mm, wanted + 2, SLOTS_PART);
}

/* Order 0 from an area that served it before, where that is still the first choice. */
static pfn_t take_cursor(struct mm *mm, bool zero)
{
	const unsigned wanted = zero ? CLASS_ZERO : CLASS_DIRTY;

	for (unsigned i = 0; i < 2; i++) {
		unsigned which = i ^ (zero ? 1u : 0u);
		uint32_t a = mm->cursor[which];
		if (a == AREA_NONE)
			continue;
		unsigned cls = mm->cursor_class[which];
		if (fit_of(mm->areas[a].fit, cls) == 0 && !index_is_loose(mm, a, cls))
			continue;
		if (unlikely(cls != wanted) && better_than(mm, cls, wanted))
			continue;
		if (a / GIB_AREAS < mm->gib_low && unlikely(index_has_part_high(mm, cls)))
			continue;
		return buddy_take_from(mm, a, 0, cls, TAKE_ALLOCATE);
	}
	return MM_PFN_NONE;
}

typedef pfn_t take_fn(struct mm *mm, unsigned order, unsigned cls, bool low_only, enum buddy_take how);

/* The first of three classes that has something. */
static pfn_t take_first(struct mm *mm, take_fn *from, unsigned order, const uint8_t classes[3], bool low_only)
{
	pfn_t pfn = MM_PFN_NONE;

	for (unsigned i = 0; i < 3 && pfn == MM_PFN_NONE; i++)
		pfn = from(mm, order, classes[i], low_only, TAKE_ALLOCATE);
	return pfn;
}

static inline pfn_t take(struct mm *mm, unsigned order, unsigned want);

/* The whole order of preference. Kept out of take, whose first look nearly always finds something. */
static __attribute__((noinline)) pfn_t take_in_order(struct mm *mm, unsigned order, unsigned want)
{
	const bool low_only = (want & MM_BELOW_4G) != 0;
	const struct preference *p = (want & ~MM_BELOW_4G) != MM_ANY ? &prefer_zero : &prefer_any;
	const bool small = order < MM_ORDER_AREA;
	pfn_t pfn;

	pfn = take_first(mm, small ? buddy_take_part : buddy_take_whole, order, p->unreported, low_only);
	if (pfn != MM_PFN_NONE)
		return pfn;
	/* Frames that this CPU keeps, or that the zeroing batch holds, may spare a whole area. */
	if (small && cache_unpark(mm, this_cpu(mm)))
		return take(mm, order, want);
	if (page_hold_fits(mm, order, low_only) && page_hold_abort(mm))
		return take(mm, order, want);
	if (!small)
		return take_first(mm, buddy_take_whole, order, p->reported, low_only);
	pfn = take_first(mm, buddy_take_break, order, p->unreported, low_only);
	if (pfn == MM_PFN_NONE)
		pfn = take_first(mm, buddy_take_part, order, p->reported, low_only);
	if (pfn == MM_PFN_NONE)
		pfn = take_first(mm, buddy_take_break, order, p->reported, low_only);
	return pfn;
}

static inline pfn_t take(struct mm *mm, unsigned order, unsigned want)
{
	const bool low_only = (want & MM_BELOW_4G) != 0;
	const bool zero = (want & ~MM_BELOW_4G) != MM_ANY;
	pfn_t pfn;

	if (likely(order < MM_ORDER_AREA)) {
		if (order == 0 && !low_only) {
			pfn = take_cursor(mm, zero);
			if (likely(pfn != MM_PFN_NONE))
				return pfn;
		}
		pfn = buddy_take_part(mm, order, zero ? CLASS_ZERO : CLASS_DIRTY, low_only, TAKE_ALLOCATE);
	} else {
		buddy_cursor_release(mm);
		pfn = buddy_take_whole(mm, order, zero ? CLASS_ZERO : CLASS_DIRTY, low_only, TAKE_ALLOCATE);
	}
	return likely(pfn != MM_PFN_NONE) ? pfn : take_in_order(mm, order, want);
}

/* Gets what can be got back for a request that found nothing. The lock is held, and dropped while waiting. */
static pfn_t take_back(struct mm *mm, unsigned order, unsigned want)
{
	pfn_t pfn = MM_PFN_NONE;

	if (cache_drain(mm, this_cpu(mm)))
		pfn = take(mm, order, want);
	if (pfn == MM_PFN_NONE && page_hold_abort(mm))
		pfn = take(mm, order, want);
	if (pfn == MM_PFN_NONE && mm->isolated != 0)
		this_cpu(mm)->alloc_waits++;
	while (pfn == MM_PFN_NONE && mm->isolated != 0) {
		mm_unlock(mm);
		bool again = page_proc_wait(mm);
		mm_lock(mm);
		again |= page_hold_abort(mm); /* the idle loop ran meanwhile, and may have begun anew */
		if (!again && mm->isolated != 0)
			break;
		pfn = take(mm, order, want);
	}
	return pfn;
}

/* What an allocation does after it has a block, without the lock. */
static inline void deliver(struct mm *mm, struct mm_cpu *cpu, pfn_t pfn, unsigned order, unsigned want, bool as_was)
{
	want &= ~MM_BELOW_4G;
	if (DEBUG)
		contents_check_taken(mm, pfn, order, as_was);
	if (want == MM_ANY) {
		if (as_was)
			cpu->wasted_frames += contents_zero_frames(mm, pfn, order);
		return;
	}
	contents_zero(mm, cpu, pfn, order, want == MM_ZERO_HOT, as_was);
	if (DEBUG)
		contents_check_zero(pfn, order);
}

/* What mm_alloc does, inlined where nothing is traced and where it is. */
static inline __attribute__((always_inline)) pfn_t alloc_block(struct mm *mm, unsigned order, unsigned want)
{
	struct mm_cpu *cpu = this_cpu(mm);
	pfn_t pfn;

	cpu->alloc_calls++;
	if (want == MM_ANY || want == MM_ZERO_HOT) {
		if (order == 0 && cpu->hot_count != 0) {
			cpu->hot_hits++;
			pfn = cache_hot(cpu);
			if (DEBUG || want != MM_ANY)
				deliver(mm, cpu, pfn, 0, want, false);
			return pfn;
		}
		if (order == 0 && want == MM_ANY && cpu->next_at != cpu->next_end) {
			cpu->hot_hits++;
			pfn = cache_next(cpu);
			if (DEBUG)
				deliver(mm, cpu, pfn, 0, want, true);
			return pfn;
		}
		if (order == MM_ORDER_AREA && cpu->hot_area != MM_PFN_NONE) {
			cpu->hot_hits++;
			pfn = cpu->hot_area;
			cpu->hot_area = MM_PFN_NONE;
			mm->areas[area_of(mm, pfn)].kind = AREA_HEAD;
			if (DEBUG || want != MM_ANY)
				deliver(mm, cpu, pfn, order, want, false);
			return pfn;
		}
	}
	if (order > MM_ORDER_AREA)
		mm_lock_timed(mm);
	else
		mm_lock(mm);
	pfn = take(mm, order, want);
	if (unlikely(pfn == MM_PFN_NONE))
		pfn = take_back(mm, order, want);
	else if (order == 0 && want == MM_ANY && mm->hot_open)
		cache_fill(mm, cpu);
	pressure_check(mm);
	mm_unlock(mm);
	if (unlikely(pfn == MM_PFN_NONE)) {
		cpu->alloc_failed++;
		return MM_PFN_NONE;
	}
	deliver(mm, cpu, pfn, order, want, true);
	return pfn;
}

/* With tracing on, or for an order that there isn't. */
static __attribute__((noinline)) pfn_t alloc_apart(struct mm *mm, unsigned order, unsigned want, const void *caller)
{
	ASSERT(order <= MM_ORDER_MAX);
	const uint64_t hits = this_cpu(mm)->hot_hits;
	const pfn_t pfn = alloc_block(mm, order, want);
	if (pfn != MM_PFN_NONE)
		trace_write(mm, TRACE_ALLOC, pfn, 1ull << order,
			    this_cpu(mm)->hot_hits != hits ? MM_STATE_CACHED : trace_state(mm, pfn, 1ull << order),
			    MM_STATE_ALLOCATED, caller);
	return pfn;
}

pfn_t mm_alloc(struct mm *mm, unsigned order, unsigned want)
{
	if (unlikely(order >= trace_orders))
		return alloc_apart(mm, order, want, __builtin_return_address(0));
	return alloc_block(mm, order, want);
}

/* Policy "free": whoever frees pays. The block is still the caller's, so its frames are zeroed without a lock. */
static void pay_at_free(struct mm *mm, pfn_t pfn, unsigned order)
{
	struct mm_cpu *cpu = this_cpu(mm);
	uint64_t since = mm_port_now_ns();

	contents_store_zero(pfn, 1ull << order);
	cpu->free_zero_ns += mm_port_now_ns() - since;
	cpu->free_zero_frames += 1ull << order;
	if (TRACING)
		trace_write(mm, TRACE_ZERO, pfn, 1ull << order, MM_STATE_ALLOCATED, MM_STATE_ZERO, NULL);
}

static inline __attribute__((always_inline)) void verify(struct mm *mm, pfn_t pfn, unsigned order, const void *caller)
{
	if (unlikely(order > 6 || !buddy_holds(mm, pfn) || !buddy_is_block(mm, area_of(mm, pfn), pfn, order)))
		buddy_verify(mm, pfn, order, caller);
}

/* Keeps a freed block in this CPU's cache where it may go there. Without the lock only a plain yes to whether it is a
 * block can be trusted: a neighbour that another CPU is just taking may look like a part of it. All else is left to the
 * locked path, mistakes included. */
static inline bool free_to_cache(struct mm *mm, pfn_t pfn, unsigned order)
{
	struct mm_cpu *cpu = this_cpu(mm);

	if (unlikely(!mm->hot_open || !buddy_holds(mm, pfn)))
		return false;
	const uint32_t a = area_of(mm, pfn);
	if (likely(order == 0)) {
		if (unlikely(!buddy_is_block(mm, a, pfn, 0)))
			return false;
		if (unlikely(cache_free(mm, cpu, a, pfn))) {
			mm_lock(mm);
			cache_flush(mm, cpu);
			mm_unlock(mm);
		}
		return true;
	}
	struct area *area = &mm->areas[a];
	if (order != MM_ORDER_AREA || cpu->hot_area != MM_PFN_NONE || area->kind != AREA_HEAD || area->order != order ||
	    pfn % AREA_FRAMES != 0)
		return false;
	area->kind = AREA_CACHED;
	cpu->hot_area = pfn;
	return true;
}

static inline __attribute__((always_inline)) void give_locked(struct mm *mm, pfn_t pfn, unsigned order, unsigned state,
							      const void *caller)
{
	if (order > MM_ORDER_AREA)
		mm_lock_timed(mm);
	else
		mm_lock(mm);
	verify(mm, pfn, order, caller);
	buddy_give(mm, pfn, order, state);
	pressure_relax(mm);
	mm_unlock(mm);
}

static __attribute__((noinline)) void free_block(struct mm *mm, pfn_t pfn, unsigned order, const void *caller)
{
	this_cpu(mm)->free_calls++;
	if (!free_to_cache(mm, pfn, order))
		give_locked(mm, pfn, order, CLASS_DIRTY, caller);
}

/* Whether frees have more to do: the policy zeroes or DEBUG fills what is freed, or it is traced. */
static inline bool frees_are_apart(void)
{
	return DEBUG || unlikely(MM_ZERO ? zero_policy_knob >= trace_policies : TRACING);
}

static __attribute__((noinline)) void free_apart(struct mm *mm, pfn_t pfn, unsigned order, const void *caller)
{
	const bool zero = zero_at_free();

	if (DEBUG || zero) {
		mm_lock(mm);
		buddy_verify(mm, pfn, order, caller);
		mm_unlock(mm);
	}
	if (zero) {
		this_cpu(mm)->free_calls++;
		pay_at_free(mm, pfn, order);
		give_locked(mm, pfn, order, CLASS_ZERO, caller);
	} else {
		if (DEBUG)
			contents_fill(pfn, 1ull << order);
		free_block(mm, pfn, order, caller);
	}
	if (TRACING)
		trace_write(mm, TRACE_FREE, pfn, 1ull << order, MM_STATE_ALLOCATED, mm_frame_state(mm, pfn), caller);
}

void mm_free(struct mm *mm, pfn_t pfn, unsigned order)
{
	const void *caller = __builtin_return_address(0);

	if (frees_are_apart())
		free_apart(mm, pfn, order, caller);
	else
		free_block(mm, pfn, order, caller);
}

/* --- bulk --- */

/* Blocks taken or given in one hold of the lock; of order 0 an area's worth more may be taken. */
#define BULK_HOLD 64u

static size_t take_bulk(struct mm *mm, unsigned order, unsigned want, size_t count, pfn_t *pfns)
{
	const bool zero = (want & ~MM_BELOW_4G) != MM_ANY;
	const struct preference *p = zero ? &prefer_zero : &prefer_any;

	/* The areas in use first, many frames at a time; all else one by one, which breaks the next area. */
	if (order == 0) {
		uint32_t a = index_find_part(mm, p->unreported[0], 0, (want & MM_BELOW_4G) != 0);
		if (a != AREA_NONE)
			return buddy_take_frames(mm, a, p->unreported[0], count, pfns);
	}
	*pfns = take(mm, order, want);
	if (*pfns == MM_PFN_NONE)
		*pfns = take_back(mm, order, want);
	return *pfns != MM_PFN_NONE ? 1 : 0;
}

/* Delivers zeroed blocks an area's worth at a time, and asks stop in between. Returns how many frames are done. */
static uint64_t deliver_until(struct mm *mm, unsigned order, unsigned want, size_t count, const pfn_t *pfns,
			      bool (*stop)(void *arg), void *arg)
{
	const unsigned step = order < MM_ORDER_AREA ? order : MM_ORDER_AREA;
	const uint64_t frames = (uint64_t)count << order;

	for (uint64_t at = 0; at < frames; at += 1ull << step) {
		if (at % AREA_FRAMES == 0 && stop(arg))
			return at;
		deliver(mm, this_cpu(mm), pfns[at >> order] + at % (1ull << order), step, want, true);
	}
	return frames;
}

/* Gives all blocks of a bulk call back, of which the first `zeroed` frames are zero by now, the others as they were. */
static void undo_bulk(struct mm *mm, unsigned order, size_t count, pfn_t *pfns, uint64_t zeroed)
{
	const size_t whole = (size_t)(zeroed >> order);
	const unsigned areas = (unsigned)(zeroed % (1ull << order) / AREA_FRAMES);

	if (areas != 0) {
		pfn_t pfn = pfns[whole];
		mm_split(mm, pfn, order, MM_ORDER_AREA);
		for (unsigned i = 0; i < 1u << (order - MM_ORDER_AREA); i++) {
			mm_lock_timed(mm);
			buddy_give(mm, pfn + i * AREA_FRAMES, MM_ORDER_AREA, i < areas ? CLASS_ZERO : GIVE_AS_WAS);
			pressure_relax(mm);
			mm_unlock(mm);
		}
		pfns[whole] = pfns[--count];
	}
	while (count != 0) {
		mm_lock_timed(mm);
		for (unsigned i = 0; i < BULK_HOLD && count != 0; i++) {
			count--;
			buddy_give(mm, pfns[count], order, count < whole ? CLASS_ZERO : GIVE_AS_WAS);
		}
		pressure_relax(mm);
		mm_unlock(mm);
	}
}

static bool alloc_bulk(struct mm *mm, unsigned order, unsigned want, size_t count, pfn_t *pfns, bool (*stop)(void *arg),
		       void *arg, const void *caller)
{
	struct mm_cpu *cpu = this_cpu(mm);
	size_t got = 0;
	bool more = true, stopped = false;

	ASSERT(order <= MM_ORDER_MAX);
	cpu->alloc_calls++;
	/* What can't be had at all is refused before anything is disturbed. */
	if (count > (mm->managed >> order))
		more = false;
	while (more && got < count && !stopped) {
		mm_lock_timed(mm);
		for (size_t held = 0; held < BULK_HOLD && more && got < count;) {
			size_t n = take_bulk(mm, order, want, count - got, pfns + got);
			held += n;
			got += n;
			more = n != 0;
		}
		pressure_check(mm);
		mm_unlock(mm);
		stopped = stop && stop(arg);
	}
	uint64_t zeroed = 0;
	if (got == count && !stopped) {
		bool all = !stop || (want & ~MM_BELOW_4G) == MM_ANY;
		if (all) {
			for (size_t i = 0; i < count; i++)
				deliver(mm, cpu, pfns[i], order, want, true);
		} else {
			zeroed = deliver_until(mm, order, want, count, pfns, stop, arg);
			all = zeroed == (uint64_t)count << order;
		}
		if (all) {
			if (TRACING)
				trace_bulk(mm, order, count, pfns, caller);
			return true;
		}
		stopped = true;
	}
	if (!stopped)
		cpu->alloc_failed++;
	undo_bulk(mm, order, got, pfns, zeroed);
	return false;
}

bool mm_alloc_bulk(struct mm *mm, unsigned order, unsigned want, size_t count, pfn_t *pfns)
{
	return alloc_bulk(mm, order, want, count, pfns, NULL, NULL, __builtin_return_address(0));
}

bool mm_alloc_bulk_until(struct mm *mm, unsigned order, unsigned want, size_t count, pfn_t *pfns,
			 bool (*stop)(void *arg), void *arg)
{
	return alloc_bulk(mm, order, want, count, pfns, stop, arg, __builtin_return_address(0));
}

void mm_free_bulk(struct mm *mm, unsigned order, size_t count, const pfn_t *pfns)
{
	const void *caller = __builtin_return_address(0);
	struct mm_cpu *cpu = this_cpu(mm);

	if (zero_at_free() || DEBUG) {
		for (size_t i = 0; i < count; i++)
			free_apart(mm, pfns[i], order, caller);
		return;
	}
	cpu->free_calls += count;
	for (size_t i = 0; i < count;) {
		mm_lock_timed(mm);
		for (unsigned n = 0; n < BULK_HOLD && i < count; n++, i++) {
			verify(mm, pfns[i], order, caller);
			buddy_give(mm, pfns[i], order, CLASS_DIRTY);
			if (TRACING)
				trace_write(mm, TRACE_FREE, pfns[i], 1ull << order, MM_STATE_ALLOCATED, MM_STATE_DIRTY,
					    caller);
		}
		pressure_relax(mm);
		mm_unlock(mm);
	}
}

void mm_drain(struct mm *mm)
{
	mm_lock_timed(mm);
	cache_drain(mm, this_cpu(mm));
	buddy_cursor_release(mm);
	mm_unlock(mm);
}

void mm_cache_enable(struct mm *mm, bool on)
{
	mm_lock_timed(mm);
	mm->hot_enabled = on;
	mm->hot_open = on && !mm->pressure;
	if (!on)
		cache_drain(mm, this_cpu(mm));
	mm_unlock(mm);
}
