/* What is done to particular frames rather than to the best ones: splitting a block that somebody owns, taking a given
 * range, retiring a bad frame.
 */
#include "port/mm_port.h"

#include "lib/assert.h"
#include "mm/buddy.h"
#include "mm/contents.h"
#include "mm/page_hold.h"
#include "mm/page_wait.h"
#include "mm/place.h"
#include "mm/pressure.h"
#include "mm/timing.h"
#include "mm/trace.h"

/* An area of an allocated block of order >= 9 gets bitmaps, all its frames allocated. */
static void area_map_allocated(struct mm *mm, uint32_t a)
{
	struct mm_area *area = &mm->areas[a];
	struct area_bits *bits = &mm->bits[a];

	if (area->pure != CLASS_MIXED) {
		/* Otherwise the words hold what the frames were, and only the free bits aren't as they should be. */
		memset(bits, 0, sizeof(*bits));
		for (unsigned w = 0; w < AREA_WORDS; w++) {
			bits->word[w].zero = (area->pure & 1) != 0 ? ~0ull : 0;
			bits->word[w].reported = area->pure >= CLASS_REPORTED ? ~0ull : 0;
			bits->fresh[w] = area->pure == CLASS_FRESH ? ~0ull : 0;
		}
	}
	for (unsigned w = 0; w < AREA_WORDS; w++)
		bits->word[w].free = bits->word[w].start = 0;
	area->kind = AREA_MAPPED;
	area->pure = CLASS_DIRTY;
	area->ladder[CLASS_DIRTY] = LADDER_EMPTY;
}

/* Makes n frames of one area, from frame at on, blocks of order to (below 9). */
static void starts_set(struct mm *mm, uint32_t a, unsigned at, unsigned n, unsigned to)
{
	for (unsigned i = at; i < at + n; i += 1u << to)
		mm->bits[a].word[i / 64].start |= BIT(i % 64);
	if (to == MM_ORDER_AREA - 1)
		mm->areas[a].flags = (uint8_t)(mm->areas[a].flags + (n >> to) * AREA_MIB);
	index_area(mm, a);
}

void mm_split(struct mm *mm, pfn_t pfn, unsigned order, unsigned to)
{
	const void *caller = __builtin_return_address(0);
	uint32_t a = 0;

	ASSERT(to <= order);
	mm_lock_timed(mm);
	buddy_verify(mm, pfn, order, caller);
	if (TRACING)
		trace_cut(mm, pfn, order, to, caller);
	a = mm_area_of(mm, pfn);
	if (order < MM_ORDER_AREA) {
		if (order == MM_ORDER_AREA - 1)
			mm->areas[a].flags -= AREA_MIB;
		starts_set(mm, a, pfn % AREA_FRAMES, 1u << order, to);
		mm_unlock(mm);
		return;
	}
	/* The block is the caller's, so the lock can be dropped between areas. Until its turn comes an area says that
	 * it belongs to a block whose head is gone, which stops nobody, since nobody else may touch it. */
	const uint32_t n = 1u << (order - MM_ORDER_AREA);
	const uint32_t step = to >= MM_ORDER_AREA ? 1u << (to - MM_ORDER_AREA) : 1;
	for (uint32_t i = 0; i < n; i += step) {
		if (to < MM_ORDER_AREA) {
			area_map_allocated(mm, a + i);
			starts_set(mm, a + i, 0, AREA_FRAMES, to);
		} else {
			mm->areas[a + i].kind = AREA_HEAD;
			mm->areas[a + i].order = (uint8_t)to;
		}
		if (i % 8 == 7) {
			mm_unlock(mm);
			mm_lock_timed(mm);
		}
	}
	mm_unlock(mm);
}

enum range_state {
	RANGE_FREE,
	RANGE_COMES, /* all that isn't free is isolated */
	RANGE_TAKEN,
};

/* Of the frames at to at + n - 1 of area a. */
static enum range_state area_range(const struct mm *mm, uint32_t a, unsigned at, unsigned n)
{
	const struct mm_area *area = &mm->areas[a];
	enum range_state state = RANGE_FREE;

	if (area->kind == AREA_FREE)
		return RANGE_FREE;
	if (area->kind != AREA_MAPPED)
		return area->kind == AREA_ISOLATED ? RANGE_COMES : RANGE_TAKEN;
	for (unsigned i = at; i < at + n;) {
		unsigned k = at + n - i < 64 - i % 64 ? at + n - i : 64 - i % 64;
		uint64_t mask = bits_low(k) << (i % 64);
		const struct mm_word *word = &mm->bits[a].word[i / 64];
		const uint64_t out = mm->bits[a].isolated[i / 64] & ~word->start;
		if (((word->free | out) & mask) != mask)
			return RANGE_TAKEN;
		if ((word->free & mask) != mask)
			state = RANGE_COMES;
		i += k;
	}
	return state;
}

/* Of frames start <= pfn < end. Both ends are in gibs of ours, what lies between need not be. */
static enum range_state range_state(const struct mm *mm, pfn_t start, pfn_t end)
{
	enum range_state state = RANGE_FREE;

	for (pfn_t pfn = start, next; pfn < end && state != RANGE_TAKEN; pfn = next) {
		next = smaller(pfn - pfn % AREA_FRAMES + AREA_FRAMES, end);
		const enum range_state part =
			buddy_holds(mm, pfn)
				? area_range(mm, mm_area_of(mm, pfn), pfn % AREA_FRAMES, (unsigned)(next - pfn))
				: RANGE_TAKEN;
		state = part > state ? part : state;
	}
	return state;
}

/* Gets a range back that is in batches, as far as that can be. The lock is held, and dropped while waiting. */
static enum range_state range_back(struct mm *mm, pfn_t start, pfn_t end)
{
	struct page_wait wait;
	bool again = true;

	page_hold_abort(mm);
	enum range_state state = range_state(mm, start, end);
	if (state != RANGE_COMES)
		return state;
	page_wait_begin(mm, &wait);
	while (state == RANGE_COMES && again) {
		again = page_wait_more(mm, &wait);
		state = range_state(mm, start, end);
	}
	page_wait_end(mm);
	return state;
}

/* Frames of a range that are looked at, taken or given back in one hold of the lock. */
#define RANGE_HOLD (128u * AREA_FRAMES)

static pfn_t piece_end(pfn_t pfn, pfn_t end)
{
	return end - pfn < RANGE_HOLD ? end : pfn + RANGE_HOLD;
}

/* Whether a piece of a range is free, after what holds or is out of it has come back; and takes it then. */
enum piece { PIECE_LOOK, PIECE_TAKE };
static bool piece_is_free(struct mm *mm, pfn_t start, pfn_t end, enum piece what)
{
	mm_lock_timed(mm);
	mm_cache_drain(mm, mm_this_cpu(mm));
	enum range_state state = range_state(mm, start, end);
	if (state == RANGE_COMES)
		state = range_back(mm, start, end);
	for (pfn_t pfn = start, next; state == RANGE_FREE && what == PIECE_TAKE && pfn < end; pfn = next) {
		next = smaller(pfn - pfn % AREA_FRAMES + AREA_FRAMES, end);
		buddy_take_exact(mm, pfn, (unsigned)(next - pfn));
	}
	pressure_check(mm);
	mm_unlock(mm);
	return state == RANGE_FREE;
}

/* Gives frames back that were taken, as they were. */
static void untake(struct mm *mm, pfn_t start, pfn_t end)
{
	for (pfn_t piece = start, to; piece < end; piece = to) {
		to = piece_end(piece, end);
		mm_lock_timed(mm);
		for (pfn_t pfn = piece, next; pfn < to; pfn = next) {
			next = smaller(pfn - pfn % AREA_FRAMES + AREA_FRAMES, to);
			buddy_give_frames(mm, pfn, (unsigned)(next - pfn), GIVE_AS_WAS);
		}
		pressure_relax(mm);
		mm_unlock(mm);
	}
}

int mm_take_range(struct mm *mm, pfn_t start, size_t count)
{
	const void *caller = __builtin_return_address(0);

	if (count == 0)
		return 0;
	if (!buddy_holds(mm, start) || count > mm->managed || !buddy_holds(mm, start + count - 1))
		return -1;
	const pfn_t end = start + count;
	/* A look first: a range that can't be had is refused before anything of it is taken, and nothing of it is held
	 * while something else is waited for. */
	for (pfn_t pfn = start; pfn < end; pfn = piece_end(pfn, end))
		if (!piece_is_free(mm, pfn, piece_end(pfn, end), PIECE_LOOK))
			return -1;
	for (pfn_t pfn = start; pfn < end; pfn = piece_end(pfn, end)) {
		if (piece_is_free(mm, pfn, piece_end(pfn, end), PIECE_TAKE))
			continue;
		untake(mm, start, pfn);
		return -1;
	}
	if (TRACING)
		trace_write(mm, (struct trace_entry){.event = TRACE_ALLOC,
						     .pfn = start,
						     .frames = count,
						     .from = trace_state(mm, start, count),
						     .to = MM_STATE_ALLOCATED,
						     .caller = caller});
	for (pfn_t pfn = start; pfn < end; pfn++) {
		if (DEBUG)
			contents_check_taken(mm, pfn, 0, BITS_TRUE);
		mm_this_cpu(mm)->wasted_frames += contents_zero_frames(mm, pfn, 0);
	}
	return 0;
}

int mm_retire(struct mm *mm, pfn_t pfn)
{
	const void *caller = __builtin_return_address(0);
	int result = -1;

	if (!buddy_holds(mm, pfn))
		return -1;
	mm_lock_timed(mm);
	mm_cache_drain(mm, mm_this_cpu(mm));
	uint32_t a = mm_area_of(mm, pfn);
	unsigned at = pfn % AREA_FRAMES, w = at / 64;
	uint64_t mask = BIT(at % 64);
	struct mm_area *area = &mm->areas[a];
	unsigned was = MM_STATE_ALLOCATED;
	enum range_state state = area_range(mm, a, at, 1);
	const bool waits = state == RANGE_COMES;
	if (waits) {
		(void)range_back(mm, pfn, pfn + 1);
		mm_cache_drain(mm, mm_this_cpu(mm)); /* others ran meanwhile */
		state = area_range(mm, a, at, 1);
	}
	if (area->kind == AREA_HOLE || state == RANGE_COMES)
		goto out;
	if (state == RANGE_FREE) {
		was = mm_frame_state(mm, pfn);
		buddy_take_exact(mm, pfn, 1);
	} else if (waits || area->kind == AREA_CACHED || kept_holds(mm, pfn)) {
		goto out; /* it wasn't the caller's before, so it isn't now; or another CPU's cache has it */
	} else {
		if (area->kind == AREA_MAPPED && (area->flags & AREA_HOLES) != 0 &&
		    (mm->bits[a].isolated[w] & mask) != 0)
			goto out;
		buddy_verify(mm, pfn, 0, caller);
	}
	if (TRACING)
		trace_write(mm, (struct trace_entry){.event = TRACE_ALLOC,
						     .pfn = pfn,
						     .frames = 1,
						     .from = (uint8_t)was,
						     .to = MM_STATE_UNMANAGED,
						     .caller = caller});
	/* From here on it looks like memory that was never ours. */
	mm->bits[a].word[w].start |= mask;
	mm->bits[a].isolated[w] |= mask;
	area->flags |= AREA_HOLES;
	mm->managed--;
	mm->retired++;
	pressure_check(mm);
	result = 0;
out:
	mm_unlock(mm);
	return result;
}
