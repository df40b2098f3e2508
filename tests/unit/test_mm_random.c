/* Random operations against a naive model: one byte of state for each frame, and what the test wrote into it.
 *
 * The model doesn't know which block is the best one. It knows which frames may be given out, which states may follow
 * from which, when a request must succeed, and what every frame must contain; everything else mm_check knows. */
#include <string.h>

#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/naive.h"

#define FRAMES	  2048u
#define HELD_MAX  FRAMES
#define ORDER_MAX 10u

struct held {
	pfn_t pfn;
	unsigned order;
};

static struct model {
	struct mm *mm;
	struct fake_sink *fake;
	pfn_t base;
	uint64_t seed;
	unsigned step;
	unsigned held_count;
	bool zero_at_free;
	unsigned char *state;	/* mm_state of each frame after the last step; cached counts as dirty */
	unsigned char *touched; /* in this step: 1 zeroing may have run, 2 reporting may have, 4 was owned in it */
	uint32_t *tag;		/* what the first bytes of an allocated frame must read */
	struct held *held;
} model;

static unsigned random_below(uint64_t limit)
{
	return (unsigned)fixture_random(&model.seed, limit);
}

static unsigned char *state_of(pfn_t pfn)
{
	return &model.state[pfn - model.base];
}

/* Gives every frame of a block of ours contents of its own. */
static void mark(pfn_t pfn, unsigned order)
{
	for (pfn_t f = pfn; f < pfn + ((pfn_t)1 << order); f++) {
		uint32_t *at = mm_port_frame(f);

		model.tag[f - model.base] = 0x80000000u | random_below(1u << 30);
		at[0] = model.tag[f - model.base];
		at[FRAME_SIZE / sizeof(*at) - 1] = ~at[0];
	}
}

static void check_mark(pfn_t pfn, unsigned order)
{
	for (pfn_t f = pfn; f < pfn + ((pfn_t)1 << order); f++) {
		const uint32_t *at = mm_port_frame(f);

		CHECK_EQ(at[0], model.tag[f - model.base]);
		CHECK_EQ(at[FRAME_SIZE / sizeof(*at) - 1], (uint32_t)~at[0]);
	}
}

static void hold(pfn_t pfn, unsigned order, bool zero)
{
	CHECK(pfn >= model.base);
	CHECK(pfn + ((pfn_t)1 << order) <= model.base + FRAMES);
	CHECK_EQ(pfn & (((pfn_t)1 << order) - 1), 0);
	for (pfn_t f = pfn; f < pfn + ((pfn_t)1 << order); f++) {
		CHECK(*state_of(f) != MM_STATE_ALLOCATED);
		CHECK(*state_of(f) != MM_STATE_UNMANAGED);
		*state_of(f) = MM_STATE_ALLOCATED;
		model.touched[f - model.base] |= 4;
	}
	if (zero)
		CHECK(fixture_is(pfn, (size_t)1 << order, 0));
	fake_used(model.fake, pfn, (size_t)1 << order);
	mark(pfn, order);
	CHECK(model.held_count < HELD_MAX);
	model.held[model.held_count++] = (struct held){pfn, order};
}

static struct held drop(unsigned i)
{
	struct held held = model.held[i];

	check_mark(held.pfn, held.order);
	model.held[i] = model.held[--model.held_count];
	for (pfn_t f = held.pfn; f < held.pfn + ((pfn_t)1 << held.order); f++) {
		*state_of(f) = model.zero_at_free ? MM_STATE_ZERO : MM_STATE_DIRTY;
		model.touched[f - model.base] |= 4;
	}
	return held;
}

static void everything_touched(unsigned char how)
{
	for (size_t i = 0; i < FRAMES; i++)
		model.touched[i] |= how;
}

static void do_alloc(void)
{
	static const unsigned wants[] = {MM_ANY, MM_ZERO_COLD, MM_ZERO_HOT};
	unsigned order = random_below(3) ? random_below(4) : random_below(ORDER_MAX + 2);
	unsigned want = wants[random_below(3)];
	bool possible = naive_has_block(model.mm, model.base, FRAMES, order);
	pfn_t pfn;

	if (model.held_count == HELD_MAX)
		return;
	pfn = mm_alloc(model.mm, order, want);
	CHECK_EQ(pfn != MM_PFN_NONE, possible);
	everything_touched(1 | 2); /* batches may have come back for it */
	if (pfn != MM_PFN_NONE)
		hold(pfn, order, want != MM_ANY);
}

static void do_bulk_alloc(void)
{
	static const unsigned wants[] = {MM_ANY, MM_ZERO_COLD, MM_ZERO_HOT};
	unsigned order = random_below(6), count = random_below(20);
	unsigned want = wants[random_below(3)];
	pfn_t pfns[20];

	if (model.held_count + count > HELD_MAX)
		return;
	everything_touched(1 | 2);
	if (!mm_alloc_bulk(model.mm, order, want, count, pfns))
		return;
	for (unsigned i = 0; i < count; i++)
		hold(pfns[i], order, want != MM_ANY);
}

static void do_free(void)
{
	struct held held;

	if (!model.held_count)
		return;
	held = drop(random_below(model.held_count));
	mm_free(model.mm, held.pfn, held.order);
}

static void do_bulk_free(void)
{
	pfn_t pfns[20];
	unsigned n = 0, order;

	if (!model.held_count)
		return;
	order = model.held[random_below(model.held_count)].order;
	for (unsigned i = 0; i < model.held_count && n < ARRAY_LEN(pfns);) {
		if (model.held[i].order == order)
			pfns[n++] = drop(i).pfn;
		else
			i++;
	}
	mm_free_bulk(model.mm, order, n, pfns);
}

static void do_split(void)
{
	struct held held;
	unsigned to, at;

	if (!model.held_count)
		return;
	held = model.held[at = random_below(model.held_count)];
	to = held.order ? held.order - 1 - random_below(held.order > 3 ? 3 : held.order) : 0;
	if (model.held_count + (1u << (held.order - to)) > HELD_MAX)
		return;
	mm_split(model.mm, held.pfn, held.order, to);
	model.held[at].order = to;
	for (pfn_t pfn = held.pfn + ((pfn_t)1 << to); pfn < held.pfn + ((pfn_t)1 << held.order); pfn += (pfn_t)1 << to)
		model.held[model.held_count++] = (struct held){pfn, to};
}

static void do_take_range(void)
{
	pfn_t start = model.base + random_below(FRAMES);
	unsigned count = 1 + random_below(12);
	bool possible = start + count <= model.base + FRAMES;

	if (model.held_count + count > HELD_MAX)
		return;
	for (pfn_t f = start; possible && f < start + count; f++)
		possible = *state_of(f) != MM_STATE_ALLOCATED && *state_of(f) != MM_STATE_UNMANAGED &&
			   *state_of(f) != MM_STATE_ISOLATED;
	everything_touched(1 | 2);
	if (mm_take_range(model.mm, start, count) != 0) {
		CHECK(!possible);
		return;
	}
	for (pfn_t f = start; f < start + count; f++)
		hold(f, 0, false);
}

static void do_retire(void)
{
	pfn_t pfn = model.base + random_below(FRAMES);

	if (random_below(20) || *state_of(pfn) == MM_STATE_ALLOCATED)
		return;
	everything_touched(1 | 2);
	CHECK_EQ(mm_retire(model.mm, pfn), *state_of(pfn) == MM_STATE_UNMANAGED ? -1 : 0);
	*state_of(pfn) = MM_STATE_UNMANAGED;
}

static void do_zero(void)
{
	uint64_t wake;

	everything_touched(1);
	switch (random_below(12)) {
	case 0:
		zero_now(model.mm);
		break;
	case 1:
		zero_pause(model.mm);
		break;
	case 2:
		zero_resume(model.mm);
		break;
	default:
		(void)zero_idle(model.mm, &wake);
	}
}

static void do_report(void)
{
	static const enum fake_answer answers[] = {FAKE_ACCEPT,	 FAKE_ACCEPT,	  FAKE_ACCEPT, FAKE_ACCEPT,
						   FAKE_DECLINE, FAKE_OUTOFORDER, FAKE_REFUSE};

	everything_touched(2);
	model.fake->answer = answers[random_below(ARRAY_LEN(answers))];
	if (random_below(30) == 0)
		report_now(model.mm);
	(void)report_step(model.mm);
	if (random_below(8) == 0)
		test_port_pass_ns(1000000);
}

static void do_policy(void)
{
	static const char *const policies[] = {"idle", "alloc", "free"};
	unsigned policy = random_below(3);

	if (random_below(10))
		return;
	fixture_knob_word("zero.policy", policies[policy]);
	model.zero_at_free = policy == ZERO_POLICY_FREE;
}

/* Compares every frame with what may have become of it in this step. */
static void check_frames(void)
{
	for (size_t i = 0; i < FRAMES; i++) {
		enum mm_state now = mm_frame_state(model.mm, model.base + i), was = (enum mm_state)model.state[i];
		unsigned char how = model.touched[i];

		if (now == MM_STATE_CACHED)
			now = MM_STATE_DIRTY;
		model.touched[i] = 0;
		if (now == was)
			continue;
		model.state[i] = (unsigned char)now;
		if (was == MM_STATE_ALLOCATED || was == MM_STATE_UNMANAGED || now == MM_STATE_ALLOCATED ||
		    now == MM_STATE_UNMANAGED || !(how & (1 | 2)))
			test_port_fail(__FILE__, __LINE__, "step %u: frame %zu went from %s to %s", model.step, i,
				       mm_state_name(was), mm_state_name(now));
		if (now == MM_STATE_ZERO)
			CHECK(was == MM_STATE_ISOLATED || (how & 1));
		/* only the host's answer makes memory reported, and only to what it was given */
		if (now == MM_STATE_REPORTED && was != MM_STATE_ISOLATED)
			CHECK(how & 2);
		if (now == MM_STATE_ZERO || now == MM_STATE_DIRTY)
			fake_used(model.fake, model.base + i, 1);
	}
}

/* What is said to be zero is zero. */
static void check_zero_frames(void)
{
	for (size_t i = 0; i < FRAMES; i++) {
		if (model.state[i] == MM_STATE_ZERO)
			CHECK(fixture_is(model.base + i, 1, 0));
	}
}

/* Fills the first areas with blocks of order 0, so that frees make holes in full areas. */
static void take_frames(size_t frames)
{
	for (pfn_t pfn = model.base; pfn < model.base + frames; pfn++) {
		if (*state_of(pfn) == MM_STATE_UNMANAGED)
			continue;
		CHECK_EQ(mm_take_range(model.mm, pfn, 1), 0);
		hold(pfn, 0, false);
	}
}

static void run(uint64_t seed, unsigned steps, const char *shuffle)
{
	static const struct mm_range ranges[] = {
		{0, 400, MM_FRESH_DIRTY}, {410, 1500, MM_FRESH_REPORTED}, {1501, FRAMES, MM_FRESH_DIRTY}};
	static void (*const operations[])(void) = {
		do_alloc, do_alloc,	 do_alloc,  do_free, do_free, do_free,	 do_bulk_alloc, do_bulk_free,
		do_split, do_take_range, do_retire, do_zero, do_zero, do_report, do_report,	do_policy};

	test_port_note("seed %llu", (unsigned long long)seed);
	fixture_end();
	fixture_quiet();
	fixture_knob("mm.shuffle_seed", seed);
	fixture_knob_word("mm.shuffle", shuffle);
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 20);
	fixture_knob("zero.high_pct", 60);
	fixture_knob("zero.batch_frames", 24);
	fixture_knob("report.order", 4);
	fixture_knob("report.batch", 6);
	fixture_knob("report.reserve_pct", 10);
	memset(&model, 0, sizeof(model));
	model.seed = seed;
	model.mm = fixture_mm_ranges(FRAMES, ranges, ARRAY_LEN(ranges));
	model.base = fixture_base();
	model.state = fixture_bytes(FRAMES);
	model.touched = fixture_bytes(FRAMES);
	model.tag = fixture_bytes(FRAMES * sizeof(*model.tag));
	model.held = fixture_bytes(HELD_MAX * sizeof(*model.held));
	model.fake = fake_sink(FRAMES, 4, 2);
	model.fake->order = 4;
	model.fake->scribble = true;
	CHECK_EQ(report_register(model.mm, &model.fake->sink), 0);
	for (size_t i = 0; i < FRAMES; i++)
		model.state[i] = (unsigned char)mm_frame_state(model.mm, model.base + i);
	mm_cache_enable(model.mm, random_below(2) != 0);
	take_frames(random_below(3) * 512);
	for (model.step = 0; model.step < steps; model.step++) {
		operations[random_below(ARRAY_LEN(operations))]();
		check_frames();
		CHECK_MM(model.mm);
		if (model.step % 16 == 0)
			check_zero_frames();
		if (model.step % 64 == 0)
			naive_check_buddy(model.mm, model.base, FRAMES);
	}
	while (model.held_count) {
		struct held held = drop(model.held_count - 1);

		mm_free(model.mm, held.pfn, held.order);
		check_frames();
	}
	model.fake->answer = FAKE_ACCEPT;
	CHECK_EQ(report_unregister(model.mm, &model.fake->sink), 0);
	zero_pause(model.mm);
	naive_check_buddy(model.mm, model.base, FRAMES);
	CHECK_MM(model.mm);
}

TEST(mm_random, operations_of_a_fixed_seed_agree_with_the_model)
{
	run(1, 2000, "off");
	run(1, 1000, "on");
}

TEST(mm_random, operations_of_a_fresh_seed_agree_with_the_model)
{
	uint64_t seed = test_port_seed();

	run(seed, 2000, "off");
	run(seed + 1, 1000, "on");
}
