/* Threads, their sleep and their wake-ups, on the machine's own timer.
 */
#include "arch/x86_64/clock.h"
#include "arch/x86_64/irq.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/wait.h"
#include "tests/unit/test.h"

#define MS 1000000ull

static char order[16];
static unsigned steps;
static struct thread *waiter;

static void step(void *letter)
{
	order[steps++] = *(const char *)letter;
}

static void begin(void)
{
	for (unsigned i = 0; i < sizeof(order); i++)
		order[i] = '\0';
	steps = 0;
}

TEST(thread, ready_threads_run_in_order)
{
	begin();
	CHECK(thread_create("a", step, "a"));
	CHECK(thread_create("b", step, "b"));
	CHECK_EQ(steps, 0);
	CHECK(thread_wake_due());
	thread_yield();
	CHECK_STR(order, "ab");
}

static uint64_t first_ns;

/* Until a given time, not for a given time: a busy host may take long between the starts of two threads. */
static void sleep_and_step(void *letter)
{
	uint64_t wake_ns = first_ns + (uint64_t)(*(const char *)letter - 'a') * 5 * MS;

	while (clock_ns() < wake_ns)
		thread_block_until(wake_ns);
	step(letter);
}

TEST(thread, sleepers_wake_in_the_order_of_their_times)
{
	begin();
	first_ns = clock_ns() + 250 * MS;
	CHECK(thread_create("c", sleep_and_step, "c"));
	CHECK(thread_create("a", sleep_and_step, "a"));
	CHECK(thread_create("b", sleep_and_step, "b"));
	thread_sleep_ns(500 * MS);
	CHECK_STR(order, "abc");
}

TEST(thread, a_sleep_takes_its_time_and_not_for_ever)
{
	uint64_t before = clock_ns();

	thread_sleep_ns(20 * MS);
	uint64_t took = clock_ns() - before;
	CHECK(took >= 20 * MS);
	CHECK(took < 2000 * MS); /* a busy host */
}

TEST(thread, a_wake_up_before_the_block_is_not_lost)
{
	thread_wake(thread_current());
	thread_block_until(UINT64_MAX); /* would never end */
	uint64_t before = clock_ns();
	thread_block_until(before + 5 * MS); /* one wake-up ends one block only */
	CHECK(clock_ns() >= before + 5 * MS);
}

TEST(thread, a_wake_up_during_a_sleep_is_kept)
{
	uint64_t before = clock_ns();

	thread_wake(thread_current());
	thread_sleep_ns(5 * MS);
	CHECK(clock_ns() >= before + 5 * MS);
	thread_block_until(UINT64_MAX);
}

static void wake_waiter(void *unused)
{
	(void)unused;
	thread_wake(waiter);
}

TEST(thread, another_thread_ends_a_block)
{
	waiter = thread_current();
	CHECK(thread_create("waker", wake_waiter, NULL));
	thread_block_until(UINT64_MAX);
}

TEST(thread, a_time_that_has_passed_does_not_block)
{
	thread_block_until(0);
	thread_block_until(clock_ns());
}

static void nothing(void *unused)
{
	(void)unused;
}

TEST(thread, slots_of_ended_threads_are_used_again)
{
	unsigned first = 0, again = 0;

	while (first <= THREAD_MAX && thread_create("short", nothing, NULL))
		first++;
	CHECK(first < THREAD_MAX); /* this thread has one, too */
	thread_yield();
	while (again <= THREAD_MAX && thread_create("short", nothing, NULL))
		again++;
	thread_yield();
	CHECK_EQ(again, first);
}

TEST(thread, interrupts_stay_as_they_were_found)
{
	bool on = irq_save();
	bool inner = irq_save();

	irq_restore(inner);
	bool still = irq_save();
	irq_restore(still);
	irq_restore(on);
	CHECK(on);
	CHECK(!inner);
	CHECK(!still);
}

TEST(clock, never_goes_back)
{
	uint64_t last = clock_ns();

	for (unsigned i = 0; i < 100000; i++) {
		uint64_t now = clock_ns();
		CHECK(now >= last);
		last = now;
	}
}

TEST(clock, ticks_become_ns)
{
	CHECK_EQ(clock_tsc_to_ns(0), 0);
	uint64_t second = clock_tsc_to_ns(clock_tsc_hz());
	CHECK(second > 999999000 && second <= 1000000000);
	uint64_t day = clock_tsc_to_ns(clock_tsc_hz() * 86400); /* more than 64 bits on the way */
	CHECK(day / 86400 > 999999000 && day / 86400 <= 1000000000);
}
