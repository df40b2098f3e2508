/* Random places: every one that is as good as the best may be taken, nothing else is, and a seed repeats it all. That
 * what is better goes first all the same is test_mm_prefer.c's, that nothing gets lost test_mm_random.c's.
 */
#include <string.h>

#include "mm/state.h"
#include "tests/unit/fixture.h"

#define FRAMES 8192u
#define AREAS  (FRAMES / AREA_FRAMES)

/* A machine of dirty frames, its caches off, which chooses by chance from this seed on. */
static struct mm *shuffled(uint64_t seed)
{
	struct mm *mm;

	fixture_end();
	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	mm_cache_enable(mm, MM_OFF);
	mm_shuffle(mm, MM_ON, seed);
	return mm;
}

TEST(mm_shuffle, every_place_that_is_as_good_is_taken_in_the_end)
{
	static bool area[AREAS], word[AREA_WORDS], bit[64], whole[AREAS], words[4], pair[4];

	memset(area, 0, sizeof(area));
	memset(word, 0, sizeof(word));
	memset(bit, 0, sizeof(bit));
	memset(whole, 0, sizeof(whole));
	memset(words, 0, sizeof(words));
	memset(pair, 0, sizeof(pair));
	/* All is given back each time: an allocator of its own for each seed would be filled and read 600 times. */
	struct mm *mm = shuffled(1);
	const pfn_t base = fixture_base();
	for (uint64_t seed = 1; seed <= 600; seed++) {
		mm_shuffle(mm, MM_ON, seed);
		pfn_t pfn = mm_alloc(mm, 0, MM_ANY);
		area[(pfn - base) / AREA_FRAMES] = word[pfn / 64 % AREA_WORDS] = bit[pfn % 64] = true;
		mm_free(mm, pfn, 0);
		mm_drain(mm);
	}
	for (uint64_t seed = 1; seed <= 150; seed++) {
		mm_shuffle(mm, MM_ON, seed);
		pfn_t pfn = mm_alloc(mm, 9, MM_ANY), large = mm_alloc(mm, 11, MM_ANY), small = mm_alloc(mm, 7, MM_ANY);
		whole[(pfn - base) / AREA_FRAMES] = true;
		pair[(large - base) / (4 * AREA_FRAMES)] = true;
		words[(small - base) / 128 % 4] = true;
		mm_free(mm, pfn, 9);
		mm_free(mm, large, 11);
		mm_free(mm, small, 7);
		mm_drain(mm);
	}
	CHECK(!memchr(area, 0, sizeof(area)));
	CHECK(!memchr(word, 0, sizeof(word)));
	CHECK(!memchr(bit, 0, sizeof(bit)));
	CHECK(!memchr(whole, 0, sizeof(whole)));
	CHECK(!memchr(words, 0, sizeof(words)));
	CHECK(!memchr(pair, 0, sizeof(pair)));
}

static void some_work(uint64_t seed, pfn_t pfns[64])
{
	struct mm *mm = shuffled(seed);

	for (unsigned i = 0; i < 64; i++) {
		pfns[i] = mm_alloc(mm, i % 11, MM_ANY) - fixture_base();
		if (i % 3 == 2)
			mm_free(mm, pfns[i - 1] + fixture_base(), (i - 1) % 11);
	}
	CHECK_MM(mm);
}

TEST(mm_shuffle, a_seed_repeats_what_it_did_and_another_one_does_not)
{
	pfn_t first[64], again[64], other[64];

	some_work(5, first);
	some_work(5, again);
	some_work(6, other);
	CHECK(memcmp(first, again, sizeof(first)) == 0);
	CHECK(memcmp(first, other, sizeof(first)) != 0);
}

TEST(mm_shuffle, the_best_fit_is_taken_and_areas_fill_up_one_by_one)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct mm *mm = shuffled(seed);
		pfn_t base = fixture_base(), area;

		CHECK_EQ(mm_take_range(mm, base, AREA_FRAMES), 0);
		mm_free(mm, base + 100, 0);
		mm_free(mm, base + 101, 0);
		mm_free(mm, base + 103, 0);
		mm_free(mm, base + 300, 0);
		CHECK_EQ(mm_alloc(mm, 1, MM_ANY), base + 100);
		mm_free(mm, base + 100, 1);
		CHECK_EQ(mm_alloc(mm, 0, MM_ANY), base + 300);
		CHECK_EQ(mm_alloc(mm, 0, MM_ANY), base + 103);
		CHECK_EQ(mm_alloc(mm, 0, MM_ANY) & ~(pfn_t)1, base + 100);
		(void)mm_alloc(mm, 0, MM_ANY);
		area = mm_alloc(mm, 0, MM_ANY) / AREA_FRAMES;
		for (unsigned i = 1; i < AREA_FRAMES; i++)
			CHECK_EQ(mm_alloc(mm, 0, MM_ANY) / AREA_FRAMES, area);
		CHECK(mm_alloc(mm, 0, MM_ANY) / AREA_FRAMES != area);
		CHECK_MM(mm);
	}
}

TEST(mm_shuffle, frames_taken_together_are_the_same_in_another_order)
{
	struct mm *mm = shuffled(3);
	pfn_t pfns[64], base = fixture_base();
	uint64_t seen = 0;
	bool in_order = true;

	CHECK_EQ(mm_take_range(mm, base, AREA_FRAMES - 64), 0);
	CHECK(mm_alloc_bulk(mm, 0, MM_ANY, 64, pfns));
	for (unsigned i = 0; i < 64; i++) {
		CHECK(pfns[i] >= base + AREA_FRAMES - 64 && pfns[i] < base + AREA_FRAMES);
		seen |= 1ull << (pfns[i] - base) % 64;
		in_order &= i == 0 || pfns[i] > pfns[i - 1];
	}
	CHECK_EQ(seen, ~0ull);
	CHECK(!in_order);
	CHECK_MM(mm);
}

TEST(mm_shuffle, what_a_cpu_takes_ahead_comes_in_no_order_either)
{
	struct mm *mm = shuffled(4);
	pfn_t last = 0, pfn;
	unsigned steps_up = 0;

	mm_cache_enable(mm, MM_ON);
	for (unsigned i = 0; i < 256; i++) {
		pfn = mm_alloc(mm, 0, MM_ANY);
		steps_up += pfn == last + 1;
		last = pfn;
	}
	CHECK(steps_up < 64);
	CHECK_MM(mm);
}

TEST(mm_shuffle, off_it_is_the_first_place_again)
{
	struct mm *mm = shuffled(7);
	pfn_t pfn = mm_alloc(mm, 3, MM_ANY);

	mm_free(mm, pfn, 3);
	mm_shuffle(mm, MM_OFF, 0);
	mm_drain(mm);
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY), fixture_base());
	CHECK_EQ(mm_alloc(mm, 3, MM_ANY), fixture_base() + AREA_FRAMES);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), fixture_base() + AREA_FRAMES + 8);
	CHECK_MM(mm);
}
