/* Calls whose work is done in several holds of the lock: what others do in between must not break them. */
#include <pthread.h>
#include <unistd.h>

#include "host.h"
#include "mm/state.h"
#include "tests/unit/fixture.h"

#define BASE   ((pfn_t)1 << 18)
#define AREAS  300u
#define FRAMES (AREAS * AREA_FRAMES)
#define RANGE  (260u * AREA_FRAMES)

static struct mm *shared;
static unsigned over; /* (A) */

/* Takes single frames out of the range and gives them back, and does neither for as long. */
static void *nibble(void *arg)
{
	uint64_t seed = 7;
	const pfn_t base = *(pfn_t *)arg;

	host_cpu = 1;
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		const pfn_t pfn = base + fixture_random(&seed, RANGE);
		const bool taken = mm_take_range(shared, pfn, 1) == 0;
		usleep(50);
		if (taken)
			mm_free(shared, pfn, 0);
		usleep(50);
	}
	mm_drain(shared);
	return NULL;
}

TEST(mm_holds, a_range_is_had_whole_or_not_at_all_while_others_take_frames_of_it)
{
	static const struct mm_range ranges[] = {{BASE, BASE + 200 * AREA_FRAMES, MM_FRESH_DIRTY},
						 {BASE + 200 * AREA_FRAMES, BASE + FRAMES, MM_FRESH_UNKNOWN}};
	unsigned had = 0, refused = 0;
	pthread_t thread;
	pfn_t base;

	host_cpus = 2;
	fixture_quiet();
	shared = fixture_mm_at(ranges, ARRAY_LEN(ranges));
	base = BASE;
	mm_cache_enable(shared, MM_OFF);
	over = 0;
	CHECK_EQ(pthread_create(&thread, NULL, nibble, &base), 0);
	for (unsigned round = 0; round < 20000 && (had < 1 || refused < 10); round++) {
		struct mm_totals totals;

		if (mm_take_range(shared, base + 100, RANGE - 200) != 0) {
			refused++;
			continue;
		}
		had++;
		mm_totals(shared, &totals);
		CHECK(totals.allocated >= RANGE - 200);
		for (pfn_t pfn = base + 100; pfn < base + RANGE - 100; pfn++)
			mm_free(shared, pfn, 0);
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(had != 0);
	CHECK_MM(shared);
	CHECK_EQ(shared->free, FRAMES);
	/* refused ones have given back what they had, as it was */
	CHECK_EQ(fixture_count(shared, base + RANGE, FRAMES - RANGE, MM_STATE_FRESH), FRAMES - RANGE);
}

/* As much as several holds, one frame of which is somebody's. */
TEST(mm_holds, a_range_with_a_frame_of_somebody_else_in_its_last_piece_is_left_as_it_was)
{
	static const struct mm_range all = {BASE, BASE + FRAMES, MM_FRESH_UNKNOWN};
	struct mm *mm;
	struct mm_totals before, after;

	fixture_quiet();
	mm = fixture_mm_at(&all, 1);
	CHECK_EQ(mm_take_range(mm, BASE + RANGE - 1, 1), 0);
	mm_totals(mm, &before);
	CHECK_EQ(mm_take_range(mm, BASE, RANGE), -1);
	mm_totals(mm, &after);
	CHECK_EQ(after.fresh, before.fresh);
	CHECK_EQ(after.allocated, 1);
	CHECK_MM(mm);
}

/* Blocks of many areas in one call: more than a hold's worth, given back when there is one too few. */
TEST(mm_holds, bulk_calls_of_large_blocks)
{
	static const struct mm_range all = {BASE, BASE + 4 * 128 * AREA_FRAMES, MM_FRESH_UNKNOWN};
	pfn_t pfns[5];
	struct mm *mm;

	fixture_quiet();
	mm = fixture_mm_at(&all, 1);
	CHECK(!mm_alloc_bulk(mm, 16, MM_ANY, 5, pfns));
	CHECK_EQ(mm->fresh, 4 * 128 * AREA_FRAMES);
	CHECK(mm_alloc_bulk(mm, 16, MM_ANY, 4, pfns));
	CHECK_EQ(mm->free, 0);
	mm_free_bulk(mm, 16, 4, pfns);
	CHECK_EQ(mm->free, 4 * 128 * AREA_FRAMES);
	CHECK_MM(mm);
}
