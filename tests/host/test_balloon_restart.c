/* What becomes of a balloon that fails while it is in use, and what its host says meanwhile. */
#include <string.h>

#include "balloon_rig.h"
#include "host.h"
#include "host_mmio.h"
#include "lib/table.h"
#include "mm/report.h"
#include "mm/state.h"
#include "tests/unit/fixture.h"

#define SECOND	     1000000000ull
#define RINGS	     2u
#define NEEDS_RESET  0x40u
#define DRIVER_OK_ON 0xfu /* all that a driver sets, and no more */

static uint64_t stat(const char *name)
{
	TABLE_FOR_EACH (stat, struct stat_row, row) {
		if (strcmp(row->name, name) == 0)
			return stat_value(row);
	}
	test_port_fail(__FILE__, __LINE__, "no counter %s", name);
}

static void run_for(uint64_t ns)
{
	const uint64_t end = mm_port_now_ns() + ns;

	while (mm_port_now_ns() < end) {
		const uint64_t wake = report_step(rig_mm);

		host_time_set(wake < end ? wake : end);
	}
}

static void start(const struct virtio_device *like)
{
	fixture_quiet();
	CHECK_EQ(rig_start(like), 0);
	host_log_clear();
}

static uint64_t reported(void)
{
	struct mm_totals totals;

	mm_totals(rig_mm, &totals);
	return totals.reported;
}

/* It works: what is free goes to the host. */
static void check_works(void)
{
	CHECK_STR(rig_reporter(), "virtio-balloon");
	CHECK_EQ(rig_balloon.state, BALLOON_LIVE);
	CHECK_EQ(rig_device.status, DRIVER_OK_ON);
	CHECK_EQ(rig_allocated(), RINGS);
	report_now(rig_mm);
	run_for(SECOND);
	CHECK(report_is_done(rig_mm));
	CHECK(reported() >= RIG_FRAMES - 2 * 512);
	CHECK_EQ(rig_mm->isolated, 0);
	CHECK(mm_check(rig_mm));
}

/* Once by itself, then when told, and each time once more. */
TEST(balloon_restart, a_device_that_fails_is_brought_up_again_once)
{
	static const enum device_lie lies[] = {LIE_SILENT, LIE_INDEX_JUMP, LIE_ID_RANGE, LIE_ID_UNKNOWN, LIE_TWICE};

	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		const uint64_t restarts = stat("balloon.restarts");

		start(&(struct virtio_device){.police = true});
		for (unsigned round = 1; round < 3; round++) {
			rig_device.lie = lies[i];
			fixture_dirty(rig_mm, fixture_base() + 1024, 512);
			report_now(rig_mm);
			rig_device.heals = true;
			run_for(3 * SECOND);
			CHECK(host_log_has("balloon: was reset, and is brought up once more"));
			CHECK(!host_log_has("has gone off"));
			check_works();
			rig_device.lie = lies[i];
			rig_device.heals = false;
			fixture_dirty(rig_mm, fixture_base() + 1024, 512);
			report_now(rig_mm);
			run_for(5 * SECOND);
			CHECK(host_log_has("balloon: was reset and stays off until `report restart`"));
			CHECK_STR(rig_reporter(), "none");
			CHECK(!virtio_device_has_memory(&rig_device));
			CHECK_EQ(rig_allocated(), 0);
			CHECK_EQ(balloon_restart(), 0);
			rig_device.lie = LIE_NONE;
			run_for(SECOND);
			check_works();
			CHECK_EQ(balloon_restart(), 0);
			check_works();
			CHECK_EQ(stat("balloon.restarts"), restarts + 3 * round);
			host_log_clear();
		}
		CHECK_EQ(report_unregister(rig_mm, &rig_balloon.sink), 0);
	}
}

/* It says so itself, with nothing in flight: noticed without anybody waiting for it. */
TEST(balloon_restart, a_device_that_says_it_has_failed)
{
	start(&(struct virtio_device){.police = true});
	check_works();
	rig_device.status |= NEEDS_RESET;
	run_for(SECOND);
	CHECK(host_log_has("balloon: the device has failed and wants to be reset"));
	CHECK(host_log_has("brought up once more"));
	check_works();
	rig_device.status |= NEEDS_RESET;
	run_for(SECOND);
	CHECK_STR(rig_reporter(), "none");
	rig_check_off();
}

/* Nobody waits for anything of it: it is asked again until it does. */
TEST(balloon_restart, a_device_that_fails_idle_and_is_slow_to_reset)
{
	start(&(struct virtio_device){.police = true});
	rig_device.status |= NEEDS_RESET;
	rig_device.lie = LIE_NEVER_RESETS;
	run_for(5 * SECOND);
	CHECK_EQ(rig_balloon.state, BALLOON_STUCK);
	CHECK_EQ(rig_allocated(), RINGS);
	rig_device.lie = LIE_NONE;
	run_for(5 * SECOND);
	check_works();
}

/* With something in flight it is the timeout that takes it back. */
TEST(balloon_restart, a_device_that_fails_with_something_in_flight)
{
	start(&(struct virtio_device){.police = true, .holds = true});
	report_now(rig_mm);
	run_for(SECOND / 100);
	CHECK(rig_mm->isolated > 0);
	rig_device.status |= NEEDS_RESET;
	run_for(SECOND / 2);
	CHECK(rig_mm->isolated > 0);
	CHECK_EQ(rig_device.resets, 1);
	rig_device.holds = false;
	run_for(2 * SECOND);
	CHECK(rig_device.resets > 1);
	check_works();
}

/* An allocation that waits takes it down, and doesn't bring it up: that needs memory. The next step does. */
TEST(balloon_restart, an_allocation_that_waits_takes_it_down)
{
	pfn_t pfn[RIG_FRAMES / 512];
	unsigned count = 0;

	start(&(struct virtio_device){.police = true, .lie = LIE_SILENT});
	report_now(rig_mm);
	(void)report_step(rig_mm);
	while (count < ARRAY_LEN(pfn) - 1 && (pfn[count] = mm_alloc(rig_mm, 9, MM_ANY)) != MM_PFN_NONE)
		count++;
	CHECK(host_log_has("brought up once more"));
	CHECK_EQ(rig_balloon.state, BALLOON_OFF);
	CHECK_STR(rig_reporter(), "virtio-balloon");
	rig_device.lie = LIE_NONE;
	while (count)
		mm_free(rig_mm, pfn[--count], 9);
	(void)report_step(rig_mm);
	check_works();
}

TEST(balloon_restart, a_device_that_works_is_brought_up_anew)
{
	start(&(struct virtio_device){.police = true, .holds = true});
	report_now(rig_mm);
	(void)report_step(rig_mm);
	CHECK(rig_mm->isolated > 0);
	CHECK_EQ(balloon_restart(), 0); /* what is in flight was waited for */
	rig_device.holds = false;
	CHECK(!host_log_has("stays off"));
	CHECK_EQ(rig_mm->isolated, 0);
	check_works();
}

TEST(balloon_restart, a_device_that_does_not_finish_its_reset)
{
	start(&(struct virtio_device){.police = true});
	rig_device.lie = LIE_NEVER_RESETS;
	CHECK_EQ(balloon_restart(), -1);
	CHECK(host_log_has("doesn't finish its reset, so it can't be brought up again"));
	CHECK_EQ(rig_allocated(), RINGS);
	CHECK_EQ(balloon_restart(), -1);
	rig_device.lie = LIE_NONE;
	CHECK_EQ(balloon_restart(), 0);
	check_works();
	rig_device.lie = LIE_REFUSES_FEATURES;
	CHECK_EQ(balloon_restart(), -1);
	rig_check_off();
	rig_device.lie = LIE_NONE;
	CHECK_EQ(balloon_restart(), 0);
	check_works();
}

TEST(balloon_restart, without_memory_for_the_rings)
{
	static pfn_t taken[RIG_FRAMES];
	unsigned count = 0;

	start(&(struct virtio_device){.police = true});
	while (count < ARRAY_LEN(taken) && (taken[count] = mm_alloc(rig_mm, 0, MM_ANY)) != MM_PFN_NONE)
		count++;
	CHECK_EQ(balloon_restart(), 0); /* those that it had */
	rig_device.status |= NEEDS_RESET;
	for (unsigned i = 0; i < 3; i++) { /* somebody is quicker */
		host_time_advance(SECOND);
		rig_balloon.restart_left = false;
		rig_balloon.sink.poll(&rig_balloon.sink);
	}
	CHECK_EQ(rig_balloon.state, BALLOON_OFF);
	taken[count] = mm_alloc(rig_mm, 0, MM_ANY);
	taken[count + 1] = mm_alloc(rig_mm, 0, MM_ANY);
	count += RINGS;
	CHECK_EQ(count, RIG_FRAMES);
	(void)report_step(rig_mm);
	CHECK_EQ(balloon_restart(), -1);
	CHECK(host_log_has("no memory for the rings"));
	CHECK_EQ(rig_allocated(), RIG_FRAMES);
	while (count)
		mm_free(rig_mm, taken[--count], 0);
	CHECK_EQ(balloon_restart(), 0);
	check_works();
}

/* Said once for each change. */
TEST(balloon_restart, the_hosts_target_is_said_when_it_changes)
{
	const uint64_t before = stat("balloon.target_frames");
	struct report_status status;

	start(&(struct virtio_device){.police = true});
	rig_device.num_pages = 77;
	for (unsigned i = 0; i < 10; i++)
		run_for(SECOND);
	CHECK(host_log_has("balloon: the host asks for 77 frames, which is not obeyed"));
	CHECK_EQ(stat("balloon.target_frames"), before + 77);
	report_status(rig_mm, &status);
	CHECK_EQ(status.target_frames, 77);
	host_log_clear();
	run_for(SECOND);
	CHECK(!host_log_has("the host asks"));
	CHECK_EQ(balloon_restart(), 0);
	CHECK(!host_log_has("the host asks"));
	rig_device.num_pages = 0;
	run_for(SECOND);
	CHECK(host_log_has("the host asks for no frames any more"));
	CHECK_EQ(stat("balloon.target_frames"), before);
}

static void with_faults(uint64_t first, uint64_t calls)
{
	fixture_quiet();
	rig_plug(&(struct virtio_device){0});
	rig_balloon = (struct balloon){0};
	CHECK_EQ(rig_drive(), 0);
	rig_device.status |= NEEDS_RESET;
	host_time_advance(SECOND);
	const uint64_t before = host_mmio_calls();
	if (first)
		host_mmio_fail(before + first, calls);
	rig_balloon.sink.poll(&rig_balloon.sink);
	host_mmio_fail(0, 0);
	for (unsigned i = 0; i < 5; i++) {
		host_time_advance(SECOND);
		(void)report_step(rig_mm);
	}
	if (rig_balloon.state == BALLOON_LIVE)
		CHECK_EQ(rig_allocated(), RINGS);
	else if (rig_balloon.state == BALLOON_OFF)
		CHECK_EQ(rig_allocated(), 0);
	CHECK(mm_check(rig_mm));
	CHECK_EQ(balloon_restart(), 0);
	check_works();
	CHECK_EQ(report_unregister(rig_mm, &rig_balloon.sink), 0);
}

TEST(balloon_restart, nth_port_call_fails)
{
	for (uint64_t n = 0; n < 120; n++) {
		with_faults(n, 1);
		with_faults(n, UINT64_MAX);
	}
}
