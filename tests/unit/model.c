/* What the allocator may do; see model.h. */
#include "tests/unit/model.h"

#include <string.h>

#include "mm/marks.h"
#include "mm/place.h"

#define FRAME_WORDS (FRAME_SIZE / sizeof(uint32_t))
#define JUNK	    0xb6b6b6b6u

struct model model;

static bool zero_at_free_now;

#define CACHED_FRAMES (HOT_FRAMES + LATE_FRAMES + NEXT_FRAMES)
_Static_assert(offsetof(struct mm_cpu, hot_count) == CACHED_FRAMES * sizeof(uint32_t), "a CPU's frames come first");

/* What the states of frames are made of, as it was after the last step: 64 frames by 64 frames, and CPUs' caches. Only
 * where it isn't the same any more, or where the model itself has changed a row, are frames asked for their state. */
static struct {
	unsigned first, end; /* rows */
	bool look;
	uint32_t area;
	uint8_t kind, pure;
	struct mm_word word;
	uint64_t isolated;
	uint64_t fresh;
} groups[MODEL_GROUPS_MAX];
static unsigned group_count;
static uint8_t group_of_row[MODEL_FRAMES_MAX];
static bool row_cached[MODEL_FRAMES_MAX];
static uint32_t cached[MM_CPUS_MAX][CACHED_FRAMES];

/* Tags lie in the frame's first and last word, and one between. */
static uint32_t *frame_word(pfn_t pfn, unsigned which)
{
	uint32_t *words = mm_port_frame(pfn);

	return words + (which == 0 ? 0 : which == 1 ? FRAME_WORDS - 1 : pfn * 7 % FRAME_WORDS);
}

static void frame_write(pfn_t pfn, uint32_t value)
{
	for (unsigned which = 0; which < 3; which++)
		*frame_word(pfn, which) = value;
}

static bool frame_reads(pfn_t pfn, uint32_t value)
{
	return *frame_word(pfn, 0) == value && *frame_word(pfn, 1) == value && *frame_word(pfn, 2) == value;
}

static bool frame_is_zero(pfn_t pfn)
{
	const char *bytes = mm_port_frame(pfn);

	return bytes[0] == 0 && memcmp(bytes, bytes + 1, FRAME_SIZE - 1) == 0;
}

/* The frame's row, or NULL: not one of ours. */
static struct model_frame *row_of(pfn_t pfn)
{
	unsigned low = 0, high = model.count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (model.frames[middle].pfn == pfn)
			return &model.frames[middle];
		if (model.frames[middle].pfn < pfn)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void set_state(struct model_frame *row, enum mm_state state)
{
	row->state = state;
	groups[group_of_row[row - model.frames]].look = true;
}

void model_own(pfn_t pfn, enum mm_state state)
{
	set_state(row_of(pfn), state);
}

/* A look at each word of frames is due in the next step, which also learns what there is. */
static void groups_begin(void)
{
	_Static_assert(MODEL_GROUPS_MAX - 1 <= UINT8_MAX, "a byte numbers them");
	group_count = 0;
	memset(groups, 0, sizeof(groups));
	memset(cached, 0, sizeof(cached));
	memset(row_cached, 0, sizeof(row_cached));
	for (unsigned i = 0; i < model.count; i++) {
		const pfn_t pfn = model.frames[i].pfn;

		if (i == 0 || pfn / 64 != model.frames[i - 1].pfn / 64) {
			CHECK(group_count < MODEL_GROUPS_MAX);
			groups[group_count].first = i;
			groups[group_count].look = true;
			groups[group_count++].area = mm_area_of(model.mm, pfn);
		}
		groups[group_count - 1].end = i + 1;
		group_of_row[i] = (uint8_t)(group_count - 1);
	}
}

void model_begin(struct mm *mm, struct model_frame *frames, unsigned count, struct model_block *held)
{
	model = (struct model){.mm = mm, .frames = frames, .count = count, .held = held, .next_tag = 1};
	for (unsigned i = 0; i < count; i++) {
		frames[i].state = mm_frame_state(mm, frames[i].pfn);
		frames[i].fresh = frames[i].state == MM_STATE_FRESH;
		CHECK(frames[i].state == MM_STATE_DIRTY || frames[i].state == MM_STATE_REPORTED ||
		      frames[i].state == MM_STATE_FRESH);
		if (!DEBUG || frames[i].state != MM_STATE_DIRTY) /* else it has been filled, and is looked at again */
			frame_write(frames[i].pfn, JUNK);
	}
	groups_begin();
	model_policy_changed();
}

/* --- what a request can count on --- */

static bool is_free(enum mm_state state)
{
	return state == MM_STATE_DIRTY || state == MM_STATE_ZERO || state == MM_STATE_REPORTED ||
	       state == MM_STATE_REPORTED_ZERO || state == MM_STATE_FRESH;
}

static bool cpu_keeps(const struct mm_cpu *cpu, pfn_t pfn)
{
	for (unsigned i = 0; i < HOT_FRAMES; i++)
		if (cpu->hot[i] == pfn || cpu->late[i] == pfn || cpu->next[i] == pfn)
			return true;
	return cpu->hot_area != MM_PFN_NONE && pfn - cpu->hot_area < AREA_FRAMES;
}

bool model_kept_elsewhere(pfn_t pfn)
{
	return mm_frame_state(model.mm, pfn) == MM_STATE_CACHED && !cpu_keeps(&model.mm->cpu[mm_port_cpu()], pfn);
}

static bool in_flight_has(pfn_t pfn)
{
	for (unsigned i = 0; i < REPORT_SLOTS; i++) {
		const struct report_slot *slot = &model.mm->report_engine.slot[i];

		for (unsigned k = 0; slot->in_flight && k < slot->batch.count; k++)
			if (pfn - slot->batch.block[k].pfn < 1ull << slot->batch.block[k].order)
				return true;
	}
	return false;
}

/* Between steps a row's state is the frame's, but that a cached one counts as DIRTY. */
static bool can_be_had(unsigned i, enum model_counts counts)
{
	const struct model_frame *row = &model.frames[i];

	if (row_cached[i])
		return cpu_keeps(&model.mm->cpu[mm_port_cpu()], row->pfn);
	return is_free(row->state) ||
	       (row->state == MM_STATE_ISOLATED && (counts == COUNT_IN_FLIGHT || !in_flight_has(row->pfn)));
}

uint64_t model_blocks(unsigned order, unsigned want, enum model_counts counts)
{
	uint64_t blocks = 0, run = 0;
	pfn_t next = 0;

	/* Blocks of one order don't overlap, so which one is taken first changes nothing. */
	for (unsigned i = 0; i < model.count; i++) {
		pfn_t pfn = model.frames[i].pfn;

		if (pfn != next || pfn % (1ull << order) == 0)
			run = 0;
		next = pfn + 1;
		if ((want & MM_BELOW_4G) && pfn >= MM_PFN_4G)
			break;
		if (run != pfn % (1ull << order) || !can_be_had(i, counts))
			continue;
		if (++run == 1ull << order) {
			blocks++;
			run = 0;
		}
	}
	return blocks;
}

enum model_can model_can_take(pfn_t start, unsigned count)
{
	enum model_can can = CAN_SURELY;

	for (pfn_t pfn = start; pfn < start + count; pfn++) {
		const struct model_frame *row = row_of(pfn);

		if (!row || row->state == MM_STATE_ALLOCATED || row->state == MM_STATE_UNMANAGED)
			return CAN_NOT;
		if (row->state == MM_STATE_ISOLATED || model_kept_elsewhere(pfn))
			can = CAN_PERHAPS;
	}
	return can;
}

/* --- who has what --- */

void model_hold(pfn_t pfn, unsigned order, unsigned want)
{
	CHECK(pfn % (1ull << order) == 0);
	CHECK(!(want & MM_BELOW_4G) || pfn + (1ull << order) <= MM_PFN_4G);
	for (pfn_t f = pfn; f < pfn + (1ull << order); f++) {
		struct model_frame *row = row_of(f);

		CHECK(row);
		CHECK(row->state != MM_STATE_ALLOCATED && row->state != MM_STATE_UNMANAGED);
		CHECK(!in_flight_has(f));
		if ((want & ~MM_BELOW_4G) != MM_ANY)
			CHECK(frame_is_zero(f));
		set_state(row, MM_STATE_ALLOCATED);
		row->tag = model.next_tag++;
		frame_write(f, row->tag);
	}
	CHECK(model.held_count < MODEL_HELD_MAX);
	model.held[model.held_count++] = (struct model_block){pfn, order};
}

struct model_block model_drop(unsigned at)
{
	struct model_block block = model.held[at];

	model.held[at] = model.held[--model.held_count];
	for (pfn_t f = block.pfn; f < block.pfn + (1ull << block.order); f++) {
		struct model_frame *row = row_of(f);

		CHECK(frame_reads(f, row->tag));
		set_state(row, zero_at_free_now ? MM_STATE_ZERO : MM_STATE_DIRTY);
	}
	return block;
}

bool model_reads_zero(pfn_t pfn)
{
	return frame_reads(pfn, 0);
}

void model_junk(pfn_t pfn)
{
	CHECK(row_of(pfn));
	frame_write(pfn, JUNK);
}

void model_touched(unsigned how)
{
	model.touched |= how;
}

void model_policy_changed(void)
{
	zero_at_free_now = zero_at_free();
}

/* --- after a step --- */

/* Whether a frame that nobody held may have gone from one state to the other. */
static bool may_become(const struct model_frame *row, enum mm_state now)
{
	const unsigned touched = model.touched;

	switch (now) {
	case MM_STATE_ISOLATED:
		return (touched & (TOUCHED_ZERO | TOUCHED_REPORT)) != 0;
	case MM_STATE_ZERO:
		return (touched & TOUCHED_ZERO) != 0 || row->state == MM_STATE_ISOLATED;
	case MM_STATE_REPORTED:
	case MM_STATE_REPORTED_ZERO:
		return (touched & TOUCHED_REPORT) != 0 || row->state == MM_STATE_ISOLATED;
	case MM_STATE_FRESH:
		return row->fresh && row->state == MM_STATE_ISOLATED;
	case MM_STATE_DIRTY: /* what was zero is forgotten only through a device */
		return row->state == MM_STATE_ISOLATED || (touched & TOUCHED_REPORT) != 0;
	default:
		return false;
	}
}

static void look_at(struct model_frame *row)
{
	enum mm_state now = mm_frame_state(model.mm, row->pfn);

	row_cached[row - model.frames] = now == MM_STATE_CACHED;
	if (now == MM_STATE_CACHED)
		now = MM_STATE_DIRTY;
	if (now == row->state)
		return;
	if (row->state == MM_STATE_ALLOCATED || row->state == MM_STATE_UNMANAGED || !may_become(row, now))
		test_port_fail(__FILE__, __LINE__, "frame 0x%llx went from %s to %s", (unsigned long long)row->pfn,
			       mm_state_name(row->state), mm_state_name(now));
	row->state = now;
	row->fresh = now == MM_STATE_FRESH || (row->fresh && now == MM_STATE_ISOLATED);
}

/* A place in a cache; 0 is an empty one. */
static void look_soon(pfn_t pfn)
{
	const struct model_frame *row = row_of(pfn);

	CHECK(pfn == 0 || row);
	if (row)
		groups[group_of_row[row - model.frames]].look = true;
}

/* Frames that went into a cache, or out of one. */
static void find_cached(void)
{
	for (unsigned cpu = 0; cpu < model.mm->cpu_count; cpu++) {
		const uint32_t *now = model.mm->cpu[cpu].hot;
		uint32_t *was = cached[cpu];

		if (memcmp(now, was, sizeof(cached[cpu])) == 0)
			continue;
		for (unsigned i = 0; i < CACHED_FRAMES; i++) {
			if (now[i] == was[i])
				continue;
			look_soon(was[i]);
			look_soon(now[i]);
		}
		memcpy(was, now, sizeof(cached[cpu]));
	}
}

void model_step(void)
{
	find_cached();
	for (unsigned i = 0; i < group_count; i++) {
		const unsigned w = (unsigned)(model.frames[groups[i].first].pfn % AREA_FRAMES / 64);
		const struct mm_area *area = &model.mm->areas[groups[i].area];
		const struct area_bits *bits = &model.mm->bits[groups[i].area];

		if (!groups[i].look && groups[i].kind == area->kind && groups[i].pure == area->pure &&
		    memcmp(&groups[i].word, &bits->word[w], sizeof(bits->word[w])) == 0 &&
		    groups[i].isolated == bits->isolated[w] && groups[i].fresh == bits->fresh[w])
			continue;
		groups[i].look = false;
		groups[i].kind = area->kind;
		groups[i].pure = area->pure;
		groups[i].word = bits->word[w];
		groups[i].isolated = bits->isolated[w];
		groups[i].fresh = bits->fresh[w];
		for (unsigned k = groups[i].first; k < groups[i].end; k++)
			look_at(&model.frames[k]);
	}
	model.touched = 0;
}

void model_check_all(void)
{
	CHECK(mm_check(model.mm));
	for (unsigned i = 0; i < model.count; i++) {
		const struct model_frame *row = &model.frames[i];

		if (row->state == MM_STATE_ALLOCATED)
			CHECK(frame_reads(row->pfn, row->tag));
		if (row->state == MM_STATE_ZERO || row->state == MM_STATE_REPORTED_ZERO)
			CHECK(frame_reads(row->pfn, 0));
	}
}

void model_check_sums(void)
{
	uint64_t count[MM_STATE_ISOLATED + 1] = {0}, in_blocks = 0;
	struct mm_buddy_row rows[MM_ORDER_MAX + 1];
	struct mm_totals totals;

	for (unsigned i = 0; i < model.count; i++)
		count[mm_frame_state(model.mm, model.frames[i].pfn)]++;
	mm_totals(model.mm, &totals);
	CHECK(totals.managed == model.count - model.retired);
	CHECK(totals.free + totals.allocated + totals.isolated == totals.managed);
	CHECK(totals.allocated == count[MM_STATE_ALLOCATED]);
	CHECK(totals.isolated == count[MM_STATE_ISOLATED]);
	CHECK(totals.cached == count[MM_STATE_CACHED]);
	CHECK(totals.zero == count[MM_STATE_ZERO]);
	CHECK(totals.reported == count[MM_STATE_REPORTED] + count[MM_STATE_REPORTED_ZERO]);
	CHECK(totals.fresh == count[MM_STATE_FRESH]);
	mm_buddy(model.mm, rows);
	for (unsigned order = 0; order <= MM_ORDER_MAX; order++) {
		in_blocks += rows[order].free_blocks << order;
		CHECK(rows[order].zero_blocks <= rows[order].free_blocks);
		CHECK(rows[order].reported_blocks + rows[order].fresh_blocks <= rows[order].free_blocks);
	}
	CHECK(in_blocks <= totals.free && in_blocks + totals.cached >= totals.free);
}
