/* A reporter without a host. */
#include "tests/unit/fake_sink.h"

#include <string.h>

#include "tests/unit/fixture.h"

static int submit(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag)
{
	struct fake_sink *fake = CONTAINER_OF(sink, struct fake_sink, sink);
	struct fake_request *request;

	fake->submits++;
	CHECK(count > 0);
	CHECK(count <= sink->capacity);
	CHECK(count <= FAKE_RANGES_MAX);
	if (count > fake->largest)
		fake->largest = count;
	for (unsigned i = 0; i < count; i++) {
		const struct report_range *range = &ranges[i];

		CHECK(range->frames >= (uint64_t)1 << fake->order);
		CHECK(range->frames <= (uint64_t)1 << MM_ORDER_MAX);
		CHECK_EQ(range->pfn & (((uint64_t)1 << fake->order) - 1), 0);
		CHECK(range->pfn >= fake->base);
		CHECK(range->pfn + range->frames <= fake->base + fake->span);
		for (pfn_t pfn = range->pfn; pfn < range->pfn + range->frames; pfn++) {
			/* nothing twice, and what is with the host is nobody else's */
			CHECK(!fake->dropped[pfn - fake->base]);
			CHECK_EQ(mm_frame_state(sink->mm, pfn), MM_STATE_ISOLATED);
		}
		if (sink->keeps_zero)
			CHECK(fixture_is(range->pfn, range->frames, 0));
	}
	if (fake->answer == FAKE_REFUSE || fake->submits == fake->fail_submit_at)
		return -1;
	CHECK(fake->pending_count < sink->in_flight_max);
	for (unsigned i = 0; i < fake->pending_count; i++)
		CHECK(fake->pending[i].tag != tag);
	request = &fake->pending[fake->pending_count++];
	if (fake->pending_count > fake->in_flight_largest)
		fake->in_flight_largest = fake->pending_count;
	request->tag = tag;
	request->count = count;
	memcpy(request->ranges, ranges, count * sizeof(*ranges));
	return 0;
}

static void answer(struct fake_sink *fake, unsigned at, bool ok)
{
	struct fake_request *request = &fake->pending[at];
	unsigned tag = request->tag;

	for (unsigned i = 0; ok && i < request->count; i++) {
		const struct report_range *range = &request->ranges[i];

		memset(fake->dropped + (range->pfn - fake->base), 1, range->frames);
		fake->frames += range->frames;
		if (fake->scribble && !fake->sink.keeps_zero)
			fixture_fill(range->pfn, range->frames, 0xde);
	}
	fake->pending_count--;
	memmove(request, request + 1, (fake->pending_count - at) * sizeof(*request));
	report_done(&fake->sink, tag, ok);
}

static void poll(struct report_sink *sink)
{
	struct fake_sink *fake = CONTAINER_OF(sink, struct fake_sink, sink);

	fake->polls++;
	while (fake->pending_count && fake->answer != FAKE_SILENT)
		answer(fake, fake->answer == FAKE_OUTOFORDER ? fake->pending_count - 1 : 0,
		       fake->answer != FAKE_DECLINE);
}

static bool reset(struct report_sink *sink)
{
	struct fake_sink *fake = CONTAINER_OF(sink, struct fake_sink, sink);

	fake->resets++;
	if (fake->reset_works)
		fake->pending_count = 0;
	return fake->reset_works;
}

struct fake_sink *fake_sink(size_t span, unsigned capacity, unsigned in_flight_max)
{
	struct fake_sink *fake = fixture_bytes(sizeof(*fake));

	fake->sink.name = "fake";
	fake->sink.capacity = capacity;
	fake->sink.in_flight_max = in_flight_max;
	fake->sink.submit = submit;
	fake->sink.poll = poll;
	fake->sink.reset = reset;
	fake->reset_works = true;
	fake->base = fixture_base();
	fake->span = span;
	fake->dropped = fixture_bytes(span);
	return fake;
}

void fake_used(struct fake_sink *fake, pfn_t pfn, size_t frames)
{
	memset(fake->dropped + (pfn - fake->base), 0, frames);
}

bool fake_run(struct mm *mm)
{
	for (int i = 0; i < 5000; i++) {
		uint64_t wake = report_step(mm), now = mm_port_now_ns();

		if (report_is_done(mm))
			return true;
		if (wake != UINT64_MAX && wake > now)
			test_port_pass_ns(wake - now);
	}
	return false;
}

struct mm *fake_mm(unsigned order, uint64_t batch)
{
	fixture_quiet();
	fixture_knob("report.order", order);
	fixture_knob("report.batch", batch);
	fixture_knob("report.timeout_ms", 50);
	return fixture_mm(FAKE_FRAMES, MM_FRESH_DIRTY);
}

struct fake_sink *fake_registered(struct mm *mm, unsigned order, unsigned capacity, unsigned in_flight_max)
{
	struct fake_sink *fake = fake_sink(FAKE_FRAMES, capacity, in_flight_max);

	fake->order = order;
	CHECK_EQ(report_register(mm, &fake->sink), 0);
	CHECK(fake->sink.mm == mm);
	return fake;
}

void fake_unregister(struct mm *mm, struct fake_sink *fake)
{
	CHECK_EQ(report_unregister(mm, &fake->sink), 0);
	CHECK_EQ(fake->pending_count, 0);
	CHECK_MM(mm);
}

void fake_until_in_flight(struct mm *mm, struct fake_sink *fake)
{
	for (int i = 0; i < 10 && !fake->pending_count; i++) {
		(void)report_step(mm);
		test_port_pass_ns(1000000);
	}
	CHECK(fake->pending_count > 0);
	CHECK(fake_isolated(mm) > 0);
}

uint64_t fake_reported(struct mm *mm)
{
	struct mm_totals totals;

	mm_totals(mm, &totals);
	return totals.reported;
}

uint64_t fake_isolated(struct mm *mm)
{
	struct mm_totals totals;

	mm_totals(mm, &totals);
	return totals.isolated;
}
