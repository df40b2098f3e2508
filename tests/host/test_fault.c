/* Whatever the port answers, and whenever: the failure of the n-th port call for every n, until n is more than there
 * are.
 *
 * A call of mm's port fails in its own way: a wake-up is due, the device refuses or declines a report, doesn't answer,
 * or can't be reset at once. After each, nothing is lost and nothing promised that doesn't hold. */
#include "host.h"
#include "mm/zero.h"
#include "tests/unit/fake_sink.h"
#include "tests/unit/fixture.h"
#include "tests/unit/naive.h"

#define FRAMES 768u

static struct fault {
	uint64_t at;	/* this call fails */
	uint64_t calls; /* so many there were */
	bool struck;
} fault;

static bool fails(void)
{
	if (++fault.calls != fault.at)
		return false;
	fault.struck = true;
	return true;
}

static struct fake_sink *sink;
static int (*real_submit)(struct report_sink *, const struct report_range *, unsigned, unsigned);
static void (*real_poll)(struct report_sink *);
static bool (*real_reset)(struct report_sink *);

static int faulty_submit(struct report_sink *s, const struct report_range *ranges, unsigned count, unsigned tag)
{
	return fails() ? -1 : real_submit(s, ranges, count, tag);
}

/* The device falls silent, and goes on when it was reset. */
static void silent_poll(struct report_sink *s)
{
	if (fails())
		sink->answer = FAKE_SILENT;
	real_poll(s);
}

static void declining_poll(struct report_sink *s)
{
	bool decline = fails();

	if (decline)
		sink->answer = FAKE_DECLINE;
	real_poll(s);
	if (decline)
		sink->answer = FAKE_ACCEPT;
}

static bool slow_reset(struct report_sink *s)
{
	if (fails())
		return false;
	sink->answer = FAKE_ACCEPT;
	return real_reset(s);
}

static bool faulty_yield(void)
{
	return fails();
}

/* Some of everything: fills, zeroing, reporting, requests that need batches back, a device that is reset. */
static void exercise(void (*poll)(struct report_sink *))
{
	struct mm *mm;
	struct mm_totals totals;
	pfn_t base, pfns[7];

	fixture_end();
	host_reset();
	fixture_quiet();
	fixture_knob_word("zero.policy", "idle");
	fixture_knob("zero.low_pct", 20);
	fixture_knob("zero.high_pct", 40);
	fixture_knob("zero.batch_frames", 16);
	fixture_knob("report.order", 6);
	fixture_knob("report.batch", 4);
	fixture_knob("report.timeout_ms", 10);
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	base = fixture_base();
	sink = fake_sink(FRAMES, 3, 2);
	sink->order = 6;
	sink->scribble = true;
	real_submit = sink->sink.submit;
	real_poll = sink->sink.poll;
	real_reset = sink->sink.reset;
	sink->sink.submit = faulty_submit;
	sink->sink.poll = poll;
	sink->sink.reset = slow_reset;
	host_should_yield = faulty_yield;
	CHECK_EQ(report_register(mm, &sink->sink), 0);

	for (unsigned i = 0; i < ARRAY_LEN(pfns); i++) {
		uint64_t wake;

		(void)zero_idle(mm, &wake);
		(void)report_step(mm);
		host_time_advance(1000000);
		pfns[i] = mm_alloc(mm, i, i & 1 ? MM_ANY : MM_ZERO_COLD);
		CHECK(pfns[i] != MM_PFN_NONE);
		if (!(i & 1))
			CHECK(fixture_is(pfns[i], (size_t)1 << i, 0));
		fixture_fill(pfns[i], (size_t)1 << i, 0x21);
		fake_used(sink, pfns[i], (size_t)1 << i);
		CHECK_MM(mm);
	}
	for (unsigned i = 0; i < ARRAY_LEN(pfns); i++)
		mm_free(mm, pfns[i], i);
	CHECK_MM(mm);
	(void)report_step(mm);
	for (int i = 0; i < 30; i++) {
		(void)report_step(mm);
		host_time_advance(5000000);
	}
	CHECK_MM(mm);
	host_time_advance(1000000000);
	(void)report_unregister(mm, &sink->sink);
	zero_pause(mm);
	mm_drain(mm);
	mm_totals(mm, &totals);
	CHECK_EQ(totals.isolated, 0);
	CHECK_EQ(totals.free, FRAMES);
	for (pfn_t pfn = base; pfn < base + FRAMES; pfn++)
		CHECK(mm_frame_state(mm, pfn) != MM_STATE_ZERO || fixture_is(pfn, 1, 0));
	CHECK_EQ(mm_alloc(mm, 9, MM_ZERO_COLD), base);
	CHECK(fixture_is(base, 512, 0));
	CHECK_MM(mm);
}

static void every_fault(void (*poll)(struct report_sink *))
{
	uint64_t n = 1;

	do {
		fault = (struct fault){.at = n};
		exercise(poll);
		n++;
	} while (fault.struck);
	CHECK(n > 100);
}

TEST(fault, nth_port_call_fails_and_the_device_declines)
{
	every_fault(declining_poll);
}

TEST(fault, nth_port_call_fails_and_the_device_falls_silent)
{
	every_fault(silent_poll);
}
