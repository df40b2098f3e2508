/* The balloon's driver with mm/report above it, as in the kernel. */
#include "balloon_rig.h"
#include "host.h"
#include "mm/report.h"
#include "mm/state.h"
#include "tests/unit/fixture.h"

#define SECOND 1000000000ull

/* Steps the reporting thread, sleeping as it asks to, until nothing is left to do or that much time went by. */
static void report_for(uint64_t ns)
{
	uint64_t end = mm_port_now_ns() + ns;

	do {
		uint64_t wake = report_step(rig_mm);

		if (wake > end)
			break;
		if (wake > mm_port_now_ns())
			host_time_set(wake);
	} while (!report_is_done(rig_mm) && mm_port_now_ns() < end);
}

static struct mm_totals totals(void)
{
	struct mm_totals t;

	mm_totals(rig_mm, &t);
	return t;
}

TEST(balloon_report, free_memory_goes_to_the_host_once)
{
	unsigned missed = 0;

	fixture_quiet();
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true}), 0);
	report_now(rig_mm);
	report_for(SECOND);
	CHECK(report_is_done(rig_mm));
	report_now(rig_mm);
	report_for(SECOND);
	CHECK_EQ(totals().isolated, 0);
	CHECK(totals().reported >= RIG_FRAMES - 512);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + RIG_FRAMES; pfn++) {
		enum mm_state state = mm_frame_state(rig_mm, pfn);
		unsigned times = virtio_device_reported(&rig_device, pfn);

		CHECK_EQ(times, state == MM_STATE_REPORTED);
		missed += !times;
	}
	CHECK_EQ(missed, RIG_FRAMES - totals().reported);
	CHECK(mm_check(rig_mm));
}

/* A device that answers nothing, with a report in flight. */
static void start_silent(void)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .lie = LIE_SILENT}), 0);
	rig_balloon.restart_left = false;
	fixture_quiet();
	report_now(rig_mm);
	(void)report_step(rig_mm);
	CHECK(totals().isolated > 0);
}

TEST(balloon_report, silent_device_is_reset_and_reporting_is_off)
{
	pfn_t all[RIG_FRAMES];
	unsigned count = 0;

	start_silent();
	report_for(10 * SECOND);
	CHECK_EQ(totals().isolated, 0);
	CHECK_EQ(totals().reported, 0);
	CHECK_EQ(rig_device.resets, 2); /* one at the start */
	CHECK(rig_device.failed_seen);
	CHECK(report_is_done(rig_mm));
	rig_check_off();
	while ((all[count] = mm_alloc(rig_mm, 0, MM_ZERO_COLD)) != MM_PFN_NONE)
		if (++count == RIG_FRAMES)
			break;
	CHECK_EQ(count, RIG_FRAMES);
	while (count)
		mm_free(rig_mm, all[--count], 0);
	/* Nothing is asked of it any more. */
	report_now(rig_mm);
	report_for(SECOND);
	CHECK(report_is_done(rig_mm));
	CHECK_EQ(rig_device.resets, 2);
	CHECK_EQ(totals().isolated, 0);
	CHECK(mm_check(rig_mm));
}

TEST(balloon_report, allocation_waits_for_what_is_in_flight)
{
	pfn_t pfn[RIG_FRAMES / 512];
	unsigned count = 0;

	start_silent();
	while (count < ARRAY_LEN(pfn) - 1) { /* the rings lie in one area */
		pfn[count] = mm_alloc(rig_mm, 9, MM_ANY);
		CHECK(pfn[count] != MM_PFN_NONE);
		count++;
	}
	CHECK_EQ(rig_device.resets, 2);
	while (count)
		mm_free(rig_mm, pfn[--count], 9);
	rig_check_off();
}

TEST(balloon_report, device_that_never_resets_keeps_what_it_has_and_no_more)
{
	uint64_t isolated;

	start_silent();
	isolated = totals().isolated;
	rig_device.lie = LIE_NEVER_RESETS;
	report_for(10 * SECOND);
	CHECK_EQ(totals().isolated, isolated);
	CHECK_EQ(rig_allocated(), 2);
	CHECK_EQ(totals().reported, 0);
	CHECK(mm_check(rig_mm));
	rig_device.lie = LIE_NONE;
	report_for(10 * SECOND);
	CHECK_EQ(totals().isolated, 0);
	CHECK_EQ(totals().reported, 0);
	rig_check_off();
}

TEST(balloon_report, liar_is_taken_down_and_its_memory_comes_back_dirty)
{
	static const enum device_lie lies[] = {LIE_INDEX_JUMP, LIE_ID_RANGE, LIE_ID_UNKNOWN, LIE_TWICE};

	fixture_quiet();
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		CHECK_EQ(rig_start(&(struct virtio_device){.police = true}), 0);
		rig_device.lie = lies[i];
		report_now(rig_mm);
		report_for(10 * SECOND);
		CHECK_EQ(totals().isolated, 0);
		CHECK_EQ(totals().zero, 0);
		rig_check_off();
	}
}
