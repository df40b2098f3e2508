/* The order of preference against a naive look at every free block: memory in all five states, requests of all kinds,
 * and after each one, whether something that goes before what was taken was there. */
#include "mm/buddy.h"
#include "mm/place.h"
#include "tests/unit/fixture.h"

#define FRAMES 4096u
#define AREAS  (FRAMES / AREA_FRAMES)
#define RANKS  16u

static struct mm *mm;
static pfn_t base;
static uint64_t seed;
static unsigned char *states; /* of each frame, before the request */

static unsigned random_below(uint64_t limit)
{
	return (unsigned)fixture_random(&seed, limit);
}

static bool is_free(unsigned state)
{
	return state >= MM_STATE_DIRTY && state <= MM_STATE_FRESH;
}

/* Whether all frames of the area were free, and it didn't serve order 0, which makes it one in use but for order 9. */
static bool is_whole(unsigned a, unsigned order)
{
	for (unsigned i = 0; i < AREA_FRAMES; i++)
		if (!is_free(states[a * AREA_FRAMES + i]))
			return false;
	return order == MM_ORDER_AREA || (mm->areas[mm_area_of(mm, base) + a].flags & AREA_CURSORS) == 0;
}

/* The one state of all frames of a block, or MM_STATE_COUNT. */
static unsigned state_of(unsigned at, unsigned order)
{
	for (unsigned i = at; i < at + (1u << order); i++)
		if (states[i] != states[at])
			return MM_STATE_COUNT;
	return states[at];
}

/* What goes before what, for order 0 to 9, in an area in use before a whole one: unreported, those first that are
 * wholly of the wanted state; what is reported but zero, for a request for zero; what is fresh; what is reported or
 * mixed, likewise. RANKS: it isn't free. */
static unsigned rank_of(unsigned at, unsigned order, bool zero, const bool *areas_whole)
{
	const unsigned whole = areas_whole[at / AREA_FRAMES] ? 1 : 0, state = state_of(at, order);
	bool unreported = true;

	for (unsigned i = at; i < at + (1u << order); i++) {
		if (!is_free(states[i]))
			return RANKS;
		unreported &= states[i] == MM_STATE_DIRTY || states[i] == MM_STATE_ZERO;
	}
	if (unreported)
		return 2 * whole + (state == (zero ? MM_STATE_ZERO : MM_STATE_DIRTY) ? 0 : 1);
	if (zero && state == MM_STATE_REPORTED_ZERO)
		return 4 + whole;
	if (state == MM_STATE_FRESH)
		return 6 + whole;
	return 8 + 2 * whole + (zero || state == MM_STATE_REPORTED ? 0 : 1);
}

/* Takes a block and gives it back in a state by hand, as no reporter of ours keeps zeros. */
static void restate(pfn_t pfn, unsigned order, unsigned state)
{
	if (mm_take_range(mm, pfn, (size_t)1 << order) != 0)
		return;
	fixture_fill(pfn, (size_t)1 << order, state == CLASS_ZERO || state == CLASS_REPORTED_ZERO ? 0 : FIXTURE_JUNK);
	if (state == CLASS_DIRTY) /* which is filled in DEBUG builds */
		for (unsigned i = 0; i < 1u << order; i++)
			mm_free(mm, pfn + i, 0);
	mm_port_lock(&mm->lock);
	for (unsigned i = 0; state != CLASS_DIRTY && i < 1u << order; i++)
		buddy_give(mm, pfn + i, 0, state);
	mm_port_unlock(&mm->lock);
}

static pfn_t request(unsigned order, bool zero)
{
	bool whole[AREAS];
	unsigned best = RANKS, got;
	pfn_t pfn;

	for (unsigned i = 0; i < FRAMES; i++)
		states[i] = (unsigned char)mm_frame_state(mm, base + i);
	for (unsigned a = 0; a < AREAS; a++)
		whole[a] = is_whole(a, order);
	for (unsigned at = 0; at < FRAMES; at += 1u << order) {
		unsigned rank = rank_of(at, order, zero, whole);

		best = rank < best ? rank : best;
	}
	pfn = mm_alloc(mm, order, zero ? MM_ZERO_COLD : MM_ANY);
	CHECK_EQ(pfn != MM_PFN_NONE, best != RANKS);
	if (pfn == MM_PFN_NONE)
		return pfn;
	got = rank_of((unsigned)(pfn - base), order, zero, whole);
	if (got != best)
		test_port_fail(__FILE__, __LINE__,
			       "order %u, %s: what was taken is of rank %u, and there was one of %u", order,
			       zero ? "zero" : "any", got, best);
	return pfn;
}

static void random_requests(void)
{
	struct {
		pfn_t pfn;
		unsigned order;
	} held[64];
	unsigned count = 0;

	seed = test_port_seed();
	test_port_note("seed %llu", (unsigned long long)seed);
	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_REPORTED);
	base = fixture_base();
	states = fixture_bytes(FRAMES);
	mm_cache_enable(mm, MM_OFF); /* frames taken ahead have a rank of their own */
	for (unsigned step = 0; step < 3000; step++) {
		unsigned what = random_below(8);

		if (step % 256 == 0) { /* nothing is left unreported */
			for (pfn_t pfn = base; pfn < base + FRAMES; pfn += 8)
				restate(pfn, 3, CLASS_REPORTED + random_below(3));
		} else if (what < 2) {
			unsigned order = random_below(10);

			pfn_t pfn = base + (random_below(FRAMES) >> order << order);
			restate(pfn, order, random_below(STATE_COUNT));
		} else if (count == ARRAY_LEN(held) || (what < 5 && count != 0)) {
			unsigned i = random_below(count);

			mm_free(mm, held[i].pfn, held[i].order);
			held[i] = held[--count];
		} else {
			unsigned order = random_below(2) ? 0 : random_below(10);

			held[count].order = order;
			held[count].pfn = request(order, random_below(2));
			if (held[count].pfn != MM_PFN_NONE)
				count++;
		}
		CHECK_MM(mm);
	}
}

TEST(mm_prefer, what_goes_first_is_taken_first)
{
	random_requests();
}

TEST(mm_prefer, what_goes_first_is_taken_first_from_random_places_too)
{
	fixture_knob_word("mm.shuffle", "on");
	random_requests();
}

/* The one that the walk above is about most: a whole area isn't broken for a frame of the better state in it. */
TEST(mm_prefer, a_whole_area_of_several_states_is_not_broken_while_a_partial_one_fits)
{
	fixture_quiet();
	mm = fixture_mm(1024, MM_FRESH_DIRTY);
	base = fixture_base();
	fixture_zero_all(mm);
	fixture_dirty(mm, base + 700, 1);
	CHECK_EQ(mm_take_range(mm, base, 1), 0);
	mm_cache_enable(mm, MM_OFF);
	for (unsigned i = 1; i < 512; i++)
		CHECK(mm_alloc(mm, 0, MM_ANY) < base + 512);
	/* Now it is; and there the wanted state comes first. */
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), base + 700);
	CHECK_MM(mm);
}

/* Who looks for a mix may be led to a pure area, where a mixed one beside it makes the run of areas longer. */
TEST(mm_prefer, a_pure_area_in_a_run_of_mixed_ones)
{
	fixture_quiet();
	mm = fixture_mm(1024, MM_FRESH_DIRTY);
	base = fixture_base();
	CHECK_EQ(mm_alloc(mm, 10, MM_ZERO_COLD), base);
	mm_split(mm, base, 10, 9);
	mm_split(mm, base + 512, 9, 0);
	for (unsigned i = 512; i < 1024; i += 2)
		mm_free(mm, base + i, 0);
	mm_drain(mm);
	mm_port_lock(&mm->lock);
	buddy_give(mm, base, 9, CLASS_ZERO);
	for (unsigned i = 513; i < 1024; i += 2)
		buddy_give(mm, base + i, 0, CLASS_ZERO);
	mm_port_unlock(&mm->lock);
	CHECK_EQ(fixture_count(mm, base, 1024, MM_STATE_ZERO), 768);
	for (unsigned i = 0; i < 1024 / 8; i++) {
		CHECK(mm_alloc(mm, 3, MM_ANY) != MM_PFN_NONE);
		CHECK_MM(mm);
	}
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
}

/* What serves order 0 comes second to a better state of reported memory, too. */
TEST(mm_prefer, reported_zero_goes_before_the_reported_area_in_use)
{
	fixture_quiet();
	mm = fixture_mm(1024, MM_FRESH_REPORTED);
	base = fixture_base();
	mm_cache_enable(mm, MM_OFF);
	CHECK(mm_alloc(mm, 0, MM_ANY) < base + 512);
	CHECK_EQ(mm_take_range(mm, base + 512, 1), 0);
	restate(base + 600, 1, CLASS_REPORTED_ZERO);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY) / 512, base / 512);
	CHECK_EQ(mm_alloc(mm, 0, MM_ZERO_COLD) / 2, (base + 600) / 2);
	CHECK_MM(mm);
}

#define LOOSE_REQUESTS 6000u

enum listing {
	LISTED_LATE,	/* as it is: one area may be loose */
	LISTED_AT_ONCE, /* everything is listed after each call */
};

/* Random requests of a nearly full memory without caches. Listed late it notes what each was given; listed at once each
 * must be given the same. */

static void nearly_full(uint16_t *got, enum listing listing)
{
	unsigned n = 0, requests = 0;
	pfn_t *own;

	seed = 11;
	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	base = fixture_base();
	own = fixture_bytes(FRAMES * sizeof(*own));
	mm_cache_enable(mm, MM_OFF);
	while (requests < LOOSE_REQUESTS) {
		if (n != 0 && random_below(100) < (mm->free < 30 ? 50 : 25)) {
			/* now and then the one that was taken last, out of a cursor's area */
			unsigned i = random_below(4) == 0 ? n - 1 : random_below(n);

			mm_free(mm, own[i], 0);
			own[i] = own[--n];
		} else {
			unsigned order = random_below(40) == 0 ? random_below(4) : 0;
			pfn_t pfn = mm_alloc(mm, order, MM_ANY);
			uint16_t at = pfn == MM_PFN_NONE ? UINT16_MAX : (uint16_t)(pfn - base);

			if (listing == LISTED_AT_ONCE)
				CHECK_EQ(got[requests], at);
			got[requests++] = at;
			if (pfn != MM_PFN_NONE && order != 0)
				mm_split(mm, pfn, order, 0);
			for (unsigned i = 0; pfn != MM_PFN_NONE && i < 1u << order; i++)
				own[n++] = pfn + i;
		}
		if (listing == LISTED_AT_ONCE)
			index_settle(mm);
	}
	CHECK_MM(mm);
}

TEST(mm_prefer, what_is_loose_is_chosen_as_if_it_were_listed)
{
	static uint16_t got[LOOSE_REQUESTS];

	nearly_full(got, LISTED_LATE);
	fixture_end();
	nearly_full(got, LISTED_AT_ONCE);
}
