/* A small allocator of its own for a test: memory, metadata, knobs. */
#include "tests/unit/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "mm/buddy.h"
#include "mm/cpu_sum.h"
#include "mm/place.h"
#include "mm/state.h"
#include "mm/timing.h"
#include "mm/trace.h"

#define ALLOCATIONS_MAX 32
#define KNOBS_MAX	16
#define META_ALIGN	64u

static struct fixture {
	struct mm *mm;
	pfn_t base;
	bool has_block; /* base is a block of this order, from test_port_frames */
	unsigned order;
	void *allocations[ALLOCATIONS_MAX];
	unsigned allocation_count;
	struct {
		const struct knob_row *row;
		uint64_t before;
	} knobs[KNOBS_MAX];
	unsigned knob_count;
} fixture;

void *fixture_bytes(size_t bytes)
{
	void *p;

	CHECK(fixture.allocation_count < ALLOCATIONS_MAX);
	p = calloc(1, bytes);
	CHECK(p);
	fixture.allocations[fixture.allocation_count++] = p;
	return p;
}

static void memory_end(void)
{
	trace_stop(fixture.mm);
	while (fixture.allocation_count)
		free(fixture.allocations[--fixture.allocation_count]);
	if (fixture.has_block)
		test_port_frames_back(fixture.base, fixture.order);
	fixture.has_block = false;
	fixture.mm = NULL;
	fixture.base = 0;
}

void fixture_end(void)
{
	memory_end();
	while (fixture.knob_count) {
		const struct knob_row *row = fixture.knobs[--fixture.knob_count].row;

		*row->value = fixture.knobs[fixture.knob_count].before;
		if (row->changed)
			row->changed();
	}
}

static struct mm *init(const struct mm_range *ranges, size_t count)
{
	size_t meta_bytes = mm_meta_bytes(ranges, count);
	char *meta;

	CHECK(meta_bytes > 0);
	fixture.mm = fixture_bytes(sizeof(*fixture.mm));
	meta = fixture_bytes(meta_bytes + META_ALIGN);
	memset(meta, 0xa5, meta_bytes + META_ALIGN); /* any contents will do */
	meta = (char *)(((uintptr_t)meta + META_ALIGN - 1) & ~(uintptr_t)(META_ALIGN - 1));
	CHECK_EQ(mm_init(fixture.mm, ranges, count, meta, meta_bytes), 0);
	return fixture.mm;
}

struct mm *fixture_mm_at(const struct mm_range *ranges, size_t count)
{
	memory_end();
	return init(ranges, count);
}

struct mm *fixture_mm_ranges(size_t span, const struct mm_range *ranges, size_t count)
{
	struct mm_range *moved;
	unsigned order = MM_ORDER_AREA;

	while (((size_t)1 << order) < span)
		order++;
	memory_end();
	fixture.base = test_port_frames(order);
	if (fixture.base == MM_PFN_NONE)
		test_port_fail(__FILE__, __LINE__, "this machine has no free block of order %u for the test", order);
	fixture.order = order;
	fixture.has_block = true;
	fixture_fill(fixture.base, span, FIXTURE_JUNK);
	moved = fixture_bytes(count * sizeof(*moved));
	for (size_t i = 0; i < count; i++) {
		moved[i] = ranges[i];
		moved[i].start += fixture.base;
		moved[i].end += fixture.base;
	}
	return init(moved, count);
}

struct mm *fixture_mm(size_t frames, enum mm_fresh fresh)
{
	const struct mm_range range = {0, frames, fresh};

	return fixture_mm_ranges(frames, &range, 1);
}

pfn_t fixture_base(void)
{
	return fixture.base;
}

/* NULL: there is none of that name. */
static const struct knob_row *find_knob(const char *name)
{
	TABLE_FOR_EACH (knob, struct knob_row, row) {
		if (strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

static const struct knob_row *must_find_knob(const char *name)
{
	const struct knob_row *row = find_knob(name);

	if (!row)
		test_port_fail(__FILE__, __LINE__, "there is no knob %s", name);
	return row;
}

void fixture_knob(const char *name, uint64_t value)
{
	const struct knob_row *row = must_find_knob(name);
	unsigned i = 0;

	while (i < fixture.knob_count && fixture.knobs[i].row != row)
		i++;
	if (i == fixture.knob_count) {
		CHECK(i < KNOBS_MAX);
		fixture.knobs[i].row = row;
		fixture.knobs[i].before = *row->value;
		fixture.knob_count++;
	}
	*row->value = value;
	if (row->changed)
		row->changed();
}

void fixture_knob_word(const char *name, const char *word)
{
	const struct knob_row *row = must_find_knob(name);
	uint64_t i = 0;

	CHECK(row->choices);
	while (row->choices[i] && strcmp(row->choices[i], word) != 0)
		i++;
	CHECK(row->choices[i]);
	fixture_knob(name, i);
}

uint64_t fixture_alloc_failed(struct mm *mm)
{
	return CPU_SUM(mm, alloc_failed);
}

uint64_t fixture_wasted(struct mm *mm)
{
	return CPU_SUM(mm, wasted_frames);
}

void fixture_quiet(void)
{
	if (find_knob("zero.policy")) {
		fixture_knob_word("zero.policy", "alloc");
		fixture_knob("zero.low_pct", 0);
		fixture_knob("zero.high_pct", 0);
		fixture_knob("zero.delay_ms", 0);
	}
	if (find_knob("report.order")) {
		fixture_knob("report.delay_ms", 0);
		fixture_knob("report.reserve_pct", 0);
	}
}

void fixture_fill(pfn_t pfn, size_t frames, unsigned char byte)
{
	memset(mm_port_frame(pfn), byte, frames << FRAME_SHIFT);
}

bool fixture_is(pfn_t pfn, size_t frames, unsigned char byte)
{
	const unsigned char *p = mm_port_frame(pfn);
	size_t bytes = frames << FRAME_SHIFT;

	return bytes == 0 || (p[0] == byte && memcmp(p, p + 1, bytes - 1) == 0);
}

size_t fixture_count(struct mm *mm, pfn_t pfn, size_t frames, enum mm_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < frames; i++)
		n += mm_frame_state(mm, pfn + i) == state;
	return n;
}

void fixture_zero_all(struct mm *mm)
{
	struct mm_totals totals;

	mm_drain(mm);
	for (uint32_t a = 0; a < mm->area_count; a++) {
		for (pfn_t pfn = area_pfn(mm, a); pfn < area_pfn(mm, a) + AREA_FRAMES; pfn++) {
			enum mm_state state = mm_frame_state(mm, pfn);

			if (state != MM_STATE_DIRTY && state != MM_STATE_REPORTED && state != MM_STATE_REPORTED_ZERO &&
			    state != MM_STATE_FRESH)
				continue;
			mm_lock(mm);
			buddy_take_exact(mm, pfn, 1);
			fixture_fill(pfn, 1, 0);
			buddy_give(mm, pfn, 0, CLASS_ZERO);
			mm_unlock(mm);
		}
	}
	mm_totals(mm, &totals);
	CHECK_EQ(totals.zero, totals.free);
}

void fixture_dirty(struct mm *mm, pfn_t pfn, size_t frames)
{
	CHECK_EQ(mm_take_range(mm, pfn, frames), 0);
	fixture_fill(pfn, frames, FIXTURE_JUNK);
	for (size_t i = 0; i < frames; i++)
		mm_free(mm, pfn + i, 0);
	mm_drain(mm);
	CHECK_EQ(fixture_count(mm, pfn, frames, MM_STATE_DIRTY), frames);
}

const char *fixture_number(char *text, uint64_t value, unsigned base)
{
	char digits[24];
	size_t n = 0, at = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (base == 16) {
		text[at++] = '0';
		text[at++] = 'x';
	}
	while (n)
		text[at++] = digits[--n];
	text[at] = 0;
	return text;
}

uint64_t fixture_random(uint64_t *state, uint64_t limit)
{
	uint64_t x = *state ? *state : 1;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return (x * 0x2545f4914f6cdd1dull) % limit;
}
