/* A small allocator of its own for a test, over frames that are real: on the host they come from tests/host/host.c, in
 * the guest they are a block of mm_system's, given back at the end.
 *
 * One fixture lives at a time; making another ends the one before. The runner calls fixture_end() after each test,
 * failed or not, so a test needn't.
 */
#pragma once

#include "lib/types.h"
#include "mm/mm.h"
#include "port/mm_port.h"
#include "tests/unit/test.h"

/* What the fixture's memory is full of before mm_init, and what fixture_dirty leaves where the allocator doesn't
 * fill. */
#define FIXTURE_JUNK 0xb6

/* An allocator over frames frames in one run, whose first is aligned to all of them (rounded up to a power of two).
 * A machine too small for it ends the test as failed. */
struct mm *fixture_mm(size_t frames, enum mm_fresh fresh);

/* An allocator over several runs; start and end count from the fixture's base, span is at least the largest end. */
struct mm *fixture_mm_ranges(size_t span, const struct mm_range *ranges, size_t count);

/* The same at absolute frame numbers, without junk: on the host, where every pfn below HOST_FRAMES has memory. */
struct mm *fixture_mm_at(const struct mm_range *ranges, size_t count);

/* The first frame of the fixture's memory: of frames counted from 0, frame i is fixture_base() + i. */
pfn_t fixture_base(void);

/* Ends the fixture, sets the knobs back. */
void fixture_end(void);

/* Memory for the test itself, zeroed, until fixture_end. */
void *fixture_bytes(size_t bytes);

/* Sets a knob by its name until fixture_end; the second one by word. The value isn't checked against the row's bounds,
 * the name is. */
void fixture_knob(const char *name, uint64_t value);
void fixture_knob_word(const char *name, const char *word);

/* How many allocations failed since mm_init; mm.alloc_failed is that of mm_system. */
uint64_t fixture_alloc_failed(struct mm *mm);

/* How many frames were zeroed in vain since then. */
uint64_t fixture_wasted(struct mm *mm);

/* Knobs for a test that wants nothing to happen by itself: policy alloc, marks 0, no delays, no reserve; those of the
 * features that are built in. */
void fixture_quiet(void);

/* Writes byte all over the frames; whether every byte of them is byte. */
void fixture_fill(pfn_t pfn, size_t frames, unsigned char byte);
bool fixture_is(pfn_t pfn, size_t frames, unsigned char byte);

/* How many of the frames are in that state. */
size_t fixture_count(struct mm *mm, pfn_t pfn, size_t frames, enum mm_state state);

/* Makes every free frame of the fixture's ZERO, reported ones too, as an undone allocation does; then makes the given
 * ones dirty again by taking and freeing them. */
void fixture_zero_all(struct mm *mm);
void fixture_dirty(struct mm *mm, pfn_t pfn, size_t frames);

/* A number as text, 0x ahead of base 16; text has room for 24. Returns text. */
const char *fixture_number(char *text, uint64_t value, unsigned base);

/* A number that depends on *state alone, evenly spread below limit (xorshift64*). */
uint64_t fixture_random(uint64_t *state, uint64_t limit);

/* Everything about mm that holds at all times: mm_check and the sum of the totals. */
#define CHECK_MM(mm)                                                                            \
	do {                                                                                    \
		struct mm_totals totals_;                                                       \
		CHECK(mm_check(mm));                                                            \
		mm_totals(mm, &totals_);                                                        \
		CHECK_EQ(totals_.free + totals_.allocated + totals_.isolated, totals_.managed); \
	} while (0)
