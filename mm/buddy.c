/* Takes blocks out of the free memory and gives them back; see buddy.h. */
#include "port/mm_port.h"

#include "mm/buddy.h"

#include "lib/assert.h"
#include "mm/place.h"
#include "mm/shuffle.h"
#include "mm/trace.h"

/* The classes whose runs change when frames of a state come or go: the state itself and the unions that hold it. */
static const uint8_t classes_of[STATE_COUNT] = {
	[CLASS_DIRTY] = 1u << CLASS_DIRTY | 1u << CLASS_UNREPORTED | 1u << CLASS_ALL,
	[CLASS_ZERO] = 1u << CLASS_ZERO | 1u << CLASS_UNREPORTED | 1u << CLASS_ALL,
	[CLASS_REPORTED] = 1u << CLASS_REPORTED | 1u << CLASS_ALL,
	[CLASS_REPORTED_ZERO] = 1u << CLASS_REPORTED_ZERO | 1u << CLASS_ALL,
	[CLASS_FRESH] = 1u << CLASS_FRESH | 1u << CLASS_ALL,
};

/* Counts frames that come (sign 1) or go (-1), of one state. */
static inline void count_state(struct mm *mm, struct mm_area *area, unsigned state, int n)
{
	area->free = (uint16_t)(area->free + n);
	mm->free += (uint64_t)(int64_t)n;
	if (likely(state == CLASS_DIRTY))
		return;
	if (state == CLASS_ZERO) {
		area->zero = (uint16_t)(area->zero + n);
		mm->zero += (uint64_t)(int64_t)n;
		return;
	}
	if (state == CLASS_FRESH) {
		area->fresh = (uint16_t)(area->fresh + n);
		mm->fresh += (uint64_t)(int64_t)n;
		return;
	}
	area->reported = (uint16_t)(area->reported + n);
	mm->reported += (uint64_t)(int64_t)n;
	if (state == CLASS_REPORTED_ZERO) {
		area->reported_zero = (uint16_t)(area->reported_zero + n);
		mm->reported_zero += (uint64_t)(int64_t)n;
	}
}

/* The same for the frames of mask in word i of area a, of whatever states: mostly of one. Returns the classes that are
 * touched. */
static unsigned count_mixed(struct mm *mm, uint32_t a, unsigned i, uint64_t mask, int sign)
{
	const unsigned one = mm_mask_state(&mm->bits[a], i, mask);

	if (likely(one != CLASS_MIXED)) {
		count_state(mm, &mm->areas[a], one, sign * (int)bit_count(mask));
		return classes_of[one];
	}
	struct mm_area *area = &mm->areas[a];
	const struct mm_word *w = &mm->bits[a].word[i];
	const uint64_t reported = mask & w->reported & ~w->zero, fresh = mm->bits[a].fresh[i];
	const uint64_t of_state[STATE_COUNT] = {
		[CLASS_DIRTY] = mask & ~(w->zero | w->reported),
		[CLASS_ZERO] = mask & w->zero & ~w->reported,
		[CLASS_REPORTED] = reported & ~fresh,
		[CLASS_REPORTED_ZERO] = mask & w->reported & w->zero,
		[CLASS_FRESH] = reported & fresh,
	};
	unsigned touched = 0;

	for (unsigned s = 0; s < STATE_COUNT; s++) {
		if (of_state[s] != 0) {
			count_state(mm, area, s, sign * (int)bit_count(of_state[s]));
			touched |= classes_of[s];
		}
	}
	return touched;
}

/* Whatever is touched, CLASS_ALL is. */
static void word_ladders(struct mm *mm, uint32_t a, unsigned w, unsigned touched)
{
	struct mm_area *area = &mm->areas[a];
	struct area_bits *bits = &mm->bits[a];
	uint64_t *all = &bits->unions[CLASS_ALL - STATE_COUNT], *unreported = &bits->unions[0];

	*all = ladder_set(*all, w, run_fit(bits->word[w].free));
	if ((touched & 1u << CLASS_UNREPORTED) != 0)
		*unreported = ladder_set(*unreported, w, run_fit(word_class(bits, w, CLASS_UNREPORTED)));
	for (touched &= (1u << STATE_COUNT) - 1; touched != 0; touched &= touched - 1) {
		unsigned c = bit_first(touched);
		area->ladder[c] = ladder_set(area->ladder[c], w, run_fit(word_class(bits, w, c)));
	}
}

/* What every call does to a word is inlined by order, as the compiler finds it too large; what only mixed areas need
 * isn't. */
#define WORD_INLINE static inline __attribute__((always_inline))
#define WORD_RARE   static __attribute__((noinline))

WORD_RARE void word_take_mixed(struct mm *mm, uint32_t a, unsigned w, uint64_t mask)
{
	word_ladders(mm, a, w, count_mixed(mm, a, w, mask, -1));
}

/* n frames of one word stop being free. The indexes are the caller's to bring up to date. */
WORD_INLINE void word_take(struct mm *mm, uint32_t a, unsigned w, uint64_t mask, unsigned n)
{
	struct mm_area *area = &mm->areas[a];
	struct mm_word *word = &mm->bits[a].word[w];

	word->free &= ~mask;
	if (likely(area->pure != CLASS_MIXED)) {
		count_state(mm, area, area->pure, -(int)n);
		area->ladder[area->pure] = ladder_set(area->ladder[area->pure], w, run_fit(word->free));
	} else {
		word_take_mixed(mm, a, w, mask);
	}
}

WORD_RARE void word_give_mixed(struct mm *mm, uint32_t a, unsigned w, uint64_t mask)
{
	struct mm_area *area = &mm->areas[a];
	unsigned touched = count_mixed(mm, a, w, mask, 1);

	if (area->pure == CLASS_MIXED) {
		word_ladders(mm, a, w, touched);
	} else {
		area->pure = CLASS_MIXED;
		area_ladders(mm, a);
	}
}

/* n frames of one word of area a, taken before, are free again. */
WORD_INLINE void word_give(struct mm *mm, uint32_t a, unsigned w, uint64_t mask, unsigned n, unsigned state)
{
	struct mm_area *area = &mm->areas[a];
	struct area_bits *bits = &mm->bits[a];
	struct mm_word *word = &bits->word[w];

	word->start &= ~mask;
	word->free |= mask;
	if (state == GIVE_AS_WAS) {
		state = mm_mask_state(bits, w, mask);
	} else {
		word->zero = (state & 1) != 0 ? word->zero | mask : word->zero & ~mask;
		word->reported = state >= CLASS_REPORTED ? word->reported | mask : word->reported & ~mask;
		if (unlikely(state >= CLASS_REPORTED)) /* otherwise they mean nothing */
			bits->fresh[w] = state == CLASS_FRESH ? bits->fresh[w] | mask : bits->fresh[w] & ~mask;
	}
	if (area->free == 0 && state != CLASS_MIXED) {
		area->pure = (uint8_t)state;
		area->ladder[state] = LADDER_EMPTY;
	}
	if (likely(area->pure == state && state != CLASS_MIXED)) {
		count_state(mm, area, state, (int)n);
		area->ladder[state] = ladder_set(area->ladder[state], w, run_fit(word->free));
		return;
	}
	word_give_mixed(mm, a, w, mask);
}

/* --- the areas that serve order 0 --- */

static void cursor_set(struct mm *mm, unsigned which, uint32_t a, unsigned cls)
{
	const uint8_t flag = (uint8_t)(AREA_CURSOR << which);
	uint32_t old = mm->cursor[which];

	mm->cursor_class[which] = cls;
	if (old == a)
		return;
	mm->cursor[which] = a;
	if (a != AREA_NONE)
		mm->areas[a].flags |= flag;
	if (old != AREA_NONE) {
		mm->areas[old].flags &= (uint8_t)~flag;
		index_area(mm, old);
	}
}

void buddy_cursor_release(struct mm *mm)
{
	for (unsigned i = 0; i < 2; i++)
		if (mm->cursor[i] != AREA_NONE && mm->areas[mm->cursor[i]].free == AREA_FRAMES)
			cursor_set(mm, i, AREA_NONE, 0);
}

/* --- taking --- */

/* n frames from the lowest one in mask on. */
static void mark_taken(struct mm *mm, struct area_bits *bits, unsigned w, uint64_t mask, unsigned n,
		       enum buddy_take how)
{
	if (likely(how == TAKE_ALLOCATE)) {
		bits->word[w].start |= mask & -mask;
	} else {
		bits->isolated[w] |= mask;
		mm->isolated += n;
	}
}

/* Takes 2^order frames of word w from bit on. */
WORD_INLINE void take_run(struct mm *mm, uint32_t a, unsigned order, unsigned w, unsigned bit, enum buddy_take how)
{
	const uint64_t mask = run_mask(order) << bit;

	word_take(mm, a, w, mask, 1u << order);
	mark_taken(mm, &mm->bits[a], w, mask, 1u << order, how);
}

/* The frames of a word of area a that are free and of the class. */
WORD_INLINE uint64_t word_fits(struct mm *mm, uint32_t a, unsigned w, unsigned cls)
{
	return mm->areas[a].pure == cls ? mm->bits[a].word[w].free : word_class(&mm->bits[a], w, cls);
}

/* Takes order 0 to 6 at random from what fits best in area a. Returns the first frame's number in it. */
WORD_RARE unsigned take_any(struct mm *mm, uint32_t a, unsigned order, unsigned cls, enum buddy_take how)
{
	unsigned w = shuffle_bit(mm, ladder_best_set(*area_ladder(mm, a, cls), order));
	unsigned bit = shuffle_bit(mm, run_best_set(word_fits(mm, a, w, cls), order));

	take_run(mm, a, order, w, bit, how);
	return w * 64 + bit;
}

/* Takes order 7 or 8 from area a, which is whole words. Returns the first one. */
static __attribute__((noinline)) unsigned take_words(struct mm *mm, uint32_t a, unsigned order, unsigned cls,
						     enum buddy_take how)
{
	struct mm_area *area = &mm->areas[a];
	struct area_bits *bits = &mm->bits[a];
	unsigned set = ladder_best_words_set(*area_ladder(mm, a, cls), order);
	unsigned w = mm->shuffled ? shuffle_bit(mm, set) : bit_first(set);

	for (unsigned i = w; i < w + (1u << (order - 6)); i++) {
		word_take(mm, a, i, ~0ull, 64);
		if (how == TAKE_ISOLATE || i == w)
			mark_taken(mm, bits, i, ~0ull, 64, how);
	}
	if (order == MM_ORDER_AREA - 1 && how == TAKE_ALLOCATE)
		area->flags += AREA_MIB;
	return w;
}

/* The same, the first of them. */
WORD_INLINE unsigned take_first(struct mm *mm, uint32_t a, unsigned order, unsigned cls, enum buddy_take how)
{
	unsigned w = ladder_best(*area_ladder(mm, a, cls), order);
	unsigned bit = run_best(word_fits(mm, a, w, cls), order);

	take_run(mm, a, order, w, bit, how);
	return w * 64 + bit;
}

/* What buddy_take_from does where it isn't quick: orders 7 and 8; any while memory is shuffled or traced. */
WORD_RARE unsigned take_apart(struct mm *mm, uint32_t a, unsigned order, unsigned cls, enum buddy_take how)
{
	unsigned at;

	if (order >= WORD_ORDERS)
		at = take_words(mm, a, order, cls, how) * 64;
	else if (mm->shuffled)
		at = take_any(mm, a, order, cls, how);
	else
		at = take_first(mm, a, order, cls, how);
	trace_taken(mm, area_pfn(mm, a) + at, 1ull << order);
	return at;
}

pfn_t buddy_take_from(struct mm *mm, uint32_t a, unsigned order, unsigned cls, enum buddy_take how)
{
	unsigned at = likely(order < mm->quick_orders) ? take_first(mm, a, order, cls, how)
						       : take_apart(mm, a, order, cls, how);

	index_area(mm, a);
	return area_pfn(mm, a) + at;
}

pfn_t buddy_take_part(struct mm *mm, unsigned order, unsigned cls, bool low_only, enum buddy_take how)
{
	uint32_t a = mm->loose;

	if (order != 0 || how != TAKE_ALLOCATE || !index_loose_is_best(mm, cls, low_only))
		a = index_find_part(mm, cls, order, low_only);
	else if (mm->areas[a].free == 1)
		mm->loose = AREA_NONE; /* full again: nothing to list */
	if (a == AREA_NONE)
		return MM_PFN_NONE;
	if (order == 0 && how == TAKE_ALLOCATE && !low_only && cls < CLASS_UNREPORTED)
		cursor_set(mm, cls & 1, a, cls);
	return buddy_take_from(mm, a, order, cls, how);
}

pfn_t buddy_take_break(struct mm *mm, unsigned order, unsigned cls, bool low_only, enum buddy_take how)
{
	uint32_t a = index_find_mixed(mm, cls, order, low_only);

	/* A mixed area goes before a pure one, but not one below 4 GiB before one above. */
	if (a == AREA_NONE || (!low_only && a / GIB_AREAS < mm->gib_low && (mm->orders[1][cls] & SLOTS_WHOLE) != 0))
		a = index_find_whole(mm, cls, MM_ORDER_AREA, low_only);
	if (a == AREA_NONE)
		return MM_PFN_NONE;
	struct mm_area *area = &mm->areas[a];
	if (area->kind == AREA_FREE)
		area_map(mm, a);
	else
		index_remove(mm, a); /* wholly free, but mixed: it has its bitmaps */
	/* What was looked for may be a mix; in a pure area every frame is of its one class. */
	if (area->pure != CLASS_MIXED)
		cls = area->pure;
	if (order == 0 && how == TAKE_ALLOCATE && !low_only && cls < CLASS_UNREPORTED)
		cursor_set(mm, cls & 1, a, cls);
	return buddy_take_from(mm, a, order, cls, how);
}

pfn_t buddy_take_whole(struct mm *mm, unsigned order, unsigned cls, bool low_only, enum buddy_take how)
{
	uint32_t first = index_find_whole(mm, cls, order, low_only);

	if (first == AREA_NONE)
		return MM_PFN_NONE;
	uint32_t n = 1u << (order - MM_ORDER_AREA);
	index_remove_run(mm, first, n);
	for (uint32_t a = first; a < first + n; a++) {
		struct mm_area *area = &mm->areas[a];
		mm->free -= area->free;
		mm->zero -= area->zero;
		mm->reported -= area->reported;
		mm->reported_zero -= area->reported_zero;
		mm->fresh -= area->fresh;
		area->free = area->zero = area->reported = area->reported_zero = area->fresh = 0;
		area->kind = how == TAKE_ISOLATE ? AREA_ISOLATED : AREA_BODY;
	}
	if (how == TAKE_ISOLATE) {
		mm->isolated += (uint64_t)n * AREA_FRAMES;
	} else {
		mm->areas[first].kind = AREA_HEAD;
		mm->areas[first].order = (uint8_t)order;
	}
	trace_taken(mm, area_pfn(mm, first), 1ull << order);
	return area_pfn(mm, first);
}

size_t buddy_take_frames(struct mm *mm, uint32_t a, unsigned cls, size_t count, pfn_t *pfns)
{
	struct area_bits *bits = &mm->bits[a];
	size_t n = 0;

	for (unsigned w = 0; w < AREA_WORDS && n < count; w++) {
		uint64_t fits = word_class(bits, w, cls);
		uint64_t mask = 0;
		size_t before = n;
		for (; fits != 0 && n < count; fits &= fits - 1) {
			pfns[n++] = area_pfn(mm, a) + w * 64 + bit_first(fits);
			mask |= fits & -fits;
		}
		if (mask != 0) {
			word_take(mm, a, w, mask, (unsigned)(n - before));
			bits->word[w].start |= mask;
		}
	}
	trace_taken_frames(mm, pfns, n);
	if (unlikely(mm->shuffled))
		shuffle_pfns(mm, pfns, n);
	index_area(mm, a);
	return n;
}

void buddy_take_exact(struct mm *mm, pfn_t pfn, unsigned count)
{
	uint32_t a = mm_area_of(mm, pfn);
	unsigned at = pfn % AREA_FRAMES;
	const unsigned all = count;

	if (mm->areas[a].kind == AREA_FREE)
		area_map(mm, a);
	while (count != 0) {
		unsigned w = at / 64, bit = at % 64;
		unsigned n = count < 64 - bit ? count : 64 - bit;
		uint64_t mask = bits_low(n) << bit;
		word_take(mm, a, w, mask, n);
		mm->bits[a].word[w].start |= mask;
		at += n;
		count -= n;
	}
	trace_taken(mm, pfn, all);
	index_area(mm, a);
}

/* --- giving --- */

void buddy_give_frames(struct mm *mm, pfn_t pfn, unsigned count, unsigned state)
{
	uint32_t a = mm_area_of(mm, pfn);
	struct area_bits *bits = &mm->bits[a];
	unsigned at = pfn % AREA_FRAMES;
	const unsigned all = count;

	while (count != 0) {
		unsigned w = at / 64, bit = at % 64;
		unsigned n = count < 64 - bit ? count : 64 - bit;
		uint64_t mask = bits_low(n) << bit;
		if ((bits->isolated[w] & mask) != 0) {
			ASSERT((bits->isolated[w] & mask) == mask);
			bits->isolated[w] &= ~mask;
			mm->isolated -= n;
		}
		word_give(mm, a, w, mask, n, state);
		at += n;
		count -= n;
	}
	trace_given(mm, pfn, all);
	index_area(mm, a);
}

void buddy_give_mask(struct mm *mm, uint32_t a, unsigned w, uint64_t mask, unsigned state)
{
	word_give(mm, a, w, mask, bit_count(mask), state);
	trace_given_mask(mm, area_pfn(mm, a) + w * 64, mask);
	index_area(mm, a);
}

/* One area of a block of order 9 or more. */
static void area_give(struct mm *mm, uint32_t a, unsigned state)
{
	struct mm_area *area = &mm->areas[a];

	if (area->kind == AREA_ISOLATED)
		mm->isolated -= AREA_FRAMES;
	if (state == GIVE_AS_WAS && area->pure == CLASS_MIXED) {
		area->kind = AREA_MAPPED;
		for (unsigned w = 0; w < AREA_WORDS; w++)
			count_mixed(mm, a, w, ~0ull, 1);
	} else {
		if (state != GIVE_AS_WAS)
			area->pure = (uint8_t)state;
		area->kind = AREA_FREE;
		count_state(mm, area, area->pure, AREA_FRAMES);
		index_area_whole(mm, a);
		return;
	}
	index_area(mm, a);
}

void buddy_give(struct mm *mm, pfn_t pfn, unsigned order, unsigned state)
{
	if (likely(order < MM_ORDER_AREA)) {
		uint32_t a = mm_area_of(mm, pfn);
		struct area_bits *bits = &mm->bits[a];
		unsigned w = pfn % AREA_FRAMES / 64;
		if (likely(order < trace_word_orders && mm->isolated == 0)) {
			uint64_t mask = run_mask(order) << (pfn % 64);
			word_give(mm, a, w, mask, 1u << order, state);
			index_area(mm, a);
			return;
		}
		if (order == MM_ORDER_AREA - 1 && bits->isolated[w] == 0)
			mm->areas[a].flags -= AREA_MIB;
		buddy_give_frames(mm, pfn, 1u << order, state);
		return;
	}
	const uint32_t first = mm_area_of(mm, pfn), n = 1u << (order - MM_ORDER_AREA);
	for (uint32_t a = first; a < first + n; a++)
		area_give(mm, a, state);
	trace_given(mm, pfn, 1ull << order);
	index_run(mm, first, n);
}

/* --- is this an allocated block? --- */

static _Noreturn void bad_block(struct mm *mm, pfn_t pfn, unsigned order, const void *caller, const char *what)
{
	mm_port_unlock(&mm->lock);
	enum mm_state state = mm_frame_state(mm, pfn);
	mm_port_panic("mm: %s: pfn 0x%llx order %u is %s, caller %p", what, (unsigned long long)pfn, order,
		      mm_state_name(state), caller);
}

/* A frame that belongs to a block which starts before it. */
static bool is_body(const struct area_bits *bits, unsigned at)
{
	const struct mm_word *word = &bits->word[at / 64];

	return (((word->free | word->start | bits->isolated[at / 64]) >> (at % 64)) & 1) == 0;
}

void buddy_verify(struct mm *mm, pfn_t pfn, unsigned order, const void *caller)
{
	if (unlikely(order > MM_ORDER_MAX))
		bad_block(mm, pfn, order, caller, "order is beyond 18");
	if (unlikely(!is_aligned(pfn, 1ull << order)))
		bad_block(mm, pfn, order, caller, "free of a misaligned block");
	if (unlikely(!buddy_holds(mm, pfn)))
		bad_block(mm, pfn, order, caller, "free of memory that isn't managed");

	uint32_t a = mm_area_of(mm, pfn);
	const struct mm_area *area = &mm->areas[a];
	if (unlikely(area->kind != AREA_MAPPED || order >= MM_ORDER_AREA)) {
		if (area->kind == AREA_HEAD && area->order == order && pfn % AREA_FRAMES == 0)
			return;
		bad_block(mm, pfn, order, caller,
			  area->kind == AREA_HEAD || area->kind == AREA_BODY ? "free with the wrong order"
									     : "free of a block that isn't allocated");
	}

	const struct area_bits *bits = &mm->bits[a];
	unsigned at = pfn % AREA_FRAMES, n = 1u << order;
	if (unlikely(kept_holds(mm, pfn)))
		bad_block(mm, pfn, order, caller, "double free");
	for (unsigned i = 0; i < n; i += 64) {
		const struct mm_word *word = &bits->word[(at + i) / 64];
		uint64_t mask = bits_low(n) << (at % 64);
		uint64_t want = i == 0 ? BIT(at % 64) : 0;
		const uint64_t others = word->free | bits->isolated[(at + i) / 64];
		if (unlikely((word->start & mask) != want || (others & mask) != 0)) {
			uint64_t heads = bits->word[at / 64].start & ~bits->isolated[at / 64];
			bad_block(mm, pfn, order, caller,
				  (heads >> (at % 64) & 1) != 0 ? "free with the wrong order"
								: "free of a block that isn't allocated");
		}
	}
	/* A larger block could only start here if its second half started at the frame after ours. */
	if (at + n < AREA_FRAMES && is_aligned(at, 2ull * n) && unlikely(is_body(bits, at + n)))
		bad_block(mm, pfn, order, caller, "free with the wrong order");
}
