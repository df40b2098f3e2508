/* What a caller asks for, and what is taken first: the policy over buddy.h, and mm's public calls.
 *
 * The order of preference, for a block within an area (order 0 to 8):
 *   1. unreported runs in areas that are in use, the wanted state first: no whole free 2 MiB block is broken for it
 *   2. unreported whole areas, likewise
 *   3. fresh runs, then fresh whole areas: the host may have to back them
 *   4. reported runs, then reported whole areas: the host must back them again
 * and from order 9 on, 2 to 4. Zeroed requests take REPORTED+ZERO ahead of 3, since it needs no stores. Above 4 GiB
 * comes before below within each step. Where that finds nothing, this CPU's cache, the batches that CPUs hold
 * (zeroing's) and reports in flight are taken back, in this order.
 */
#include "port/mm_port.h"

#include "lib/assert.h"
#include "mm/buddy.h"
#include "mm/contents.h"
#include "mm/marks.h"
#include "mm/page_hold.h"
#include "mm/page_wait.h"
#include "mm/place.h"
#include "mm/pressure.h"
#include "mm/request.h"
#include "mm/timing.h"
#include "mm/trace.h"

/* Classes in the order in which a request looks at them. What lies in areas in use goes before what lies in whole areas
 * within each tier; CLASS_COUNT ends one early. */
#define TIERS 4u
struct preference {
	uint8_t tier[TIERS][3];
};

static const struct preference prefer_any = {
	.tier = {{CLASS_DIRTY, CLASS_UNREPORTED, CLASS_ZERO},
		 {CLASS_FRESH, CLASS_COUNT},
		 {CLASS_REPORTED, CLASS_ALL, CLASS_REPORTED_ZERO},
		 {CLASS_COUNT}},
};
static const struct preference prefer_zero = {
	.tier = {{CLASS_ZERO, CLASS_UNREPORTED, CLASS_DIRTY},
		 {CLASS_REPORTED_ZERO, CLASS_COUNT},
		 {CLASS_FRESH, CLASS_COUNT},
		 {CLASS_ALL, CLASS_REPORTED, CLASS_COUNT}},
};

/* A request for order 0 can have a frame of this state, which isn't the wanted one, from an area in use: is there
 * something that it prefers? Mixed runs play no part in it: where there is one, its states are listed as well. */
static __attribute__((noinline)) bool better_than(struct mm *mm, unsigned state, unsigned wanted)
{
	if (state <= CLASS_ZERO)
		return index_has(mm, wanted, SLOTS_PART);
	if (index_has(mm, CLASS_DIRTY, SLOTS_ALL) || index_has(mm, CLASS_ZERO, SLOTS_ALL) ||
	    index_has(mm, CLASS_UNREPORTED, SLOTS_ALL))
		return true;
	if (wanted == CLASS_ZERO && state != CLASS_REPORTED_ZERO)
		return index_has(mm, CLASS_REPORTED_ZERO, SLOTS_ALL) ||
		       (state == CLASS_REPORTED && index_has(mm, CLASS_FRESH, SLOTS_ALL));
	if (wanted == CLASS_ZERO || state == CLASS_FRESH)
		return false;
	return index_has(mm, CLASS_FRESH, SLOTS_ALL) ||
	       (state == CLASS_REPORTED_ZERO && index_has(mm, CLASS_REPORTED, SLOTS_PART));
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
		if (mm_fit_of(mm->areas[a].fit, cls) == 0 && !index_is_loose(mm, a, cls))
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

/* From the first class of a tier that has something. */
static pfn_t take_first(struct mm *mm, take_fn *from, struct mm_request request, const uint8_t classes[3])
{
	pfn_t pfn = MM_PFN_NONE;

	for (unsigned i = 0; i < 3 && pfn == MM_PFN_NONE && classes[i] != CLASS_COUNT; i++)
		pfn = from(mm, request.order, classes[i], request.low_only, TAKE_ALLOCATE);
	return pfn;
}

/* What take_in_order says when it got something back that changes what is first. */
#define TAKE_AGAIN (MM_PFN_NONE - 1)

/* The whole order of preference. */
static pfn_t take_in_order(struct mm *mm, struct mm_request request)
{
	const struct preference *p = request.zero ? &prefer_zero : &prefer_any;
	const bool small = request.order < MM_ORDER_AREA;
	pfn_t pfn;

	pfn = take_first(mm, small ? buddy_take_part : buddy_take_whole, request, p->tier[0]);
	if (pfn != MM_PFN_NONE)
		return pfn;
	/* Frames that this CPU keeps, or that batches hold, may spare a whole area. */
	if (small && mm_cache_unpark(mm, mm_this_cpu(mm)))
		return TAKE_AGAIN;
	if (page_hold_fits(mm, request) && page_hold_abort(mm))
		return TAKE_AGAIN;
	if (small)
		pfn = take_first(mm, buddy_take_break, request, p->tier[0]);
	for (unsigned t = 1; t < TIERS && pfn == MM_PFN_NONE; t++) {
		pfn = take_first(mm, small ? buddy_take_part : buddy_take_whole, request, p->tier[t]);
		if (small && pfn == MM_PFN_NONE)
			pfn = take_first(mm, buddy_take_break, request, p->tier[t]);
	}
	return pfn;
}

/* What is taken first, and nearly always there. */
static inline pfn_t take_first_choice(struct mm *mm, struct mm_request request)
{
	const unsigned wanted = request.zero ? CLASS_ZERO : CLASS_DIRTY;
	pfn_t pfn;

	if (likely(request.order < MM_ORDER_AREA)) {
		if (request.order == 0 && !request.low_only) {
			pfn = take_cursor(mm, request.zero);
			if (likely(pfn != MM_PFN_NONE))
				return pfn;
		}
		return buddy_take_part(mm, request.order, wanted, request.low_only, TAKE_ALLOCATE);
	}
	buddy_cursor_release(mm);
	return buddy_take_whole(mm, request.order, wanted, request.low_only, TAKE_ALLOCATE);
}

/* What was got back is taken by others now and then, each time by one that got what it wanted. */
static pfn_t take(struct mm *mm, struct mm_request request)
{
	pfn_t pfn;

	do {
		pfn = take_first_choice(mm, request);
		if (unlikely(pfn == MM_PFN_NONE))
			pfn = take_in_order(mm, request);
	} while (unlikely(pfn == TAKE_AGAIN));
	return pfn;
}

/* Gets what can be got back at once for a request that found nothing. The lock is held; it is dropped for the moment
 * that another CPU needs to give its batch back. */
static pfn_t take_back(struct mm *mm, struct mm_request request)
{
	pfn_t pfn = MM_PFN_NONE;

	if (mm_cache_drain(mm, mm_this_cpu(mm)))
		pfn = take(mm, request);
	if (pfn == MM_PFN_NONE && page_hold_abort(mm))
		pfn = take(mm, request);
	return pfn;
}

/* The same, and waits for what is out, if that may help. */
static pfn_t take_waiting(struct mm *mm, struct mm_request request)
{
	struct page_wait wait;
	pfn_t pfn = take_back(mm, request);
	bool again;

	if (pfn != MM_PFN_NONE || !page_wait_helps(mm, request, 1))
		return pfn;
	page_wait_begin(mm, &wait);
	do {
		again = page_wait_more(mm, &wait);
		pfn = take(mm, request);
	} while (pfn == MM_PFN_NONE && again);
	page_wait_end(mm);
	return pfn;
}

/* Whether frames are taken ahead with the one that is asked for, into the CPU's cache: dirty ones, which are the first
 * choice of a request for zero too when there is no stock. */
static inline bool takes_ahead(const struct mm *mm, struct mm_request request)
{
	return request.order == 0 && (!request.zero || mm->zero == 0) && !request.low_only && mm->hot_open;
}

/* What there is beyond the first choice. Apart, and in one piece, so that mm_alloc stays short. */
static __attribute__((noinline)) pfn_t take_otherwise(struct mm *mm, struct mm_request request)
{
	pfn_t pfn = take_in_order(mm, request);

	if (pfn == TAKE_AGAIN)
		pfn = take(mm, request);
	if (pfn == MM_PFN_NONE)
		return take_waiting(mm, request);
	if (takes_ahead(mm, request))
		mm_cache_fill(mm, mm_this_cpu(mm));
	return pfn;
}

/* What an allocation does after it has a block, without the lock. */
static inline void deliver(struct mm *mm, struct mm_cpu *cpu, struct mm_request request, pfn_t pfn,
			   enum mm_block_bits bits)
{
	if (DEBUG)
		contents_check_taken(mm, pfn, request.order, bits);
	if (!request.zero) {
		if (bits == BITS_TRUE)
			cpu->wasted_frames += contents_zero_frames(mm, pfn, request.order);
		return;
	}
	contents_zero(mm, cpu, pfn, request.order, request.hot, bits);
	if (DEBUG)
		contents_check_zero(pfn, request.order);
}

/* From what this CPU keeps for itself, without the lock. MM_PFN_NONE: it has nothing that will do. */
static inline __attribute__((always_inline)) pfn_t alloc_kept(struct mm *mm, struct mm_cpu *cpu, unsigned order,
							      unsigned want)
{
	enum mm_block_bits bits = BITS_STALE;
	pfn_t pfn;

	if (order == 0 && cpu->hot_count != 0) {
		pfn = mm_cache_hot(cpu);
	} else if (order == 0 && want == MM_ANY && cpu->next_at != cpu->next_end) {
		pfn = mm_cache_next(cpu);
		bits = BITS_TRUE;
	} else if (order == MM_ORDER_AREA && cpu->hot_area != MM_PFN_NONE) {
		pfn = cpu->hot_area;
		cpu->hot_area = MM_PFN_NONE;
		mm->areas[mm_area_of(mm, pfn)].kind = AREA_HEAD;
	} else {
		return MM_PFN_NONE;
	}
	cpu->hot_hits++;
	if (DEBUG || want != MM_ANY)
		deliver(mm, cpu, mm_request_of(order, want), pfn, bits);
	return pfn;
}

/* What mm_alloc does, inlined where nothing is traced and where it is. The request is made when this CPU's cache has
 * nothing: before, it would slow down by a few percent what is quickest. */
static inline __attribute__((always_inline)) pfn_t alloc_block(struct mm *mm, unsigned order, unsigned want)
{
	struct mm_cpu *cpu = mm_this_cpu(mm);
	pfn_t pfn;

	cpu->alloc_calls++;
	if (want == MM_ANY || want == MM_ZERO_HOT) {
		pfn = alloc_kept(mm, cpu, order, want);
		if (pfn != MM_PFN_NONE)
			return pfn;
	} else if (want == MM_ZERO_COLD && order == 0 && cpu->next_at != cpu->next_end && mm->zero == 0) {
		/* Without a stock, whose number may be a moment old here, dirty frames are the first choice. */
		pfn = mm_cache_next(cpu);
		cpu->hot_hits++;
		deliver(mm, cpu, mm_request_of(order, want), pfn, BITS_TRUE);
		return pfn;
	}

	const struct mm_request request = mm_request_of(order, want);
	if (request.order > MM_ORDER_AREA)
		mm_lock_timed(mm);
	else
		mm_lock(mm);
	pfn = take_first_choice(mm, request);
	if (unlikely(pfn == MM_PFN_NONE))
		pfn = take_otherwise(mm, request);
	else if (takes_ahead(mm, request))
		mm_cache_fill(mm, cpu);
	pressure_check(mm);
	mm_unlock(mm);
	if (unlikely(pfn == MM_PFN_NONE)) {
		cpu->alloc_failed++;
		return MM_PFN_NONE;
	}
	deliver(mm, cpu, request, pfn, BITS_TRUE);
	return pfn;
}

/* While tracing is on, or when the order is beyond MM_ORDER_MAX. */
static __attribute__((noinline)) pfn_t alloc_apart(struct mm *mm, unsigned order, unsigned want, const void *caller)
{
	ASSERT(order <= MM_ORDER_MAX);
	const uint64_t hits = mm_this_cpu(mm)->hot_hits;
	const pfn_t pfn = alloc_block(mm, order, want);
	if (pfn != MM_PFN_NONE)
		trace_write(mm, (struct trace_entry){.event = TRACE_ALLOC,
						     .pfn = pfn,
						     .frames = 1ull << order,
						     .from = mm_this_cpu(mm)->hot_hits != hits
								     ? MM_STATE_CACHED
								     : trace_state(mm, pfn, 1ull << order),
						     .to = MM_STATE_ALLOCATED,
						     .caller = caller});
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
	struct mm_cpu *cpu = mm_this_cpu(mm);
	uint64_t since = mm_port_now_ns();

	contents_store_zero(pfn, 1ull << order);
	cpu->free_zero_ns += mm_port_now_ns() - since;
	cpu->free_zero_frames += 1ull << order;
	if (TRACING)
		trace_write(mm, (struct trace_entry){.event = TRACE_ZERO,
						     .pfn = pfn,
						     .frames = 1ull << order,
						     .from = MM_STATE_ALLOCATED,
						     .to = MM_STATE_ZERO});
}

static inline __attribute__((always_inline)) void verify(struct mm *mm, pfn_t pfn, unsigned order, const void *caller)
{
	if (unlikely(order > 6 || !buddy_holds(mm, pfn) || !buddy_is_block(mm, mm_area_of(mm, pfn), pfn, order)))
		buddy_verify(mm, pfn, order, caller);
}

/* Keeps a freed block in this CPU's cache where it may go there. Without the lock only a plain yes to whether it is a
 * block can be trusted: a neighbour that another CPU is just taking may look like a part of it. All else is left to the
 * locked path, mistakes included. */
static inline bool free_to_cache(struct mm *mm, pfn_t pfn, unsigned order)
{
	struct mm_cpu *cpu = mm_this_cpu(mm);

	if (unlikely(!mm->hot_open || !buddy_holds(mm, pfn)))
		return false;
	const uint32_t a = mm_area_of(mm, pfn);
	if (likely(order == 0)) {
		if (unlikely(!buddy_is_block(mm, a, pfn, 0)))
			return false;
		if (unlikely(mm_cache_free(mm, cpu, a, pfn))) {
			mm_lock(mm);
			mm_cache_flush(mm, cpu);
			mm_unlock(mm);
		}
		return true;
	}
	struct mm_area *area = &mm->areas[a];
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
	mm_this_cpu(mm)->free_calls++;
	if (!free_to_cache(mm, pfn, order))
		give_locked(mm, pfn, order, CLASS_DIRTY, caller);
}

/* Whether frees have more to do: the policy zeroes or DEBUG fills what is freed, or it is traced. */
static inline bool frees_are_apart(void)
{
	return DEBUG || unlikely(MM_ZERO ? zero_policy_knob >= trace_policies : TRACING);
}

static void trace_freed(struct mm *mm, pfn_t pfn, unsigned order, enum mm_state to, const void *caller)
{
	trace_write(mm, (struct trace_entry){.event = TRACE_FREE,
					     .pfn = pfn,
					     .frames = 1ull << order,
					     .from = MM_STATE_ALLOCATED,
					     .to = (uint8_t)to,
					     .caller = caller});
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
		mm_this_cpu(mm)->free_calls++;
		pay_at_free(mm, pfn, order);
		give_locked(mm, pfn, order, CLASS_ZERO, caller);
	} else {
		if (DEBUG)
			contents_fill(pfn, 1ull << order);
		free_block(mm, pfn, order, caller);
	}
	if (TRACING)
		trace_freed(mm, pfn, order, mm_frame_state(mm, pfn), caller);
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

/* Blocks taken or given in one hold of the lock, of which each costs one and another one for each 64 areas in it; of
 * order 0 an area's worth more may be taken. */
#define BULK_HOLD 64u

static size_t bulk_cost(unsigned order)
{
	return 1 + ((size_t)1 << order) / (64 * AREA_FRAMES);
}

/* What a bulk call asks for. */
struct bulk {
	struct mm_request request;
	size_t count;
	pfn_t *pfns;
	const struct mm_stop *stop; /* or NULL */
	const void *caller;
};

static bool asks_to_stop(const struct bulk *bulk)
{
	return bulk->stop && bulk->stop->asked(bulk->stop->arg);
}

/* Takes at least one block more, behind the `got` ones there are. Returns how many; 0: there is none. */
static size_t take_bulk(struct mm *mm, const struct bulk *bulk, size_t got)
{
	const struct mm_request request = bulk->request;
	const unsigned first = (request.zero ? &prefer_zero : &prefer_any)->tier[0][0];
	pfn_t *pfns = bulk->pfns + got;

	/* The areas in use first, many frames at a time; all else one by one, which breaks the next area. */
	if (request.order == 0) {
		uint32_t a = index_find_part(mm, first, 0, request.low_only);
		if (a != AREA_NONE)
			return buddy_take_frames(mm, a, first, bulk->count - got, pfns);
	}
	*pfns = take(mm, request);
	if (*pfns == MM_PFN_NONE)
		*pfns = take_back(mm, request);
	return *pfns != MM_PFN_NONE ? 1 : 0;
}

/* Delivers zeroed blocks an area's worth at a time, and asks stop in between. Returns how many frames are done. When it
 * isn't all of them, the ledger has no hit and no miss of it: nobody gets them. */
static uint64_t deliver_until(struct mm *mm, const struct bulk *bulk)
{
	const unsigned order = bulk->request.order;
	const uint64_t frames = (uint64_t)bulk->count << order;
	struct mm_request piece = bulk->request;
	uint64_t hits = 0;

	if (order > MM_ORDER_AREA)
		piece.order = MM_ORDER_AREA;
	for (uint64_t at = 0; at < frames; at += 1ull << piece.order) {
		const pfn_t pfn = bulk->pfns[at >> order] + at % (1ull << order);
		if (at % AREA_FRAMES == 0 && asks_to_stop(bulk)) {
			mm_this_cpu(mm)->hit_frames -= hits;
			mm_this_cpu(mm)->miss_frames -= at - hits;
			return at;
		}
		hits += contents_zero_frames(mm, pfn, piece.order);
		deliver(mm, mm_this_cpu(mm), piece, pfn, BITS_TRUE);
	}
	return frames;
}

/* Gives `count` blocks of a bulk call back, whose first `zeroed` frames are zero by now, the others as they were. */
static void undo_bulk(struct mm *mm, const struct bulk *bulk, size_t count, uint64_t zeroed)
{
	const unsigned order = bulk->request.order;
	const size_t whole = (size_t)(zeroed >> order);
	const unsigned areas = (unsigned)(zeroed % (1ull << order) / AREA_FRAMES);
	pfn_t *pfns = bulk->pfns;

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
		for (size_t held = 0; held < BULK_HOLD && count != 0; held += bulk_cost(order)) {
			count--;
			buddy_give(mm, pfns[count], order, count < whole ? CLASS_ZERO : GIVE_AS_WAS);
		}
		pressure_relax(mm);
		mm_unlock(mm);
	}
}

/* Whether there is as much at all, however it lies. Other CPUs' caches can't be had. */
static bool bulk_may_fit(struct mm *mm, const struct bulk *bulk)
{
	const unsigned order = bulk->request.order;
	const struct mm_cpu *cpu = mm_this_cpu(mm);
	const uint64_t kept = mm_cache_frames(cpu) + (cpu->hot_area != MM_PFN_NONE ? AREA_FRAMES : 0);

	mm_lock(mm);
	const uint64_t frames = mm->free + mm->isolated + kept;
	mm_unlock(mm);
	return bulk->count <= frames >> order;
}

/* Takes as many of the blocks as can be had, unless it is asked to stop. */
static size_t take_all(struct mm *mm, const struct bulk *bulk, bool *stopped)
{
	const size_t count = bulk->count;
	size_t got = 0;
	bool more = true;

	while (more && got < count && !*stopped) {
		mm_lock_timed(mm);
		for (size_t held = 0; held < BULK_HOLD && more && got < count;) {
			size_t n = take_bulk(mm, bulk, got);
			held += n * bulk_cost(bulk->request.order);
			got += n;
			more = n != 0;
		}
		pressure_check(mm);
		mm_unlock(mm);
		*stopped = asks_to_stop(bulk);
	}
	return got;
}

/* Some are missing: where what is out may be as many, gives back what there is, so that nobody goes short meanwhile,
 * waits until all of that has come back, and takes them anew. */
static size_t take_all_waiting(struct mm *mm, const struct bulk *bulk, size_t got, bool *stopped)
{
	struct page_wait wait;
	bool again = true;

	mm_lock(mm);
	const bool helps = page_wait_helps(mm, bulk->request, bulk->count - got);
	if (helps)
		page_wait_begin(mm, &wait);
	mm_unlock(mm);
	if (!helps)
		return got;
	undo_bulk(mm, bulk, got, 0);
	while (again && !*stopped) {
		mm_lock(mm);
		again = page_wait_more(mm, &wait);
		mm_unlock(mm);
		*stopped = asks_to_stop(bulk);
	}
	got = *stopped ? 0 : take_all(mm, bulk, stopped);
	mm_lock(mm);
	page_wait_end(mm);
	mm_unlock(mm);
	return got;
}

static bool alloc_bulk(struct mm *mm, const struct bulk *bulk)
{
	const struct mm_request request = bulk->request;
	const size_t count = bulk->count;
	size_t got = 0;
	bool stopped = false;

	ASSERT(request.order <= MM_ORDER_MAX);
	mm_this_cpu(mm)->alloc_calls++;
	/* More than there is is refused before anything is disturbed. */
	if (bulk_may_fit(mm, bulk)) {
		got = take_all(mm, bulk, &stopped);
		if (got < count && !stopped)
			got = take_all_waiting(mm, bulk, got, &stopped);
	}
	uint64_t zeroed = 0;
	if (got == count && !stopped) {
		bool all = !bulk->stop || !request.zero;
		if (all) {
			for (size_t i = 0; i < count; i++)
				deliver(mm, mm_this_cpu(mm), request, bulk->pfns[i], BITS_TRUE);
		} else {
			zeroed = deliver_until(mm, bulk);
			all = zeroed == (uint64_t)count << request.order;
		}
		if (all) {
			if (TRACING)
				trace_bulk(mm, request.order, count, bulk->pfns, bulk->caller);
			return true;
		}
		stopped = true;
	}
	if (!stopped)
		mm_this_cpu(mm)->alloc_failed++;
	undo_bulk(mm, bulk, got, zeroed);
	return false;
}

bool mm_alloc_bulk(struct mm *mm, unsigned order, unsigned want, size_t count, pfn_t *pfns)
{
	return alloc_bulk(mm, &(struct bulk){.request = mm_request_of(order, want),
					     .count = count,
					     .pfns = pfns,
					     .caller = __builtin_return_address(0)});
}

bool mm_alloc_bulk_until(struct mm *mm, unsigned order, unsigned want, size_t count, pfn_t *pfns,
			 const struct mm_stop *stop)
{
	return alloc_bulk(mm, &(struct bulk){.request = mm_request_of(order, want),
					     .count = count,
					     .pfns = pfns,
					     .stop = stop,
					     .caller = __builtin_return_address(0)});
}

void mm_free_bulk(struct mm *mm, unsigned order, size_t count, const pfn_t *pfns)
{
	const void *caller = __builtin_return_address(0);
	struct mm_cpu *cpu = mm_this_cpu(mm);

	if (zero_at_free() || DEBUG) {
		for (size_t i = 0; i < count; i++)
			free_apart(mm, pfns[i], order, caller);
		return;
	}
	cpu->free_calls += count;
	for (size_t i = 0; i < count;) {
		mm_lock_timed(mm);
		for (size_t held = 0; held < BULK_HOLD && i < count; held += bulk_cost(order), i++) {
			verify(mm, pfns[i], order, caller);
			buddy_give(mm, pfns[i], order, CLASS_DIRTY);
			if (TRACING)
				trace_freed(mm, pfns[i], order, MM_STATE_DIRTY, caller);
		}
		pressure_relax(mm);
		mm_unlock(mm);
	}
}

void mm_drain(struct mm *mm)
{
	mm_lock_timed(mm);
	mm_cache_drain(mm, mm_this_cpu(mm));
	buddy_cursor_release(mm);
	mm_unlock(mm);
}

void mm_cache_enable(struct mm *mm, bool on)
{
	mm_lock_timed(mm);
	mm->hot_enabled = on;
	mm->hot_open = on && !mm->pressure;
	if (!on)
		mm_cache_drain(mm, mm_this_cpu(mm));
	mm_unlock(mm);
}
