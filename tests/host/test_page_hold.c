/* A third page processor, and a fourth: as much of one as it takes, and that their batches make way for wake-ups, come
 * back for allocations on whichever CPU, and lose nothing. */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "host.h"
#include "mm/buddy.h"
#include "mm/page_hold.h"
#include "tests/unit/fixture.h"

#define FRAMES 1024u

/* --- the processors --- */

static uint64_t patrolled;
static void (*patrol_hook)(struct mm *mm, pfn_t pfn);

static bool patrol_pick(struct mm *mm, uint64_t max_frames, struct mm_block *block)
{
	return page_proc_pick(mm, CLASS_DIRTY, max_frames, block) || page_proc_pick(mm, CLASS_ZERO, max_frames, block);
}

static void patrol_work(struct mm *mm, pfn_t pfn)
{
	__atomic_fetch_add(&patrolled, *(volatile char *)mm_port_frame(pfn) != 1, __ATOMIC_RELAXED);
	if (patrol_hook)
		patrol_hook(mm, pfn);
}

/* Reads frames, and leaves all out that can be. */
PAGE_PROC(patrol, .name = "patrol", .pick = patrol_pick, .work = patrol_work);

static unsigned scrub_aborts;

static bool scrub_pick(struct mm *mm, uint64_t max_frames, struct mm_block *block)
{
	return page_proc_pick(mm, CLASS_DIRTY, max_frames, block);
}

static void scrub_work(struct mm *mm, pfn_t pfn)
{
	(void)mm;
	mm_port_zero_cold(pfn, 1);
}

static void scrub_give(struct mm *mm, pfn_t pfn, unsigned frames)
{
	buddy_give_frames(mm, pfn, frames, CLASS_ZERO);
}

static void scrub_taken(struct mm *mm)
{
	(void)mm;
	scrub_aborts++;
}

/* Makes frames zero, and counts. */
PAGE_PROC(scrub, .name = "scrub", .pick = scrub_pick, .work = scrub_work, .give = scrub_give, .taken = scrub_taken);

/* --- one CPU --- */

static struct mm *hold_mm(unsigned cpus)
{
	struct mm *mm;

	host_cpus = cpus;
	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	mm_cache_enable(mm, MM_OFF);
	patrolled = 0;
	patrol_hook = NULL;
	scrub_aborts = 0;
	return mm;
}

static size_t count(struct mm *mm, enum mm_state state)
{
	return fixture_count(mm, fixture_base(), FRAMES, state);
}

static uint64_t yield_at;

/* A wake-up is due once that many frames were patrolled or scrubbed. */
static bool due(void)
{
	return patrolled + host_counts.zero_cold_frames >= yield_at;
}

TEST(page_hold, a_batch_goes_back_as_it_was_where_nothing_else_is_said)
{
	struct mm *mm = hold_mm(2);

	fixture_zero_all(mm);
	fixture_dirty(mm, fixture_base() + 100, 30);
	CHECK(page_hold_step(mm, &page_proc_patrol, 64));
	CHECK_EQ(patrolled, 64); /* 30 dirty ones and 34 that are zero */
	CHECK_EQ(mm->isolated, 0);
	CHECK_EQ(count(mm, MM_STATE_DIRTY), 30);
	CHECK_EQ(count(mm, MM_STATE_ZERO), FRAMES - 30);
	CHECK_MM(mm);
}

TEST(page_hold, a_processor_says_what_its_frames_became)
{
	struct mm *mm = hold_mm(2);

	for (unsigned i = 1; i <= FRAMES / 64; i++) {
		CHECK(page_hold_step(mm, &page_proc_scrub, 64));
		CHECK_EQ(mm->zero, i * 64);
		CHECK_MM(mm);
	}
	CHECK(!page_hold_step(mm, &page_proc_scrub, 64));
	CHECK_EQ(mm->hold[0].state, PAGE_HOLD_NONE);
	CHECK(fixture_is(fixture_base(), FRAMES, 0));
	for (unsigned i = 0; i < FRAMES; i++)
		CHECK_EQ(host_zeroed(fixture_base() + i), 1);
}

TEST(page_hold, a_batch_is_parked_for_a_wake_up_and_goes_on)
{
	struct mm *mm = hold_mm(2);

	host_should_yield = due;
	for (yield_at = 10; yield_at < 64; yield_at += 10) {
		CHECK(page_hold_step(mm, &page_proc_scrub, 64));
		CHECK_EQ(host_counts.zero_cold_frames, yield_at);
		CHECK_EQ(mm->hold[0].state, PAGE_HOLD_HELD);
		CHECK_EQ(mm->isolated, 64);
		CHECK_MM(mm);
	}
	CHECK(page_hold_step(mm, &page_proc_scrub, 64));
	CHECK_EQ(mm->isolated, 0);
	CHECK_EQ(mm->zero, 64);
	CHECK_EQ(scrub_aborts, 0);
	CHECK_MM(mm);
}

/* A batch of which `done` frames are done. */
static struct mm *parked_mm(uint64_t done)
{
	struct mm *mm = hold_mm(2);

	host_should_yield = due;
	yield_at = done;
	CHECK(page_hold_step(mm, &page_proc_scrub, 64));
	CHECK_EQ(mm->isolated, 64);
	return mm;
}

TEST(page_hold, an_allocation_takes_a_parked_batch_back)
{
	for (uint64_t done = 1; done < 64; done += 9) {
		struct mm *mm = parked_mm(done);

		host_cpu = 1; /* whose batch it is doesn't matter */
		CHECK_EQ(mm_alloc(mm, 10, MM_ANY), fixture_base());
		CHECK_EQ(scrub_aborts, 1);
		CHECK_EQ(mm->hold[0].state, PAGE_HOLD_NONE);
		CHECK_EQ(fixture_wasted(mm), done); /* those that are done were zero, and no others */
		CHECK_MM(mm);
		mm_free(mm, fixture_base(), 10);
		CHECK_MM(mm);
		host_cpu = 0;
		fixture_end();
		host_reset();
	}
}

TEST(page_hold, a_parked_batch_is_given_back_for_another_processor)
{
	struct mm *mm = parked_mm(10);

	CHECK(page_hold_step(mm, &page_proc_patrol, 64));
	CHECK_EQ(mm->zero, 10);
	CHECK_EQ(scrub_aborts, 0); /* no allocation wanted it */
	CHECK_EQ(mm->hold[0].proc == &page_proc_patrol, 1);
	CHECK_MM(mm);
	host_should_yield = NULL;
	CHECK(page_hold_step(mm, &page_proc_patrol, 64));
	CHECK_EQ(mm->isolated, 0);
	CHECK_EQ(count(mm, MM_STATE_ZERO), 10);
	CHECK_EQ(count(mm, MM_STATE_DIRTY), FRAMES - 10);
	CHECK_MM(mm);
}

TEST(page_hold, nothing_is_picked_while_memory_is_short)
{
	struct mm *mm = hold_mm(2);

	CHECK_EQ(mm_take_range(mm, fixture_base(), FRAMES - 2), 0);
	CHECK(mm->pressure);
	CHECK(!page_hold_step(mm, &page_proc_patrol, 64));
	CHECK_EQ(mm->isolated, 0);
	CHECK_MM(mm);
}

/* --- several CPUs --- */

/* Parks a batch of the processor's on a CPU, one frame of it done. */
static void park(struct mm *mm, unsigned cpu, const struct page_proc *proc, uint64_t frames)
{
	host_cpu = cpu;
	host_should_yield = due;
	yield_at = 0;
	CHECK(page_hold_step(mm, proc, frames));
	CHECK_EQ(mm->hold[cpu].state, PAGE_HOLD_HELD);
	host_cpu = 0;
}

TEST(page_hold, each_cpu_has_a_batch_of_its_own)
{
	struct mm *mm = hold_mm(3);

	park(mm, 0, &page_proc_scrub, 64);
	park(mm, 1, &page_proc_patrol, 32);
	park(mm, 2, &page_proc_scrub, 16);
	CHECK_EQ(mm->isolated, 64 + 32 + 16);
	CHECK_EQ(page_hold_of(mm, &page_proc_patrol) == &mm->hold[1], 1);
	CHECK_MM(mm);
	mm_port_lock(&mm->lock);
	page_hold_release(mm, &page_proc_scrub);
	CHECK(!page_hold_of(mm, &page_proc_scrub));
	mm_port_unlock(&mm->lock);
	CHECK_EQ(mm->isolated, 32);
	CHECK_EQ(mm->zero, 2);
	CHECK_MM(mm);
	park(mm, 2, &page_proc_scrub, 16);
	CHECK_EQ(mm_alloc(mm, 10, MM_ANY), fixture_base());
	CHECK_EQ(scrub_aborts, 1);
	CHECK_EQ(mm->isolated, 0);
	CHECK_MM(mm);
}

TEST(page_hold, batches_that_together_keep_an_area_from_being_whole_are_taken_back)
{
	static const struct mm_range ranges[] = {{0, 512, MM_FRESH_DIRTY}, {512, 1024, MM_FRESH_REPORTED}};
	struct mm *mm;

	host_cpus = 3;
	fixture_quiet();
	mm = fixture_mm_ranges(FRAMES, ranges, ARRAY_LEN(ranges));
	park(mm, 1, &page_proc_scrub, 16);
	park(mm, 2, &page_proc_patrol, 16);
	CHECK_EQ(mm->isolated, 32);
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY), fixture_base());
	CHECK_EQ(mm->isolated, 0);
	CHECK_MM(mm);
}

/* Threads that stand for CPUs 0 and 1; the test itself is CPU 2. */
static struct {
	struct mm *mm;
	unsigned running; /* (A) CPUs that are in the middle of a batch */
	unsigned second;  /* (A) CPU 0 is in its second batch */
	unsigned over;	  /* (A) the test has got what it wanted */
	unsigned frames[2];
	bool late;
} two;

#define WAIT_YIELDS 1000000u

static bool wait_for(const unsigned *what, unsigned value)
{
	for (unsigned i = 0; i < WAIT_YIELDS; i++) {
		if (__atomic_load_n(what, __ATOMIC_ACQUIRE) >= value)
			return true;
		sched_yield();
	}
	return false;
}

static void wait_for_abort(struct mm *mm)
{
	while (!__atomic_load_n(&mm->hold[host_cpu].abort, __ATOMIC_ACQUIRE))
		sched_yield();
}

/* At its fifth frame each CPU waits until somebody asks for its batch; then CPU 0 is the slower one. */
static void stop_at_five(struct mm *mm, pfn_t pfn)
{
	(void)pfn;
	if (++two.frames[host_cpu] != 5)
		return;
	__atomic_fetch_add(&two.running, 1, __ATOMIC_ACQ_REL);
	wait_for_abort(mm);
	if (host_cpu == 0) {
		(void)wait_for(&mm->hold[1].ended, 1);
		usleep(20000);
	}
}

static void *step_once(void *cpu)
{
	host_cpu = (unsigned)(uintptr_t)cpu;
	(void)page_hold_step(two.mm, &page_proc_patrol, 64);
	return NULL;
}

static struct mm *two_mm(void (*hook)(struct mm *mm, pfn_t pfn))
{
	memset(&two, 0, sizeof(two));
	two.mm = hold_mm(3);
	patrol_hook = hook;
	host_cpu = 2;
	return two.mm;
}

TEST(page_hold, two_cpus_in_the_middle_of_their_batches_give_them_back)
{
	struct mm *mm = two_mm(stop_at_five);
	pthread_t thread[2];

	for (uintptr_t cpu = 0; cpu < 2; cpu++)
		CHECK_EQ(pthread_create(&thread[cpu], NULL, step_once, (void *)cpu), 0);
	CHECK(wait_for(&two.running, 2));
	CHECK_EQ(mm->isolated, 128);
	CHECK_EQ(page_hold_of(mm, &page_proc_patrol)->state, PAGE_HOLD_RUNNING);
	CHECK_MM(mm);
	CHECK_EQ(mm_take_range(mm, fixture_base(), FRAMES), 0); /* all there is */
	/* From here on the frames are the test's, and nobody works on them any more. */
	CHECK_EQ(patrolled, 10);
	CHECK_EQ(mm->isolated, 0);
	CHECK_EQ(mm->cpu[2].alloc_waits, 0); /* both had come back when it looked again */
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		CHECK_EQ(pthread_join(thread[cpu], NULL), 0);
		CHECK_EQ(two.frames[cpu], 5);
		CHECK_EQ(mm->hold[cpu].state, PAGE_HOLD_NONE);
		CHECK(!mm->hold[cpu].abort);
	}
	CHECK_MM(mm);
	for (unsigned i = 0; i < FRAMES; i++)
		mm_free(mm, fixture_base() + i, 0);
	CHECK_EQ(count(mm, MM_STATE_DIRTY), FRAMES);
	CHECK_MM(mm);
}

/* In its first batch CPU 0 waits until it is asked for it, in its second one until the test has what it wants. */
static void stop_in_both(struct mm *mm, pfn_t pfn)
{
	(void)pfn;
	if (++two.frames[0] == 5) {
		__atomic_store_n(&two.running, 1, __ATOMIC_RELEASE);
		wait_for_abort(mm);
	}
}

static void *step_twice(void *mm)
{
	host_cpu = 0;
	(void)page_hold_step(mm, &page_proc_patrol, 64);
	two.late = page_hold_step(mm, &page_proc_patrol, 16);
	__atomic_store_n(&two.second, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* The waiter looks again only once the CPU has tried to begin its next batch. */
static void relax_until_second(const char *what, pfn_t pfn, size_t frames)
{
	(void)pfn;
	(void)frames;
	if (strcmp(what, "relax") == 0 && host_cpu == 2)
		(void)wait_for(&two.second, 1);
}

TEST(page_hold, who_asked_for_a_batch_has_it_before_the_next_one_is_begun)
{
	struct mm *mm = two_mm(stop_in_both);
	pthread_t thread;
	pfn_t pfn;

	CHECK_EQ(mm_take_range(mm, fixture_base(), FRAMES - 64), 0);
	host_hook = relax_until_second;
	CHECK_EQ(pthread_create(&thread, NULL, step_twice, mm), 0);
	CHECK(wait_for(&two.running, 1));
	CHECK_EQ(mm->isolated, 64); /* all that is free */
	pfn = mm_alloc(mm, 0, MM_ANY);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	host_hook = NULL;
	CHECK(pfn != MM_PFN_NONE);
	CHECK(!two.late);
	CHECK_EQ(two.frames[0], 5);
	CHECK_EQ(mm->isolated, 0);
	CHECK_MM(mm);
}

/* Two CPUs scrub all the time, two others take memory and write to it: what is owned must not be zeroed any more. */
#define ROUNDS 60

static unsigned spoiled; /* (A) */

static void make_way(const char *what, pfn_t pfn, size_t frames)
{
	(void)pfn;
	(void)frames;
	if (strcmp(what, "relax") == 0)
		sched_yield();
}

static void *scrub_on(void *cpu)
{
	host_cpu = (unsigned)(uintptr_t)cpu;
	while (!__atomic_load_n(&two.over, __ATOMIC_ACQUIRE))
		if (!page_hold_step(two.mm, &page_proc_scrub, 64))
			sched_yield();
	return NULL;
}

static void *take_on(void *cpu)
{
	static const unsigned orders[] = {9, 3, 9, 0, 6};

	host_cpu = (unsigned)(uintptr_t)cpu;
	for (unsigned i = 0; i < ROUNDS; i++) {
		const unsigned order = orders[i % ARRAY_LEN(orders)];
		const unsigned char byte = (unsigned char)(1 + host_cpu);
		const pfn_t pfn = mm_alloc(two.mm, order, MM_ANY);
		if (pfn == MM_PFN_NONE)
			continue;
		fixture_fill(pfn, 1ull << order, byte);
		sched_yield();
		if (!fixture_is(pfn, 1ull << order, byte))
			__atomic_fetch_add(&spoiled, 1, __ATOMIC_RELAXED);
		mm_free(two.mm, pfn, order);
	}
	return NULL;
}

TEST(page_hold, cpus_that_scrub_and_cpus_that_allocate_lose_nothing)
{
	pthread_t thread[4];
	struct mm *mm;

	memset(&two, 0, sizeof(two));
	spoiled = 0;
	two.mm = mm = hold_mm(4);
	host_hook = make_way;
	for (uintptr_t cpu = 0; cpu < 4; cpu++)
		CHECK_EQ(pthread_create(&thread[cpu], NULL, cpu < 2 ? scrub_on : take_on, (void *)cpu), 0);
	for (unsigned cpu = 2; cpu < 4; cpu++)
		CHECK_EQ(pthread_join(thread[cpu], NULL), 0);
	__atomic_store_n(&two.over, 1, __ATOMIC_RELEASE);
	for (unsigned cpu = 0; cpu < 2; cpu++)
		CHECK_EQ(pthread_join(thread[cpu], NULL), 0);
	host_hook = NULL;
	CHECK_EQ(spoiled, 0);
	CHECK_EQ(mm->isolated, 0);
	CHECK_EQ(count(mm, MM_STATE_DIRTY) + count(mm, MM_STATE_ZERO), FRAMES);
	CHECK_MM(mm);
}

/* The row that is there so that the table is never empty (mm_init looks) has nothing to do. */
TEST(page_hold, the_processor_that_is_always_there_picks_nothing)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);
	struct mm_block block;
	unsigned idle = 0;

	TABLE_FOR_EACH (page_proc, struct page_proc, proc)
		if (!proc->work && !proc->wait)
			idle += proc->pick(mm, 1, &block) ? 0 : 1;
	CHECK_EQ(idle, 1);
	CHECK_EQ(mm->isolated, 0);
}
