/* Keeps the indexes true. See index.h for what is listed where. */
#include "port/mm_port.h"

#include "mm/index.h"

#include "lib/assert.h"
#include "mm/shuffle.h"

/* --- which gibs have something of a class and order --- */

static void top_set(struct mm *mm, unsigned cls, unsigned slot, uint32_t g)
{
	bool high = g >= mm->gib_low;

	if (high) {
		uint64_t *row = index_high(mm, cls, slot);
		row[1 + g / 64] |= BIT(g % 64);
		row[0] |= BIT(g / 64);
	} else {
		mm->low[cls][slot] |= (uint8_t)(1u << g);
	}
	mm->orders[high][cls] |= BIT(slot);
}

static void top_clear(struct mm *mm, unsigned cls, unsigned slot, uint32_t g)
{
	bool high = g >= mm->gib_low;

	if (high) {
		uint64_t *row = index_high(mm, cls, slot);
		row[1 + g / 64] &= ~BIT(g % 64);
		if (row[1 + g / 64] != 0)
			return;
		row[0] &= ~BIT(g / 64);
		if (row[0] != 0)
			return;
	} else {
		mm->low[cls][slot] &= (uint8_t) ~(1u << g);
		if (mm->low[cls][slot] != 0)
			return;
	}
	mm->orders[high][cls] &= ~BIT(slot);
}

/* Which of several that are equally good. Each look for something is compiled twice, once for either. */
enum choice { CHOOSE_FIRST, CHOOSE_ANY };

static inline __attribute__((always_inline)) unsigned one_of(struct mm *mm, uint64_t set, enum choice choice)
{
	return choice == CHOOSE_ANY ? shuffle_bit(mm, set) : bit_first(set);
}

static inline uint32_t top_one(struct mm *mm, unsigned cls, unsigned slot, bool high, enum choice choice)
{
	if (!high)
		return one_of(mm, mm->low[cls][slot], choice);
	const uint64_t *row = index_high(mm, cls, slot);
	unsigned w = one_of(mm, row[0], choice);
	return w * 64 + one_of(mm, row[1 + w], choice);
}

/* --- areas with free runs of order 0 to 8, by gib --- */

static inline void part_set(struct mm *mm, unsigned cls, unsigned part, uint32_t a)
{
	struct mm_gib *g = &mm->gibs[a / GIB_AREAS];
	unsigned w = a % GIB_AREAS / 64;

	mm->parts[a / 64].map[cls][part] |= BIT(a % 64);
	if (g->part_words[cls][part] == 0)
		top_set(mm, cls, slot_of_part(part), a / GIB_AREAS);
	g->part_words[cls][part] |= (uint8_t)(1u << w);
}

static inline void part_clear(struct mm *mm, unsigned cls, unsigned part, uint32_t a)
{
	struct mm_gib *g = &mm->gibs[a / GIB_AREAS];
	unsigned w = a % GIB_AREAS / 64;

	uint64_t *word = &mm->parts[a / 64].map[cls][part];

	*word &= ~BIT(a % 64);
	if (*word != 0)
		return;
	g->part_words[cls][part] &= (uint8_t) ~(1u << w);
	if (g->part_words[cls][part] == 0)
		top_clear(mm, cls, slot_of_part(part), a / GIB_AREAS);
}

/* --- wholly free areas, orders 9 to 18, by gib --- */

/* Of the largest runs of each class, leaves out mixed ones that are no larger than those of one state. */
static void leave_out_mixed(unsigned fit[CLASS_COUNT])
{
	if (fit[CLASS_ALL] <= fit[CLASS_UNREPORTED] || fit[CLASS_ALL] <= fit[CLASS_REPORTED] ||
	    fit[CLASS_ALL] <= fit[CLASS_REPORTED_ZERO] || fit[CLASS_ALL] <= fit[CLASS_FRESH])
		fit[CLASS_ALL] = 0;
	if (fit[CLASS_UNREPORTED] <= fit[CLASS_DIRTY] || fit[CLASS_UNREPORTED] <= fit[CLASS_ZERO])
		fit[CLASS_UNREPORTED] = 0;
}

/* Lists what gib g has to offer, after the ladders of some classes changed. Most changes leave the largest runs as they
 * are, and then no list changes. */
static void gib_list(struct mm *mm, uint32_t gi, uint32_t classes)
{
	struct mm_gib *g = &mm->gibs[gi];
	unsigned fit[CLASS_COUNT];
	bool same = true;

	for (; classes != 0; classes &= classes - 1) {
		unsigned c = bit_first(classes), largest = ladder_fit(g->ladder[c]);
		same &= g->largest[c] == largest;
		g->largest[c] = (uint8_t)largest;
	}
	if (likely(same))
		return;
	for (unsigned c = 0; c < CLASS_COUNT; c++)
		fit[c] = g->largest[c];
	leave_out_mixed(fit);
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		unsigned old = g->fit[c];
		if (fit[c] == old)
			continue;
		if (old != 0)
			top_clear(mm, c, MM_ORDER_AREA + old - 1, gi);
		if (fit[c] != 0)
			top_set(mm, c, MM_ORDER_AREA + fit[c] - 1, gi);
		g->fit[c] = (uint8_t)fit[c];
	}
}

/* Brings up to date whether word w of a gib has areas that are wholly free, unreported, and not zero: what
 * report.poison may want zeroed. */
static inline void unzeroed_update(struct mm *mm, uint32_t gi, unsigned w)
{
	struct mm_gib *g = &mm->gibs[gi];
	const unsigned was = g->unzeroed, bit = 1u << w;
	const bool any = (g->whole[CLASS_UNREPORTED][w] & ~g->whole[CLASS_ZERO][w]) != 0;

	g->unzeroed = (uint8_t)(any ? was | bit : was & ~bit);
	if ((was == 0) != (g->unzeroed == 0))
		mm->unzeroed[gi / 64] ^= BIT(gi % 64);
}

/* Area a comes into the whole maps of the classes in one set, and goes out of those in another. */
static void whole_change(struct mm *mm, uint32_t a, uint32_t come, uint32_t gone)
{
	struct mm_gib *g = &mm->gibs[a / GIB_AREAS];
	const unsigned w = a % GIB_AREAS / 64;
	uint64_t last = 0; /* the maps of a state and of its unions are often the same */
	unsigned fit = 0;

	for (uint32_t left = come | gone; left != 0; left &= left - 1) {
		unsigned c = bit_first(left);
		uint64_t map = (come >> c & 1) != 0 ? g->whole[c][w] | BIT(a % 64) : g->whole[c][w] & ~BIT(a % 64);
		g->whole[c][w] = map;
		if (map != last) {
			last = map;
			fit = run_fit(map);
		}
		g->ladder[c] = ladder_set(g->ladder[c], w, fit);
	}
	if (((come | gone) & (1u << CLASS_UNREPORTED | 1u << CLASS_ZERO)) != 0)
		unzeroed_update(mm, a / GIB_AREAS, w);
	gib_list(mm, a / GIB_AREAS, come | gone);
}

/* --- one area --- */

/* The classes a wholly free area belongs to, as bits. */
static uint32_t whole_classes(const struct mm_area *area)
{
	uint32_t set = 1u << CLASS_ALL;

	if (area->reported + area->fresh == 0)
		set |= 1u << CLASS_UNREPORTED;
	if (area->zero + area->reported + area->fresh == 0)
		set |= 1u << CLASS_DIRTY;
	else if (area->zero == AREA_FRAMES)
		set |= 1u << CLASS_ZERO;
	else if (area->reported_zero == AREA_FRAMES)
		set |= 1u << CLASS_REPORTED_ZERO;
	else if (area->reported == AREA_FRAMES && area->reported_zero == 0)
		set |= 1u << CLASS_REPORTED;
	else if (area->fresh == AREA_FRAMES)
		set |= 1u << CLASS_FRESH;
	return set;
}

static uint64_t fit_part(struct mm *mm, uint32_t a)
{
	const struct mm_area *area = &mm->areas[a];

	if (likely(area->pure != CLASS_MIXED))
		return (uint64_t)ladder_fit(area->ladder[area->pure]) << (FIT_BITS * area->pure);

	unsigned fit[CLASS_COUNT];
	uint64_t packed = 0;
	for (unsigned c = 0; c < STATE_COUNT; c++)
		fit[c] = ladder_fit(area->ladder[c]);
	for (unsigned c = STATE_COUNT; c < CLASS_COUNT; c++)
		fit[c] = ladder_fit(mm->bits[a].unions[c - STATE_COUNT]);
	leave_out_mixed(fit);
	for (unsigned c = CLASS_COUNT; c-- > 0;)
		packed = packed << FIT_BITS | fit[c];
	return packed;
}

/* An area that is wholly free but serves order-0 requests offers order 8 at most. */
static uint64_t fit_capped(uint64_t packed)
{
	for (unsigned c = 0; c < CLASS_COUNT; c++)
		if (mm_fit_of(packed, c) > MM_ORDER_AREA)
			packed -= 1ull << (FIT_BITS * c);
	return packed;
}

/* The part map of a class in which a fit is listed; there must be one. */
static inline unsigned part_of_fit(uint64_t fit, unsigned cls)
{
	unsigned first = (fit & FIT_WHOLE(CLASS_ALL)) != 0 ? 2 * MM_ORDER_AREA
			 : (fit & FIT_COARSE) != 0	   ? MM_ORDER_AREA
							   : 0;

	return first + mm_fit_of(fit, cls) - 1;
}

static void fit_list(struct mm *mm, uint32_t a, uint64_t fit)
{
	struct mm_area *area = &mm->areas[a];
	uint64_t old = area->fit;
	uint64_t diff = old ^ fit;

	area->fit = fit;
	if (unlikely((diff & (FIT_COARSE | FIT_WHOLE(CLASS_ALL))) != 0))
		diff |= (old | fit) & FIT_PARTS; /* what is listed moves to other slots */
	while ((diff & FIT_PARTS) != 0) {
		unsigned c = bit_first(diff) / FIT_BITS;
		diff &= ~(0xfull << (FIT_BITS * c));
		if (mm_fit_of(old, c) != 0)
			part_clear(mm, c, part_of_fit(old, c), a);
		if (mm_fit_of(fit, c) != 0)
			part_set(mm, c, part_of_fit(fit, c), a);
	}
	if (likely(diff == 0))
		return;
	uint32_t gone = (uint32_t)((old & ~fit & ~FIT_COARSE) / FIT_WHOLE(0));
	uint32_t come = (uint32_t)((fit & ~old & ~FIT_COARSE) / FIT_WHOLE(0));
	whole_change(mm, a, come, gone);
}

static void index_whole(struct mm *mm, uint32_t a)
{
	struct mm_area *area = &mm->areas[a];
	uint32_t classes = whole_classes(area);
	uint64_t fit = classes * FIT_WHOLE(0);
	uint32_t pure = classes & ((1u << CLASS_UNREPORTED) - 1);

	if (pure != 0) {
		area->pure = (uint8_t)bit_first(pure);
		area->kind = AREA_FREE;
	} else {
		/* Whole only as a mix: smaller runs of one state are listed as well. */
		uint64_t part = fit_part(mm, a);
		for (unsigned c = 0; c < CLASS_UNREPORTED; c++)
			fit |= part & (0xfull << (FIT_BITS * c));
		if ((classes & (1u << CLASS_UNREPORTED)) == 0)
			fit |= part & (0xfull << (FIT_BITS * CLASS_UNREPORTED));
	}
	fit_list(mm, a, fit);
}

void index_area_whole(struct mm *mm, uint32_t a)
{
	struct mm_area *area = &mm->areas[a];
	struct mm_gib *g = &mm->gibs[a / GIB_AREAS];
	uint32_t classes = whole_classes(area);

	area->fit = classes * FIT_WHOLE(0);
	for (; classes != 0; classes &= classes - 1)
		g->whole[bit_first(classes)][a % GIB_AREAS / 64] |= BIT(a % 64);
}

/* Brings ladders and lists of a gib up to date after the whole maps of some classes changed for a run of areas. */
static void run_list(struct mm *mm, uint32_t first, uint32_t n, uint32_t classes)
{
	struct mm_gib *g = &mm->gibs[first / GIB_AREAS];
	const unsigned from = first % GIB_AREAS / 64, to = (first + n - 1) % GIB_AREAS / 64;

	for (unsigned w = from; w <= to; w++) {
		uint64_t last = 0; /* as above */
		unsigned fit = 0;
		for (uint32_t left = classes; left != 0; left &= left - 1) {
			unsigned c = bit_first(left);
			if (g->whole[c][w] != last) {
				last = g->whole[c][w];
				fit = run_fit(last);
			}
			g->ladder[c] = ladder_set(g->ladder[c], w, fit);
		}
		unzeroed_update(mm, first / GIB_AREAS, w);
	}
	gib_list(mm, first / GIB_AREAS, classes);
}

static uint32_t run_classes(const struct mm *mm, uint32_t first, uint32_t n)
{
	uint64_t fit = 0;

	for (uint32_t a = first; a < first + n; a++)
		fit |= mm->areas[a].fit;
	return (uint32_t)((fit & ~FIT_COARSE) / FIT_WHOLE(0));
}

void index_run(struct mm *mm, uint32_t first, uint32_t n)
{
	run_list(mm, first, n, run_classes(mm, first, n));
}

/* Lists what isn't a partly free area of one state. */
static __attribute__((noinline)) void index_area_other(struct mm *mm, uint32_t a)
{
	struct mm_area *area = &mm->areas[a];

	if (area->free == AREA_FRAMES) {
		if ((area->flags & AREA_CURSORS) == 0)
			index_whole(mm, a);
		else
			fit_list(mm, a, fit_capped(fit_part(mm, a)));
		return;
	}
	uint64_t fit = fit_part(mm, a);
	if ((area->flags & AREA_MIBS) != 0)
		fit |= FIT_COARSE;
	if (fit != area->fit)
		fit_list(mm, a, fit);
}

void index_area_slow(struct mm *mm, uint32_t a)
{
	struct mm_area *area = &mm->areas[a];
	const uint64_t old = area->fit;
	const unsigned c = area->pure;

	if (mm->loose == a)
		mm->loose = AREA_NONE;

	/* Where only one class plays a part, now and before, the area moves from one fine slot to another. */
	if (likely(area->free != AREA_FRAMES && c != CLASS_MIXED && (area->flags & AREA_MIBS) == 0 &&
		   (old & ~(0xfull << (FIT_BITS * c))) == 0)) {
		const unsigned fit = ladder_fit(area->ladder[c]);
		if (old != 0)
			part_clear(mm, c, mm_fit_of(old, c) - 1, a);
		if (fit != 0)
			part_set(mm, c, fit - 1, a);
		area->fit = (uint64_t)fit << (FIT_BITS * c);
	} else {
		index_area_other(mm, a);
	}
}

void index_remove_run(struct mm *mm, uint32_t first, uint32_t n)
{
	struct mm_gib *g = &mm->gibs[first / GIB_AREAS];

	if (n == 1) {
		index_remove(mm, first);
		return;
	}
	const uint32_t classes = run_classes(mm, first, n);
	for (uint32_t a = first; a < first + n; a++) {
		/* What a mix lists for smaller orders; the whole maps are cleared a word at a time. */
		if ((mm->areas[a].fit & FIT_PARTS) != 0)
			fit_list(mm, a, mm->areas[a].fit & ~FIT_PARTS);
		mm->areas[a].fit = 0;
	}
	for (uint32_t a = first; a < first + n; a += 64) {
		const uint64_t mask = bits_low(n) << (a % 64);
		for (uint32_t left = classes; left != 0; left &= left - 1)
			g->whole[bit_first(left)][a % GIB_AREAS / 64] &= ~mask;
	}
	run_list(mm, first, n, classes);
}

void index_remove(struct mm *mm, uint32_t a)
{
	fit_list(mm, a, 0);
}

void area_ladders(struct mm *mm, uint32_t a)
{
	const struct area_bits *bits = &mm->bits[a];

	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		uint64_t ladder = 0;
		for (unsigned w = 0; w < AREA_WORDS; w++)
			ladder |= BIT(8 * run_fit(word_class(bits, w, c)) + w);
		*area_ladder(mm, a, c) = ladder;
	}
}

void area_map(struct mm *mm, uint32_t a)
{
	struct mm_area *area = &mm->areas[a];
	struct area_bits *bits = &mm->bits[a];

	ASSERT(area->kind == AREA_FREE);
	uint64_t zero = (area->pure & 1) != 0 ? ~0ull : 0;
	uint64_t reported = area->pure >= CLASS_REPORTED ? ~0ull : 0;
	uint64_t fresh = area->pure == CLASS_FRESH ? ~0ull : 0;
	for (unsigned w = 0; w < AREA_WORDS; w++) {
		bits->word[w] = (struct mm_word){.free = ~0ull, .zero = zero, .reported = reported};
		bits->isolated[w] = 0;
		bits->fresh[w] = fresh;
	}
	area->ladder[area->pure] = LADDER_FULL;
	area->kind = AREA_MAPPED;
	index_remove(mm, a);
}

/* --- looking --- */

/* The area that is listed first in a slot of one set, or else of the other. */
static inline __attribute__((always_inline)) uint32_t find_slots_as(struct mm *mm, unsigned cls, uint64_t first,
								    uint64_t then, bool low_only, enum choice choice)
{
	index_settle(mm);
	for (unsigned high = low_only ? 0 : 1;; high--) {
		uint64_t slots = mm->orders[high][cls] & first;
		if (slots == 0)
			slots = mm->orders[high][cls] & then;
		if (slots != 0) {
			unsigned slot = bit_first(slots), part = part_of_slot(slot);
			uint32_t gi = top_one(mm, cls, slot, high, choice);
			const struct mm_gib *g = &mm->gibs[gi];
			unsigned w = one_of(mm, g->part_words[cls][part], choice);
			return gi * GIB_AREAS + w * 64 +
			       one_of(mm, mm->parts[gi * AREA_WORDS + w].map[cls][part], choice);
		}
		if (high == 0)
			return AREA_NONE;
	}
}

static __attribute__((noinline)) uint32_t find_slots_any(struct mm *mm, unsigned cls, uint64_t first, uint64_t then,
							 bool low_only)
{
	return find_slots_as(mm, cls, first, then, low_only, CHOOSE_ANY);
}

static inline uint32_t find_slots(struct mm *mm, unsigned cls, uint64_t first, uint64_t then, bool low_only)
{
	if (unlikely(mm->shuffled))
		return find_slots_any(mm, cls, first, then, low_only);
	return find_slots_as(mm, cls, first, then, low_only, CHOOSE_FIRST);
}

uint32_t index_find_part(struct mm *mm, unsigned cls, unsigned order, bool low_only)
{
	const uint64_t fine = SLOTS_FINE & (~0ull << order), coarse = fine << SLOT_COARSE;

	/* Blocks of 1 MiB go by twos, all others keep off them while they can. */
	if (order == MM_ORDER_AREA - 1)
		return find_slots(mm, cls, coarse, fine, low_only);
	return find_slots(mm, cls, fine, coarse, low_only);
}

uint32_t index_find_mixed(struct mm *mm, unsigned cls, unsigned order, bool low_only)
{
	return find_slots(mm, cls, (SLOTS_FINE & (~0ull << order)) << SLOT_MIXED, 0, low_only);
}

/* The first area of a run of 2^k whole areas that fits best in gib gi, which has one. */
static inline __attribute__((always_inline)) uint32_t find_in_gib(struct mm *mm, uint32_t gi, unsigned cls, unsigned k,
								  enum choice choice)
{
	const struct mm_gib *g = &mm->gibs[gi];
	unsigned w, bit = 0;

	if (k <= 6) {
		w = choice == CHOOSE_ANY ? shuffle_bit(mm, ladder_best_set(g->ladder[cls], k))
					 : ladder_best(g->ladder[cls], k);
		bit = one_of(mm, run_best_set(g->whole[cls][w], k), choice);
	} else {
		w = one_of(mm, ladder_best_words_set(g->ladder[cls], k), choice);
	}
	return gi * GIB_AREAS + w * 64 + bit;
}

static inline __attribute__((always_inline)) uint32_t find_whole_as(struct mm *mm, unsigned cls, unsigned order,
								    bool low_only, enum choice choice)
{
	uint64_t wanted = SLOTS_WHOLE & (~0ull << order);

	for (unsigned high = low_only ? 0 : 1;; high--) {
		uint64_t orders = mm->orders[high][cls] & wanted;
		if (orders != 0)
			return find_in_gib(mm, top_one(mm, cls, bit_first(orders), high, choice), cls,
					   order - MM_ORDER_AREA, choice);
		if (high == 0)
			return AREA_NONE;
	}
}

static __attribute__((noinline)) uint32_t find_whole_any(struct mm *mm, unsigned cls, unsigned order, bool low_only)
{
	return find_whole_as(mm, cls, order, low_only, CHOOSE_ANY);
}

uint32_t index_find_whole(struct mm *mm, unsigned cls, unsigned order, bool low_only)
{
	if (unlikely(mm->shuffled))
		return find_whole_any(mm, cls, order, low_only);
	return find_whole_as(mm, cls, order, low_only, CHOOSE_FIRST);
}
