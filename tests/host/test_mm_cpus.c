/* What a CPU sees of another one: changes half way, since frees look at a block without the lock first, and frames that
 * the other one keeps. */
#include <pthread.h>
#include <unistd.h>

#include "host.h"
#include "mm/report.h"
#include "mm/state.h"
#include "tests/unit/fixture.h"

static struct mm *shared;
static pfn_t shared_pfn;

static void *free_in_thread(void *arg)
{
	(void)arg;
	host_cpu = 1;
	mm_free(shared, shared_pfn, 0);
	return NULL;
}

/* The frame after ours is on its way from free to isolated: for a moment it looks like a part of our block. */
TEST(mm_cpus, a_neighbour_on_its_way_makes_no_wrong_order)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);
	struct mm_word *word;
	pthread_t thread;

	shared = mm;
	shared_pfn = fixture_base() + 2;
	CHECK_EQ(mm_take_range(mm, shared_pfn, 1), 0);
	word = &mm->bits[0].word[0];
	CHECK_EQ(word->free >> 2 & 3, 2);
	mm_port_lock(&mm->lock);
	word->free &= ~8ull;
	CHECK_EQ(pthread_create(&thread, NULL, free_in_thread, NULL), 0);
	usleep(20000);
	word->free |= 8;
	mm_port_unlock(&mm->lock);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(mm_frame_state(mm, shared_pfn) != MM_STATE_ALLOCATED);
	CHECK_MM(mm);
}

/* Frees a frame into a CPU's cache; its area has no other free frame, or hardly any, so that it counts as hot. */
static void free_on(struct mm *mm, unsigned cpu, pfn_t pfn)
{
	host_cpu = cpu;
	mm_free(mm, pfn, 0);
	CHECK_EQ(mm_frame_state(mm, pfn), MM_STATE_CACHED);
}

TEST(mm_cpus, a_frame_that_another_cpu_keeps_is_not_freed_again)
{
	static const unsigned keepers[] = {0, 7, 8, 40, MM_CPUS_MAX - 1};

	for (unsigned i = 0; i < ARRAY_LEN(keepers); i++) {
		host_cpus = MM_CPUS_MAX;
		struct mm *mm = fixture_mm(1024, MM_FRESH_DIRTY);
		pfn_t pfn = fixture_base() + 77;
		CHECK_EQ(mm_take_range(mm, fixture_base(), 512), 0);
		free_on(mm, keepers[i], pfn);
		CHECK_MM(mm);
		host_cpu = 3;
		CHECK_PANIC(mm_free(mm, pfn, 0), "double free");
	}
}

TEST(mm_cpus, frames_that_share_a_row_of_counts_are_told_apart)
{
	struct mm *mm = fixture_mm(4096, MM_FRESH_DIRTY);
	pfn_t pfn = fixture_base() + 77;

	CHECK_EQ(mm_take_range(mm, fixture_base(), 2048), 0);
	free_on(mm, 0, pfn);
	free_on(mm, 1, pfn + 512);
	free_on(mm, 0, pfn + 1024);
	CHECK_EQ(mm_frame_state(mm, pfn + 1536), MM_STATE_ALLOCATED);
	CHECK_MM(mm);
	host_cpu = 0;
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), pfn + 1024);
	CHECK_EQ(mm_frame_state(mm, pfn + 1024), MM_STATE_ALLOCATED);
	free_on(mm, 1, pfn + 1024);
	mm_drain(mm);
	host_cpu = 0;
	mm_drain(mm);
	CHECK_EQ(fixture_count(mm, fixture_base(), 2048, MM_STATE_DIRTY), 3);
	CHECK_MM(mm);
}

TEST(mm_cpus, a_frame_that_another_cpu_keeps_is_not_retired)
{
	struct mm *mm = fixture_mm(4096, MM_FRESH_DIRTY);
	pfn_t pfn = fixture_base() + 77, area;

	CHECK_EQ(mm_take_range(mm, fixture_base(), 512), 0);
	host_cpu = 1;
	area = mm_alloc(mm, MM_ORDER_AREA, MM_ANY);
	CHECK(area != MM_PFN_NONE);
	mm_free(mm, area, MM_ORDER_AREA);
	CHECK_EQ(mm_frame_state(mm, area + 5), MM_STATE_CACHED);
	free_on(mm, 1, pfn);
	host_cpu = 0;
	CHECK_EQ(mm_retire(mm, pfn), -1);
	CHECK_EQ(mm_retire(mm, area + 5), -1);
	host_cpu = 1;
	CHECK_EQ(mm_retire(mm, pfn), 0);
	CHECK_EQ(mm_retire(mm, area + 5), 0);
	CHECK_MM(mm);
}

/* Whatever takes a CPU's cache back ends the shortage that its frames end: here 2 MiB that CPU 1 freed, when CPU 0 has
 * taken all the rest. */
static void drain_by_hand(struct mm *mm)
{
	mm_drain(mm);
}

static void drain_for_an_allocation(struct mm *mm)
{
	CHECK_EQ(mm_alloc(mm, 11, MM_ANY), MM_PFN_NONE);
}

static void drain_for_a_range(struct mm *mm)
{
	CHECK_EQ(mm_take_range(mm, fixture_base() + 4096, 4096), -1);
}

static void drain_for_a_bad_frame(struct mm *mm)
{
	CHECK_EQ(mm_retire(mm, fixture_base() + 8192 - 3), 0);
}

static void drain_for_a_report(struct mm *mm)
{
	report_now(mm);
}

static void drain_with_the_cache_switched_off(struct mm *mm)
{
	mm_cache_enable(mm, MM_OFF);
}

static void (*const drains[])(struct mm *mm) = {
	drain_by_hand,	       drain_for_an_allocation, drain_for_a_range,
	drain_for_a_bad_frame, drain_for_a_report,	drain_with_the_cache_switched_off,
};

TEST(mm_cpus, what_takes_a_cache_back_ends_a_shortage)
{
	for (unsigned i = 0; i < ARRAY_LEN(drains); i++) {
		struct mm *mm;
		pfn_t *pfns, area;

		fixture_end();
		host_cpu = 1;
		mm = fixture_mm(8192, MM_FRESH_DIRTY);
		pfns = fixture_bytes(8192 * sizeof(*pfns));
		area = mm_alloc(mm, MM_ORDER_AREA, MM_ANY);
		mm_free(mm, area, MM_ORDER_AREA);
		CHECK_EQ(mm_frame_state(mm, area), MM_STATE_CACHED);
		host_cpu = 0;
		CHECK_EQ(mm_take_range(mm, fixture_base() + 8192 - 3, 1), 0);
		CHECK(mm_alloc_bulk(mm, 0, MM_ANY, 8192 - 512 - 1, pfns));
		CHECK(mm->pressure);
		host_cpu = 1;
		drains[i](mm);
		CHECK_EQ(mm->free, 512);
		CHECK(!mm->pressure);
		CHECK_MM(mm);
	}
}
