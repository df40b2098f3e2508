/* Random operations against a naive model: those that the fuzz target alloc takes from its input (model_ops.h), here of
 * random bytes, on the host and in the guest.
 */
#include "tests/unit/fixture.h"
#include "tests/unit/model_ops.h"
#include "tests/unit/naive.h"

#define FRAMES	    2048u
#define INPUT_BYTES 2048u
#define NAIVE_EVERY 64u
#define PASS_NS_MAX 1000000u /* in the guest time passes by waiting */
#define SHUFFLED    1u
#define FULL_AREAS  2u

/* With holes of 10 frames and one, so that areas are partly somebody else's. */
static const struct mm_range ranges[] = {{0, 400, MM_FRESH_DIRTY},
					 {410, 900, MM_FRESH_REPORTED},
					 {900, 1500, MM_FRESH_UNKNOWN},
					 {1501, FRAMES, MM_FRESH_DIRTY}};

static void pass_ns(uint64_t ns)
{
	test_port_pass_ns(ns < PASS_NS_MAX ? ns : PASS_NS_MAX);
}

static const struct model_machine machine = {.pass_ns = pass_ns};

/* All knobs that operations turn are set back after the test. */
static void quiet(uint64_t seed, unsigned how)
{
	fixture_quiet();
	fixture_knob("mm.shuffle_seed", seed);
	fixture_knob_word("mm.shuffle", how & SHUFFLED ? "on" : "off");
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 20);
	fixture_knob("zero.high_pct", 60);
	fixture_knob("zero.batch_frames", 24);
	fixture_knob("zero.delay_ms", 0);
	fixture_knob("zero.rate_mbps", 0);
	fixture_knob("report.order", 4);
	fixture_knob("report.batch", 6);
	fixture_knob("report.reserve_pct", 10);
	fixture_knob("report.delay_ms", 0);
	fixture_knob("report.timeout_ms", 1);
	fixture_knob("report.rate_mbps", 0);
}

static void begin(void)
{
	struct mm *mm = fixture_mm_ranges(FRAMES, ranges, ARRAY_LEN(ranges));
	struct model_frame *frames = fixture_bytes(FRAMES * sizeof(*frames));
	struct model_block *held = fixture_bytes(MODEL_HELD_MAX * sizeof(*held));
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		for (pfn_t pfn = ranges[i].start; pfn < ranges[i].end; pfn++)
			frames[count++].pfn = fixture_base() + pfn;
	model_begin(mm, frames, count, held);
}

/* Fills the first areas with blocks of order 0, so that frees make holes in full areas. */
static void take_frames(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		CHECK_EQ(mm_take_range(model.mm, model.frames[i].pfn, 1), 0);
		model_hold(model.frames[i].pfn, 0, MM_ANY);
	}
}

static void run(uint64_t seed, unsigned how)
{
	uint8_t *bytes;
	struct choices choices;

	test_port_note("seed %llu", (unsigned long long)seed);
	fixture_end();
	quiet(seed, how);
	begin();
	bytes = fixture_bytes(INPUT_BYTES);
	for (unsigned i = 0; i < INPUT_BYTES; i++)
		bytes[i] = (uint8_t)fixture_random(&seed, 256);
	choices = choices_of(bytes, INPUT_BYTES);
	mm_cache_enable(model.mm, choice_below(&choices, 2));
	model_ops_begin(&choices, &machine, 0);
	if (how & FULL_AREAS)
		take_frames(1000);
	for (unsigned step = 0; model_ops_step(); step++) {
		CHECK_MM(model.mm);
		if (step % NAIVE_EVERY == 0)
			naive_check_buddy(model.mm, fixture_base(), FRAMES);
	}
	model_ops_end();
	naive_check_buddy(model.mm, fixture_base(), FRAMES);
	CHECK_MM(model.mm);
}

static void run_each_way(uint64_t seed)
{
	for (unsigned how = 0; how < 2 * FULL_AREAS; how++)
		run(seed + how, how);
}

TEST(mm_random, operations_of_a_fixed_seed_agree_with_the_model)
{
	run_each_way(1);
}

TEST(mm_random, operations_of_a_fresh_seed_agree_with_the_model)
{
	run_each_way(test_port_seed());
}
