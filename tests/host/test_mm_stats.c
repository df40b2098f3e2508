/* The rows of mm's stats, against operations whose counts are known. They are of mm_system, which on the host is an
 * allocator like any other, set up here. */
#include <stdlib.h>
#include <string.h>

#include "kernel/shell/sorted.h"
#include "mm/state.h"
#include "mm/zero.h"
#include "tests/unit/fixture.h"

static void *meta;

static void system_begin(void)
{
	static const struct mm_range range = {.start = 4096, .end = 4096 + 2048, .fresh = MM_FRESH_DIRTY};
	const size_t bytes = mm_meta_bytes(&range, 1);

	fixture_quiet();
	meta = aligned_alloc(64, (bytes + 63) & ~63ul);
	CHECK_EQ(mm_init(&mm_system, &range, 1, meta, bytes), 0);
}

static void system_end(void)
{
	memset((void *)&mm_system, 0, sizeof(mm_system));
	free(meta);
}

static uint64_t stat(const char *name)
{
	const struct stat_row *row = TABLE_FIND(stat, name);

	CHECK(row);
	return stat_value(row);
}

TEST(mm_stats, frames_are_free_cached_or_somebodys)
{
	system_begin();
	mm_cache_enable(&mm_system, MM_ON);
	CHECK_EQ(stat("mm.managed_frames"), 2048);
	CHECK_EQ(stat("mm.free_frames"), 2048);
	pfn_t pfn = mm_alloc(&mm_system, 0, MM_ANY);
	mm_free(&mm_system, pfn, 0);
	CHECK(stat("mm.cached_frames") > 0);
	CHECK_EQ(stat("mm.free_frames"), 2048);
	CHECK_EQ(stat("mm.allocated_frames"), 0);
	mm_alloc(&mm_system, 10, MM_ANY);
	CHECK_EQ(stat("mm.allocated_frames"), 1024);
	CHECK_EQ(stat("mm.free_frames"), 1024);
	mm_drain(&mm_system);
	CHECK_EQ(stat("mm.cached_frames"), 0);
	CHECK_EQ(stat("mm.free_frames"), 1024);
	system_end();
}

TEST(mm_stats, calls_are_counted_and_refusals)
{
	system_begin();
	mm_cache_enable(&mm_system, MM_ON);
	pfn_t pfn = mm_alloc(&mm_system, 0, MM_ANY);
	mm_free(&mm_system, pfn, 0);
	mm_alloc(&mm_system, 0, MM_ANY);
	CHECK_EQ(mm_alloc(&mm_system, 11, MM_ANY), MM_PFN_NONE);
	CHECK_EQ(stat("mm.alloc_calls"), 3);
	CHECK_EQ(stat("mm.alloc_failed"), 1);
	CHECK_EQ(stat("mm.free_calls"), 1);
	CHECK_EQ(stat("mm.hot_hits"), 1);
	system_end();
}

TEST(mm_stats, zeroing_is_counted_where_it_happens)
{
	system_begin();
	pfn_t pfn = mm_alloc(&mm_system, 3, MM_ZERO_COLD);
	CHECK_EQ(stat("zero.miss_frames"), 8);
	CHECK_EQ(stat("zero.alloc_frames"), 8);
	CHECK_EQ(stat("zero.hit_frames"), 0);
	fixture_knob_word("zero.policy", "free");
	mm_free(&mm_system, pfn, 3);
	CHECK_EQ(stat("zero.free_frames"), 8);
	mm_alloc(&mm_system, 3, MM_ZERO_COLD);
	CHECK_EQ(stat("zero.hit_frames"), 8);
	mm_free(&mm_system, pfn, 3);
	fixture_knob_word("zero.policy", "alloc");
	for (unsigned i = 0; i < 4; i++) /* all there is, the 8 zero frames with it */
		mm_alloc(&mm_system, 9, MM_ANY);
	CHECK_EQ(stat("zero.wasted_frames"), 8);
	/* The clock stands still while the test doesn't say otherwise. */
	CHECK_EQ(stat("zero.alloc_ns") + stat("zero.free_ns"), 0);
	system_end();
}

/* Each CPU counts for itself: a row is the sum, and 0 while there is no allocator yet. */
TEST(mm_stats, calls_of_all_cpus_are_added_up)
{
	pfn_t pfns[3];

	CHECK_EQ(stat("mm.alloc_calls"), 0);
	CHECK_EQ(stat("zero.miss_frames"), 0);
	host_cpus = 3;
	system_begin();
	mm_cache_enable(&mm_system, MM_OFF);
	for (host_cpu = 0; host_cpu < host_cpus; host_cpu++) {
		pfns[host_cpu] = mm_alloc(&mm_system, host_cpu, MM_ZERO_COLD);
		for (unsigned i = 0; i < host_cpu; i++)
			CHECK_EQ(mm_alloc(&mm_system, 11, MM_ANY), MM_PFN_NONE);
	}
	host_cpu = 0;
	for (unsigned i = 0; i < 3; i++)
		mm_free(&mm_system, pfns[i], i);
	CHECK_EQ(stat("mm.alloc_calls"), 3 + 0 + 1 + 2);
	CHECK_EQ(stat("mm.alloc_failed"), 0 + 1 + 2);
	CHECK_EQ(stat("mm.free_calls"), 3);
	CHECK_EQ(stat("zero.miss_frames"), 1 + 2 + 4);
	system_end();
	CHECK_EQ(stat("mm.alloc_calls"), 0);
}
