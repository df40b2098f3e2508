/* What a CPU may see of another one's change half way: frees look at a block without the lock first. */
#include <pthread.h>
#include <unistd.h>

#include "host.h"
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
	struct word *word;
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
