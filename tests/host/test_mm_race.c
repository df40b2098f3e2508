/* Calls that want particular frames, while another CPU zeroes without a rest: what is free, or in its batch, can be
 * had, each time. */
#include <pthread.h>
#include <sched.h>

#include "host.h"
#include "mm/report.h"
#include "mm/state.h"
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"

#define FRAMES 2048u
#define ROUNDS 300u

static struct mm *mm;
static unsigned stop;

/* zero_now again and again: there is nearly always a batch. */
static void *zeroes(void *arg)
{
	uint64_t wake;

	(void)arg;
	host_cpu = 1;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		zero_now(mm);
		(void)zero_idle(mm, &wake);
	}
	zero_pause(mm);
	return NULL;
}

TEST(mm_race, free_frames_can_be_had_while_another_cpu_zeroes)
{
	pthread_t thread;
	unsigned refused = 0, retired = 0;
	uint64_t random = 1;

	fixture_quiet();
	fixture_knob("zero.batch_frames", 512);
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	stop = 0;
	CHECK_EQ(pthread_create(&thread, NULL, zeroes, NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		const pfn_t pfn = fixture_base() + fixture_random(&random, FRAMES / 2 - 64);
		const size_t n = 1 + fixture_random(&random, 64);

		if (mm_take_range(mm, pfn, n) != 0) {
			refused++;
			continue;
		}
		for (pfn_t at = pfn; at < pfn + n; at++)
			mm_free(mm, at, 0);
		mm_drain(mm);
		retired += mm_retire(mm, fixture_base() + FRAMES / 2 + i) == 0 ? 1 : 0;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(refused, 0);
	CHECK_EQ(retired, ROUNDS);
	CHECK_EQ(mm->waiters, 0);
	CHECK_MM(mm);
}

/* --- a sink that is gone isn't called */

static unsigned calls_after, gone;
static void (*poll_as_ever)(struct report_sink *sink);

static void counted_poll(struct report_sink *sink)
{
	poll_as_ever(sink);
	for (unsigned i = 0; i < 10; i++) /* stays in here for a while */
		sched_yield();
	if (__atomic_load_n(&gone, __ATOMIC_ACQUIRE))
		__atomic_add_fetch(&calls_after, 1, __ATOMIC_RELAXED);
}

static void *steps(void *arg)
{
	(void)arg;
	host_cpu = 1;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		(void)report_step(mm);
	return NULL;
}

TEST(mm_race, a_sink_that_was_unregistered_is_not_called_any_more)
{
	struct fake_sink *fake;
	pthread_t thread;

	mm = fake_mm(9, 2);
	fixture_knob("report.timeout_ms", 600000);
	fake = fake_sink(FAKE_FRAMES, 8, 2);
	fake->order = 9;
	poll_as_ever = fake->sink.poll;
	fake->sink.poll = counted_poll;
	stop = calls_after = gone = 0;
	CHECK_EQ(pthread_create(&thread, NULL, steps, NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		CHECK_EQ(report_register(mm, &fake->sink), 0);
		for (unsigned k = 0; k < i % 8; k++)
			mm_port_relax();
		CHECK_EQ(report_unregister(mm, &fake->sink), 0);
		__atomic_store_n(&gone, 1, __ATOMIC_RELEASE);
		for (unsigned k = 0; k < 20; k++)
			sched_yield();
		__atomic_store_n(&gone, 0, __ATOMIC_RELEASE);
		CHECK_EQ(fake->pending_count, 0);
		CHECK_EQ(mm->isolated, 0);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(calls_after, 0);
	CHECK_MM(mm);
}
