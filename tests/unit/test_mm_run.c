/* Runs and ladders (mm/run.h) against loops that look at every bit. */
#include "mm/run.h"
#include "tests/unit/fixture.h"
#include "tests/unit/test.h"

#define WORDS 8u

/* Words of all densities: a few bits, most of them, whole runs. */
static uint64_t random_word(uint64_t *seed)
{
	uint64_t m = fixture_random(seed, UINT64_MAX);

	switch (fixture_random(seed, 5)) {
	case 0:
		return m;
	case 1:
		return m | fixture_random(seed, UINT64_MAX);
	case 2:
		return m & fixture_random(seed, UINT64_MAX);
	case 3:
		return fixture_random(seed, 2) ? ~0ull : 0;
	default:
		m = 0;
		for (unsigned i = 0; i < 3; i++) {
			unsigned order = (unsigned)fixture_random(seed, 7);

			m |= run_mask(order) << (fixture_random(seed, 64) >> order << order);
		}
		return m;
	}
}

/* Whether the 2^order bits from bit at on, of many words, are set. */
static bool run_is_set(const uint64_t *words, unsigned at, unsigned order)
{
	for (unsigned i = at; i < at + (1u << order); i++)
		if ((words[i / 64] >> (i % 64) & 1) == 0)
			return false;
	return true;
}

/* 0, or 1 + the order of the largest aligned run in so many bits. */
static unsigned naive_fit(const uint64_t *words, unsigned bits)
{
	unsigned fit = 0;

	for (unsigned order = 0; (1u << order) <= bits; order++)
		for (unsigned at = 0; at < bits; at += 1u << order)
			fit = run_is_set(words, at, order) ? order + 1 : fit;
	return fit;
}

TEST(mm_run, runs_in_a_word)
{
	uint64_t seed = test_port_seed();

	test_port_note("seed %llu", (unsigned long long)seed);
	for (unsigned round = 0; round < 500; round++) {
		uint64_t m = random_word(&seed);

		CHECK_EQ(run_fit(m), naive_fit(&m, 64));
		for (unsigned order = 0; order <= 6; order++) {
			uint64_t starts = 0, single = 0;

			for (unsigned at = 0; at < 64; at += 1u << order) {
				if (!run_is_set(&m, at, order))
					continue;
				starts |= BIT(at);
				if (order == 6 || !run_is_set(&m, at ^ (1u << order), order))
					single |= BIT(at);
			}
			CHECK_EQ(run_find(m, order), starts);
			/* one whose buddy isn't free, so that larger runs stay */
			if (starts != 0)
				CHECK_EQ(run_best(m, order), bit_first(single != 0 ? single : starts));
		}
	}
}

TEST(mm_run, ladders_of_8_words)
{
	uint64_t seed = test_port_seed();

	test_port_note("seed %llu", (unsigned long long)seed);
	for (unsigned round = 0; round < 500; round++) {
		uint64_t words[WORDS], ladder = LADDER_EMPTY;
		unsigned fit;

		for (unsigned w = 0; w < WORDS; w++) {
			words[w] = fixture_random(&seed, 3) ? ~0ull : random_word(&seed);
			ladder = ladder_set(ladder, w, run_fit(random_word(&seed))); /* what it was before */
		}
		for (unsigned w = 0; w < WORDS; w++)
			ladder = ladder_set(ladder, w, run_fit(words[w]));
		fit = naive_fit(words, 64 * WORDS);
		CHECK_EQ(ladder_fit(ladder), fit);
		/* the word with the smallest largest run that suffices, the first of them */
		for (unsigned order = 0; order <= 6 && order < fit; order++) {
			unsigned best = WORDS;

			for (unsigned w = 0; w < WORDS; w++)
				if (run_fit(words[w]) > order &&
				    (best == WORDS || run_fit(words[w]) < run_fit(words[best])))
					best = w;
			CHECK_EQ(ladder_best(ladder, order), best);
		}
		/* full words, two or four: first those that aren't half of a larger run */
		for (unsigned order = 7; order <= 8 && order < fit; order++) {
			unsigned step = 1u << (order - 6), best = WORDS;

			for (unsigned w = 0; w < WORDS; w += step)
				if (run_is_set(words, w * 64, order) &&
				    (best == WORDS || (order == 7 && run_is_set(words, best / 4 * 256, 8) &&
						       !run_is_set(words, w / 4 * 256, 8))))
					best = w;
			CHECK_EQ(ladder_best_words(ladder, order), best);
		}
	}
}
