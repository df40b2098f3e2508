/* Calls that wait for what a reporter has in flight: for how long, for what, and what others see meanwhile. The other
 * threads of the machine run whenever the waiter makes way: the hook on "relax". */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "host.h"
#include "mm/report.h"
#include "mm/state.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"

#define FRAMES	   FAKE_FRAMES
#define TIMEOUT_NS 50000000ull /* fake_mm's */
#define GIB_PFNS   (1ull << 18)

static struct mm *stepped;

/* The reporting thread, which is always ready. */
static void step(const char *what, pfn_t pfn, size_t frames)
{
	struct mm *mm = stepped;

	(void)pfn;
	(void)frames;
	if (strcmp(what, "relax") != 0 || !mm)
		return;
	stepped = NULL; /* not from within itself */
	(void)report_step(mm);
	stepped = mm;
}

static void step_from_now(struct mm *mm)
{
	stepped = mm;
	host_hook = step;
}

static uint64_t waits_of(struct mm *mm)
{
	struct report_status status;

	report_status(mm, &status);
	return status.waits;
}

/* What is in flight can't become what is asked for: nobody waits for it. */
TEST(mm_wait, nobody_waits_for_what_can_not_help)
{
	struct mm *mm = fake_mm(9, 64);
	struct fake_sink *fake;
	uint64_t since;
	pfn_t *pfns = fixture_bytes((FRAMES + 1) * sizeof(*pfns));

	CHECK_EQ(mm_take_range(mm, fixture_base() + 700, 1), 0);
	fake = fake_registered(mm, 9, 64, 4);
	fake->answer = FAKE_SILENT;
	while (report_step(mm) < mm_port_now_ns() + 1000 && fake->pending_count == 0)
		;
	CHECK(mm->isolated >= FRAMES - 1024);
	since = mm_port_now_ns();
	CHECK_EQ(mm_alloc(mm, 12, MM_ANY), MM_PFN_NONE);    /* somebody's frame is in the middle */
	CHECK_EQ(mm_alloc(mm, 18, MM_ANY), MM_PFN_NONE);    /* there is no gib */
	CHECK(!mm_alloc_bulk(mm, 0, MM_ANY, FRAMES, pfns)); /* more than there is */
	CHECK(!mm_alloc_bulk(mm, 9, MM_ANY, FRAMES / 512, pfns));
	CHECK_EQ(mm_take_range(mm, fixture_base() + 600, 200), -1);
	CHECK_EQ(mm_port_now_ns(), since);
	CHECK_EQ(host_counts.relaxes, 0);
	CHECK_EQ(waits_of(mm), 0);
	CHECK_EQ(fake->resets, 0);
	fake->answer = FAKE_ACCEPT;
	fake_unregister(mm, fake);
}

TEST(mm_wait, a_request_below_4_gib_does_not_wait_for_what_is_above)
{
	static const struct mm_range ranges[] = {{MM_PFN_4G, MM_PFN_4G + 2048, MM_FRESH_DIRTY},
						 {GIB_PFNS, GIB_PFNS + 1, MM_FRESH_DIRTY}};
	struct mm *mm;
	struct fake_sink *fake;

	(void)fake_mm(9, 64);
	mm = fixture_mm_at(ranges, ARRAY_LEN(ranges));
	fake = fake_sink(1, 64, 1);
	fake->base = MM_PFN_4G;
	fake->span = 2048;
	fake->dropped = fixture_bytes(2048);
	fake->answer = FAKE_SILENT;
	CHECK_EQ(report_register(mm, &fake->sink), 0);
	(void)report_step(mm);
	(void)report_step(mm);
	CHECK_EQ(mm->isolated, 2048);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY | MM_BELOW_4G), GIB_PFNS);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY | MM_BELOW_4G), MM_PFN_NONE);
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY | MM_BELOW_4G), MM_PFN_NONE);
	CHECK_EQ(host_counts.relaxes, 0);
	fake->answer = FAKE_ACCEPT;
	CHECK(mm_alloc(mm, 0, MM_ANY) >= MM_PFN_4G); /* for this one it does help */
	CHECK_EQ(report_unregister(mm, &fake->sink), 0);
}

/* A host that takes each batch and declines it, while the reporting thread is always ready: whoever waits gets what
 * comes back, and nothing new is offered ahead of it. */
TEST(mm_wait, what_comes_back_is_not_offered_again_before_the_waiter_had_it)
{
	static const enum fake_answer answers[] = {FAKE_ACCEPT, FAKE_DECLINE, FAKE_SILENT};

	for (unsigned i = 0; i < 4 * ARRAY_LEN(answers); i++) {
		struct mm *mm;
		struct fake_sink *fake;
		uint64_t since;
		pfn_t *pfns, base;

		fixture_end();
		host_hook = NULL;
		mm = fake_mm(9, 64);
		base = fixture_base();
		fake = fake_registered(mm, 9, 64, 4);
		pfns = fixture_bytes(FRAMES * sizeof(*pfns));
		fake->answer = FAKE_SILENT;
		(void)report_step(mm);
		(void)report_step(mm);
		CHECK_EQ(mm->isolated, FRAMES);
		fake->answer = answers[i % ARRAY_LEN(answers)];
		since = mm_port_now_ns();
		step_from_now(mm);
		switch (i / ARRAY_LEN(answers)) {
		case 0:
			CHECK(mm_alloc(mm, 3, MM_ANY) != MM_PFN_NONE);
			break;
		case 1:
			CHECK(mm_alloc_bulk(mm, 0, MM_ANY, FRAMES, pfns));
			break;
		case 2:
			CHECK_EQ(mm_take_range(mm, base + 1000, 1500), 0);
			break;
		default:
			CHECK_EQ(mm_retire(mm, base + 77), 0);
		}
		CHECK(mm_port_now_ns() - since <= TIMEOUT_NS + 1000000);
		CHECK_EQ(fake->submits, 1);
		CHECK_EQ(mm->waiters, 0);
		CHECK_EQ(waits_of(mm), 1);
		host_hook = NULL;
		CHECK_MM(mm);
		fake->answer = FAKE_ACCEPT;
		CHECK_EQ(report_unregister(mm, &fake->sink), 0);
	}
	host_hook = NULL;
}

/* A device whose reset never succeeds: the call ends with the time it has. */
TEST(mm_wait, a_wait_ends_though_nothing_comes_back)
{
	struct mm *mm = fake_mm(9, 64);
	struct fake_sink *fake = fake_registered(mm, 9, 64, 1);
	uint64_t since;

	fake->answer = FAKE_SILENT;
	fake->reset_works = false;
	(void)report_step(mm);
	(void)report_step(mm);
	CHECK_EQ(mm->isolated, FRAMES);
	step_from_now(mm);
	since = mm_port_now_ns();
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), MM_PFN_NONE);
	CHECK_EQ(mm_retire(mm, fixture_base() + 5), -1);
	CHECK_EQ(mm_take_range(mm, fixture_base(), 5), -1);
	CHECK(mm_port_now_ns() - since <= 3 * (TIMEOUT_NS + 1000000));
	CHECK_EQ(mm->waiters, 0);
	host_hook = NULL;
	fake->reset_works = true;
	fake->answer = FAKE_ACCEPT;
	fake_unregister(mm, fake);
}

/* --- a bulk call that waits keeps nobody else from what there is */

static size_t others;
static struct fake_sink *answers_later;

static void others_allocate(const char *what, pfn_t pfn, size_t frames)
{
	struct mm *mm = stepped;

	(void)pfn;
	(void)frames;
	if (strcmp(what, "relax") != 0 || !mm || others != 0)
		return;
	pfn_t got = mm_alloc(mm, 10, MM_ANY); /* all that isn't in flight */
	CHECK(got != MM_PFN_NONE);
	mm_free(mm, got, 10);
	answers_later->answer = FAKE_ACCEPT;
	others++;
}

TEST(mm_wait, a_bulk_call_holds_nothing_while_it_waits)
{
	struct mm *mm = fake_mm(9, 6);
	struct fake_sink *fake = fake_registered(mm, 9, 64, 1);
	pfn_t *pfns = fixture_bytes(FRAMES * sizeof(*pfns));

	fake->answer = FAKE_SILENT;
	(void)report_step(mm);
	(void)report_step(mm);
	CHECK_EQ(mm->isolated, FRAMES - 1024);
	answers_later = fake;
	others = 0;
	stepped = mm;
	host_hook = others_allocate;
	CHECK(mm_alloc_bulk(mm, 0, MM_ANY, FRAMES, pfns));
	host_hook = NULL;
	CHECK_EQ(others, 1);
	CHECK_MM(mm);
	CHECK_EQ(report_unregister(mm, &fake->sink), 0);
}

/* --- the sink */

static unsigned sink_got;
static int (*fake_submit)(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag);

static int allocates(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag)
{
	sink_got += mm_alloc(sink->mm, 0, MM_ANY) != MM_PFN_NONE ? 1 : 0;
	return fake_submit(sink, ranges, count, tag);
}

TEST(mm_wait, a_sink_may_allocate_and_is_refused_in_time)
{
	struct mm *mm = fake_mm(9, 64);
	struct fake_sink *fake = fake_registered(mm, 9, 64, 1);
	uint64_t since = mm_port_now_ns();

	fake_submit = fake->sink.submit;
	fake->sink.submit = allocates;
	sink_got = 0;
	step_from_now(mm);
	CHECK(fake_run(mm)); /* all of it is in flight, so there is nothing for the sink */
	CHECK_EQ(sink_got, 0);
	CHECK_EQ(fake->frames, FRAMES);
	CHECK(mm_port_now_ns() - since <= 2 * TIMEOUT_NS);
	host_hook = NULL;
	fake_unregister(mm, fake);
}

/* Submissions in ten seconds, to a host that fails each time in one way or another. */
TEST(mm_wait, a_failing_sink_is_held_off_twice_as_long_each_time)
{
	static const enum fake_answer answers[] = {FAKE_DECLINE, FAKE_REFUSE};

	for (unsigned i = 0; i < ARRAY_LEN(answers); i++) {
		struct mm *mm;
		struct fake_sink *fake;
		struct report_status status;
		uint64_t end;

		fixture_end();
		mm = fake_mm(9, 8);
		fake = fake_registered(mm, 9, 8, 1);
		fake->answer = answers[i];
		end = mm_port_now_ns() + 10000000000u;
		while (mm_port_now_ns() < end) {
			uint64_t wake = report_step(mm), now = mm_port_now_ns();

			host_time_advance(wake > now ? wake - now : 1000);
		}
		report_status(mm, &status);
		CHECK(host_log_has("report: fake refused or declined a batch, trying again later"));
		host_log_clear();
		CHECK_EQ(fake->submits, 7); /* at 0, .1, .3, .7, 1.5, 3.1, 6.3 s */
		CHECK_EQ(status.errors, 7);
		CHECK(!report_is_done(mm));
		/* who asks again is heard, and a success ends it */
		report_now(mm);
		(void)report_step(mm);
		CHECK_EQ(fake->submits, 8);
		fake->answer = FAKE_ACCEPT;
		CHECK(fake_run(mm));
		CHECK_EQ(fake_reported(mm), FRAMES);
		fake_unregister(mm, fake);
	}
}

/* --- another CPU in the sink */

static unsigned inside, leave_now, sink_calls;

static void (*fake_poll)(struct report_sink *sink);

static void stays_inside(struct report_sink *sink)
{
	__atomic_store_n(&inside, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&leave_now, __ATOMIC_ACQUIRE))
		sched_yield();
	__atomic_add_fetch(&sink_calls, 1, __ATOMIC_RELAXED);
	fake_poll(sink);
}

static void *step_once(void *mm)
{
	host_cpu = 1;
	(void)report_step(mm);
	return NULL;
}

static void let_it_go(const char *what, pfn_t pfn, size_t frames)
{
	(void)pfn;
	(void)frames;
	if (strcmp(what, "relax") != 0)
		return;
	if (++others == 20)
		__atomic_store_n(&leave_now, 1, __ATOMIC_RELEASE);
	sched_yield();
}

TEST(mm_wait, unregistering_waits_for_a_cpu_that_is_in_the_sink)
{
	struct mm *mm;
	struct fake_sink *fake;
	pthread_t thread;

	host_cpus = 2;
	mm = fake_mm(9, 64);
	fake = fake_registered(mm, 9, 64, 1);
	fake_poll = fake->sink.poll;
	fake->sink.poll = stays_inside;
	inside = leave_now = sink_calls = 0;
	others = 0;
	fixture_knob("report.timeout_ms", 60000); /* the host may be busy */
	CHECK_EQ(pthread_create(&thread, NULL, step_once, mm), 0);
	while (!__atomic_load_n(&inside, __ATOMIC_ACQUIRE))
		;
	host_hook = let_it_go;
	CHECK_EQ(report_unregister(mm, &fake->sink), 0);
	const unsigned calls = __atomic_load_n(&sink_calls, __ATOMIC_RELAXED);
	host_hook = NULL;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(calls >= 1);
	CHECK_EQ(sink_calls, calls);
	CHECK_EQ(mm->isolated, 0);
	CHECK_MM(mm);
}

TEST(mm_wait, unregistering_is_refused_when_somebody_stays_in_the_sink)
{
	struct mm *mm;
	struct fake_sink *fake;
	pthread_t thread;

	host_cpus = 2;
	mm = fake_mm(9, 64);
	fake = fake_registered(mm, 9, 64, 1);
	fake_poll = fake->sink.poll;
	fake->sink.poll = stays_inside;
	inside = leave_now = sink_calls = 0;
	CHECK_EQ(pthread_create(&thread, NULL, step_once, mm), 0);
	while (!__atomic_load_n(&inside, __ATOMIC_ACQUIRE))
		;
	CHECK_EQ(report_unregister(mm, &fake->sink), -1);
	__atomic_store_n(&leave_now, 1, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	fake_unregister(mm, fake);
}

/* --- what is asked of the port under the lock */

static struct mm *not_locked;

static void no_lock(const char *what, pfn_t pfn, size_t frames)
{
	(void)pfn;
	(void)frames;
	if (strcmp(what, "random") == 0)
		CHECK(!mm_port_lock_held(&not_locked->lock));
}

TEST(mm_wait, random_numbers_are_not_waited_for_under_the_lock)
{
	not_locked = fixture_mm(512, MM_FRESH_DIRTY);
	host_hook = no_lock;
	mm_shuffle(not_locked, MM_ON, 0);
	host_hook = NULL;
}

/* --- a range whose first pieces were free at the look, and one of which was lost while a later one was waited for */

static struct mm *robbed;

static void somebody_takes_one(const char *what, pfn_t pfn, size_t frames)
{
	struct mm *mm = robbed;

	(void)pfn;
	(void)frames;
	if (strcmp(what, "relax") != 0 || !mm)
		return;
	robbed = NULL;
	CHECK_EQ(mm_take_range(mm, GIB_PFNS + 130 * AREA_FRAMES, 1), 0);
	answers_later->answer = FAKE_ACCEPT;
}

TEST(mm_wait, a_range_that_loses_a_frame_meanwhile_is_given_back_as_it_was)
{
	static const struct mm_range ranges[] = {
		{GIB_PFNS, GIB_PFNS + 300 * AREA_FRAMES, MM_FRESH_UNKNOWN},
		{GIB_PFNS + 300 * AREA_FRAMES, GIB_PFNS + 301 * AREA_FRAMES, MM_FRESH_DIRTY}};
	struct mm *mm;
	struct fake_sink *fake;

	(void)fake_mm(9, 1);
	mm = fixture_mm_at(ranges, ARRAY_LEN(ranges));
	fake = fake_sink(1, 1, 1);
	fake->base = GIB_PFNS;
	fake->span = 301 * AREA_FRAMES;
	fake->dropped = fixture_bytes(fake->span);
	fake->answer = FAKE_SILENT;
	CHECK_EQ(report_register(mm, &fake->sink), 0);
	(void)report_step(mm);
	(void)report_step(mm);
	CHECK_EQ(mm->isolated, AREA_FRAMES); /* the dirty one, behind all others */
	answers_later = fake;
	robbed = mm;
	host_hook = somebody_takes_one;
	CHECK_EQ(mm_take_range(mm, GIB_PFNS, 301 * AREA_FRAMES), -1);
	host_hook = NULL;
	CHECK(!robbed);
	CHECK_EQ(mm->fresh, 300 * AREA_FRAMES - 1);
	CHECK_EQ(mm->reported, AREA_FRAMES);
	CHECK_MM(mm);
	CHECK_EQ(report_unregister(mm, &fake->sink), 0);
}
