/* The balloon's driver and its transport, called as mm/report calls them. */
#include <string.h>

#include "balloon_rig.h"
#include "drivers/drivers.h"
#include "host.h"
#include "host_mmio.h"
#include "mm/report.h"
#include "mm/state.h"
#include "tests/unit/fixture.h"

static uint64_t stat(const char *name)
{
	TABLE_FOR_EACH (stat, struct stat_row, row) {
		if (strcmp(row->name, name) == 0)
			return stat_value(row);
	}
	test_port_fail(__FILE__, __LINE__, "no counter %s", name);
}

static unsigned in_flight(void)
{
	return !!rig_balloon.requests[0].chains + !!rig_balloon.requests[1].chains;
}

TEST(balloon, starts_on_what_qemu_has_by_default)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true}), 0);
	CHECK_EQ(rig_device.reporting_index, 3);
	CHECK_EQ(rig_device.accepted, VIRTIO_F_VERSION_1 | BALLOON_F_STATS_VQ | BALLOON_F_REPORTING);
	CHECK_EQ(rig_device.status, 0xf);
	CHECK_EQ(rig_balloon.reporting.q.index, 3);
	CHECK_EQ(rig_balloon.sink.capacity, 16);
	CHECK_EQ(rig_balloon.sink.in_flight_max, 2);
	CHECK_EQ(rig_allocated(), 2);
	CHECK_EQ(rig_device.stats_buffers, 1);
	CHECK(host_log_has("reports free memory by queue 3"));
}

TEST(balloon, accepts_only_what_it_uses)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .with = ~0ull}), 0);
	CHECK_EQ(rig_device.accepted, VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_ORDER_PLATFORM |
					      BALLOON_F_STATS_VQ | BALLOON_F_FREE_PAGE_HINT | BALLOON_F_REPORTING);
	CHECK(host_log_has("balloon: ACCESS_PLATFORM: an IOMMU may stand in its way"));
}

/* Which ones, by name: alone, several, one without a name, those that are used beside them. */
TEST(balloon, features_that_a_device_insists_on_are_named)
{
	static const struct {
		uint64_t insists, with;
		const char *says;
	} rows[] = {
		{VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_ACCESS_PLATFORM, NULL},
		{1ull << 34, ~0ull, "balloon: insists on RING_PACKED, which"},
		{1ull << 34 | VIRTIO_F_ACCESS_PLATFORM | 1ull << 28, ~0ull,
		 "insists on INDIRECT_DESC, RING_PACKED, which"},
		{1ull << 52, 1ull << 52, "insists on bit 52, which"},
		{BALLOON_F_MUST_TELL_HOST, BALLOON_F_MUST_TELL_HOST, "insists on MUST_TELL_HOST, which"},
		{~0ull, ~0ull, "insists on MUST_TELL_HOST, DEFLATE_ON_OOM, PAGE_POISON, bit 6"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		host_log_clear();
		CHECK_EQ(rig_start(&(struct virtio_device){
				 .police = true, .insists = rows[i].insists, .with = rows[i].with}),
			 rows[i].says ? -1 : 0);
		CHECK_EQ(host_log_has("insists on"), !!rows[i].says);
		if (rows[i].says) {
			CHECK(host_log_has(rows[i].says));
			rig_check_off();
		}
	}
}

TEST(balloon, finds_the_queue_that_reports)
{
	static const struct {
		enum device_numbering numbering;
		uint64_t with, without;
		unsigned index;
	} rows[] = {
		{NUMBERING_QEMU, 0, 0, 3},
		{NUMBERING_QEMU, BALLOON_F_FREE_PAGE_HINT, 0, 4},
		{NUMBERING_SPEC, 0, 0, 4},
		{NUMBERING_SPEC, BALLOON_F_FREE_PAGE_HINT, 0, 4},
		{NUMBERING_SPEC, 0, BALLOON_F_STATS_VQ, 4},
		{NUMBERING_DENSE, 0, 0, 3},
		{NUMBERING_DENSE, BALLOON_F_FREE_PAGE_HINT, 0, 4},
		{NUMBERING_DENSE, 0, BALLOON_F_STATS_VQ, 2},
		{NUMBERING_DENSE, BALLOON_F_FREE_PAGE_HINT, BALLOON_F_STATS_VQ, 3},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct virtio_device like = {.police = true,
					     .numbering = rows[i].numbering,
					     .with = rows[i].with,
					     .without = rows[i].without};

		CHECK_EQ(rig_start(&like), 0);
		CHECK_EQ(rig_device.reporting_index, rows[i].index);
		CHECK_EQ(rig_balloon.reporting.q.index, rows[i].index);
		CHECK_EQ(rig_submit(8, 1, 1, 0), 0);
		CHECK_EQ(virtio_device_reported(&rig_device, 8), 1);
		CHECK_EQ(report_unregister(rig_mm, &rig_balloon.sink), 0);
	}
}

TEST(balloon, is_found_behind_a_bridge_and_with_its_modern_id)
{
	struct pci_ecam ecam = virtio_device_ecam();

	rig_device = (struct virtio_device){.police = true, .behind_bridge = true, .device_id = 0x1045};
	rig_mm = fixture_mm(RIG_FRAMES, MM_FRESH_DIRTY);
	virtio_device_plug(&rig_device);
	drivers_start(rig_mm, &ecam, 1);
	CHECK(host_log_has("balloon: 01:03.0 reports free memory by queue 3"));
}

TEST(balloon, none_there)
{
	struct pci_ecam ecam = virtio_device_ecam();

	rig_mm = fixture_mm(RIG_FRAMES, MM_FRESH_DIRTY);
	host_mmio_reset();
	drivers_start(rig_mm, &ecam, 1);
	CHECK(host_log_has("0 found among 0 PCI functions, none in use: reporting is off"));
	host_log_clear();
	drivers_start(rig_mm, NULL, 0);
	CHECK(host_log_has("no usable MCFG table, and nothing answers at ports 0xcf8"));
	CHECK(mm_check(rig_mm));
}

/* Without an MCFG table, and with one that leads nowhere. */
TEST(balloon, is_found_through_ports)
{
	for (unsigned count = 0; count < 2; count++) {
		struct pci_ecam ecam = virtio_device_ecam();

		rig_device = (struct virtio_device){.police = true, .behind_bridge = true, .by_ports = true};
		rig_mm = fixture_mm(RIG_FRAMES, MM_FRESH_DIRTY);
		virtio_device_plug(&rig_device);
		host_log_clear();
		drivers_start(rig_mm, &ecam, count);
		CHECK(host_log_has(count ? "nothing where the MCFG table says, configuration goes through"
					 : "no usable MCFG table, configuration goes through"));
		CHECK(host_log_has("balloon: 01:03.0 reports free memory by queue 3"));
		CHECK_STR(rig_reporter(), "virtio-balloon");
	}
}

/* Two windows onto the same buses: a device in use is not started again. */
TEST(balloon, is_started_once_though_the_table_has_it_twice)
{
	struct pci_ecam ecams[2] = {virtio_device_ecam(), virtio_device_ecam()};

	rig_mm = fixture_mm(RIG_FRAMES, MM_FRESH_DIRTY);
	rig_device = (struct virtio_device){.police = true};
	virtio_device_plug(&rig_device);
	drivers_start(rig_mm, ecams, 2);
	CHECK_STR(rig_reporter(), "virtio-balloon");
	CHECK_EQ(rig_device.resets, 1);
	CHECK(!host_log_has("reporting is off"));
	CHECK(host_log_has("pci: the MCFG table has buses 00 to 03 of segment 0 twice, left out"));
	CHECK(mm_check(rig_mm));
}

/* Shown at other places of the bus as well: a root port that answers for all device numbers, a host that repeats its
 * buses. */
TEST(balloon, is_started_once_though_it_is_seen_twice)
{
	const struct pci_ecam ecam = virtio_device_ecam();

	rig_plug(&(struct virtio_device){0});
	for (unsigned i = 0; i < 2; i++) {
		struct device_function *f = virtio_device_function(&rig_device, (uint8_t)(2 * i), 9, 0, 0, 0);

		memcpy(f->config, rig_device.functions[1].config, sizeof(f->config));
	}
	host_log_clear();
	drivers_start(rig_mm, &ecam, 1);
	CHECK(host_log_has("pci: 00:09.0 is 00:03.0 seen once more, left alone"));
	CHECK(host_log_has("pci: 02:09.0 is 00:03.0 seen once more, left alone"));
	CHECK_EQ(rig_device.resets, 1);
	CHECK_STR(rig_reporter(), "virtio-balloon");
}

/* By its numbers, or by where it lies, though that be half a bus. */
TEST(balloon, windows_that_overlap_are_left_out)
{
	static const struct {
		uint16_t segment;
		paddr_t further;
		bool left_out;
	} rows[] = {
		{0, 64 * MIB, true},
		{1, 0, true},
		{1, (DEVICE_BUSES - 1) * MIB + MIB / 2, true},
		{1, DEVICE_BUSES * MIB, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pci_ecam ecams[2] = {virtio_device_ecam(), virtio_device_ecam()};

		ecams[1].segment = rows[i].segment;
		ecams[1].base += rows[i].further;
		rig_plug(&(struct virtio_device){.police = true});
		for (unsigned order = 0; order < 2; order++) {
			const struct pci_ecam table[2] = {ecams[order], ecams[!order]};

			host_log_clear();
			drivers_start(rig_mm, table, 2);
			/* One that nothing is behind hides nobody. */
			CHECK_EQ(host_log_has("twice, left out"), rows[i].left_out && (!order || !rows[i].further));
			CHECK(host_log_has("00:03.0 "));
		}
	}
}

static struct virtio_device beside[2];

/* Plugs three balloons, and has the kernel's table of drivers start them. */
static void start_three(const struct virtio_device *second, const struct virtio_device *third)
{
	struct pci_ecam ecam = virtio_device_ecam();

	rig_plug(&(struct virtio_device){.police = true, .wants_stats = true});
	beside[0] = *second;
	beside[1] = *third;
	virtio_device_plug_beside(&rig_device, &beside[0]);
	virtio_device_plug_beside(&rig_device, &beside[1]);
	drivers_start(rig_mm, &ecam, 1);
}

#define STATE_FRAMES 2u /* a balloon's */

TEST(balloon, all_are_bound_and_one_reports)
{
	const struct virtio_device like = {.police = true, .wants_stats = true};

	start_three(&like, &like);
	CHECK(host_log_has("balloon: 00:03.0 reports free memory by queue 3"));
	CHECK(host_log_has("balloon: 00:04.0 is in use, reporting is served by the balloon 00:03.0"));
	CHECK(host_log_has("balloon: 00:05.0 is in use, reporting is served by the balloon 00:03.0"));
	CHECK_EQ(rig_allocated(), 3 * STATE_FRAMES + 2 + 1 + 1);
	fixture_quiet();
	report_now(rig_mm);
	for (unsigned i = 0; i < 1000 && !report_is_done(rig_mm); i++)
		(void)report_step(rig_mm);
	CHECK(report_is_done(rig_mm));
	CHECK(rig_device.chains > 0);
	for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
		CHECK_EQ(beside[i].status, 0xf);
		CHECK_EQ(beside[i].resets, 1);
		CHECK_EQ(beside[i].chains, 0);
		CHECK(!beside[i].queues[beside[i].reporting_index].enable);
		CHECK(beside[i].stats_buffers > 1); /* renewed as the reporter's are */
		CHECK_EQ(beside[i].stats_buffers, rig_device.stats_buffers);
	}
	CHECK(mm_check(rig_mm));
}

/* One that can't be used is no hindrance, and nothing of it stays behind. */
TEST(balloon, one_of_several_is_of_no_use)
{
	const struct virtio_device like = {.police = true, .wants_stats = true};

	start_three(&(struct virtio_device){.police = true, .lie = LIE_REFUSES_FEATURES}, &like);
	CHECK(host_log_has("balloon: was reset and stays off"));
	CHECK(host_log_has("balloon: 00:05.0 is in use, reporting is served by the balloon 00:03.0"));
	CHECK_EQ(rig_allocated(), 2 * STATE_FRAMES + 2 + 1);
	CHECK(!virtio_device_has_memory(&beside[0]));
	CHECK(mm_check(rig_mm));
}

/* The reporter goes off: the others have what they have, and their statistics stay as they are. */
TEST(balloon, others_stay_when_the_reporter_goes_off)
{
	const struct virtio_device like = {.police = true, .wants_stats = true};

	start_three(&like, &like);
	rig_device.lie = LIE_ID_RANGE;
	fixture_quiet();
	report_now(rig_mm);
	for (unsigned i = 0; i < 100; i++) {
		(void)report_step(rig_mm);
		host_time_advance(100000000);
	}
	CHECK_STR(rig_reporter(), "none");
	CHECK(!virtio_device_has_memory(&rig_device));
	CHECK_EQ(beside[0].status, 0xf);
	CHECK_EQ(beside[0].resets, 1);
	CHECK_EQ(rig_allocated(), 3 * STATE_FRAMES + 1 + 1);
	CHECK(mm_check(rig_mm));
}

TEST(balloon, one_of_no_use_does_not_keep_the_next_from_use)
{
	struct pci_ecam ecam = virtio_device_ecam();

	rig_mm = fixture_mm(RIG_FRAMES, MM_FRESH_DIRTY);
	rig_device = (struct virtio_device){0};
	virtio_device_plug(&rig_device);
	(void)virtio_device_function(&rig_device, 0, 2, 0, 0x1af4, 0x1002); /* it has no capabilities */
	drivers_start(rig_mm, &ecam, 1);
	CHECK(host_log_has("balloon 00:02.0: not a modern virtio device"));
	CHECK_STR(rig_reporter(), "virtio-balloon");
}

TEST(balloon, other_devices_are_left_alone)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.device_id = 0x1000}), 1);
	CHECK_EQ(rig_device.resets, 0);
	CHECK_EQ(rig_device.functions[1].config[4], 3);
}

TEST(balloon, without_reporting_is_left_off)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .without = BALLOON_F_REPORTING}), -1);
	CHECK(host_log_has("doesn't offer free page reporting"));
	CHECK(rig_device.failed_seen);
	rig_check_off();
}

TEST(balloon, legacy_device_is_left_off)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .without = VIRTIO_F_VERSION_1}), -1);
	CHECK(host_log_has("doesn't offer VERSION_1, only STATS_VQ, PAGE_POISON, PAGE_REPORTING, INDIRECT_DESC"));
	CHECK(host_log_has("disable-modern=off"));
	rig_check_off();
}

TEST(balloon, says_that_the_target_is_not_obeyed)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .num_pages = 77}), 0);
	CHECK(host_log_has("asks for 77 frames"));
}

TEST(balloon, report_carries_the_ranges)
{
	uint64_t requests = stat("balloon.requests"), answers = stat("balloon.answers");
	unsigned notifications;

	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .holds = true}), 0);
	notifications = rig_device.notifications;
	CHECK_EQ(rig_submit(512, 512, 3, 7), 0);
	CHECK_EQ(rig_device.notifications, notifications + 1);
	CHECK_EQ(in_flight(), 1);
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK_EQ(in_flight(), 1);
	CHECK_EQ(virtio_device_answer(&rig_device, 1), 1);
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK_EQ(in_flight(), 0);
	CHECK_EQ(rig_device.range_count, 3);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(rig_device.ranges[i].addr, (i + 1) * 2 * MIB);
		CHECK_EQ(rig_device.ranges[i].bytes, 2 * MIB);
	}
	CHECK_EQ(stat("balloon.requests"), requests + 1);
	CHECK_EQ(stat("balloon.answers"), answers + 1);
}

TEST(balloon, ring_holds_all_requests_that_it_promises)
{
	static const unsigned sizes[] = {1, 2, 4, 32, 64, 128, 256, 1024};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		unsigned capacity, max;

		CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .holds = true, .queue_size = sizes[i]}), 0);
		capacity = rig_balloon.sink.capacity;
		max = rig_balloon.sink.in_flight_max;
		CHECK_EQ(capacity * max, sizes[i] < VIRTQ_SIZE_MAX ? sizes[i] : VIRTQ_SIZE_MAX);
		for (unsigned round = 0; round < 5; round++) {
			for (unsigned n = 0; n < max; n++)
				CHECK_EQ(rig_submit(1024, 1, capacity, n), 0);
			CHECK_EQ(in_flight(), max);
			for (unsigned n = 0; n < max; n++) {
				CHECK_EQ(virtio_device_answer(&rig_device, 1), 1);
				rig_balloon.sink.poll(&rig_balloon.sink);
				CHECK_EQ(in_flight(), max - n - 1);
			}
		}
		CHECK_EQ(rig_device.longest_chain, capacity);
		CHECK_EQ(report_unregister(rig_mm, &rig_balloon.sink), 0);
	}
}

/* A chain may not be longer than 4 GiB: sixteen blocks of 1 GiB take four, and are done when the last is. */
TEST(balloon, large_blocks_are_cut_into_chains)
{
	uint64_t answers = stat("balloon.answers");

	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .holds = true}), 0);
	CHECK_EQ(rig_submit(0, 1u << 18, 16, 1), 0);
	CHECK_EQ(rig_submit(0, (1u << 18) + 1, 16, 2), 0);
	CHECK_EQ(virtio_device_answer(&rig_device, 3), 3);
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK_EQ(in_flight(), 2);
	CHECK_EQ(virtio_device_answer(&rig_device, 1), 1);
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK_EQ(in_flight(), 1);
	CHECK_EQ(stat("balloon.answers"), answers + 1);	    /* not one for each chain */
	CHECK_EQ(virtio_device_answer(&rig_device, 99), 6); /* three of them a chain, a single one at the end */
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK_EQ(in_flight(), 0);
	CHECK_EQ(rig_device.range_count, 32);
	CHECK_EQ(rig_device.longest_bytes, 4 * GIB);
}

TEST(balloon, statistics_are_renewed_when_used)
{
	pfn_t taken;

	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .wants_stats = true}), 0);
	CHECK_EQ(rig_device.stats_buffers, 1);
	CHECK_EQ(rig_device.stats_entries, 3);
	CHECK_EQ(rig_device.stats_free_bytes, (RIG_FRAMES - 2) * FRAME_SIZE);
	taken = mm_alloc(rig_mm, 5, MM_ANY);
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK_EQ(rig_device.stats_buffers, 2);
	CHECK_EQ(rig_device.stats_free_bytes, (RIG_FRAMES - 34) * FRAME_SIZE);
	for (unsigned i = 0; i < 300; i++)
		rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK_EQ(rig_device.stats_buffers, 302);
	mm_free(rig_mm, taken, 5);
}

/* Free memory, all of it; what is available is less while some is with the host. */
TEST(balloon, statistics_count_what_is_in_flight_as_free)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .wants_stats = true, .holds = true}), 0);
	fixture_quiet();
	report_now(rig_mm);
	(void)report_step(rig_mm);
	CHECK(rig_mm->isolated > 0);
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK_EQ(rig_device.stats_free_bytes, (RIG_FRAMES - 2) * FRAME_SIZE);
}

TEST(balloon, statistics_are_renewed_while_nothing_is_reported)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .wants_stats = true}), 0);
	report_pause(rig_mm);
	(void)report_step(rig_mm);
	CHECK_EQ(rig_device.stats_buffers, 2);
	report_resume(rig_mm);
}

TEST(balloon, broken_statistics_do_not_stop_reports)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .wants_stats = true, .lie = LIE_ID_RANGE}), 0);
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK(rig_balloon.stats.q.broken);
	rig_device.lie = LIE_NONE;
	CHECK_EQ(rig_submit(0, 1, 1, 0), 0);
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK_EQ(in_flight(), 0);
	CHECK_EQ(rig_device.stats_buffers, 1);
}

/* A device that lies while it is brought up is left off, and the allocator has everything back. */
TEST(balloon, lies_at_the_start)
{
	static const struct {
		enum device_lie lie;
		const char *says;
	} rows[] = {
		{LIE_NEVER_RESETS, "doesn't finish its reset"},
		{LIE_REFUSES_FEATURES, "refuses the features"},
		{LIE_NOTIFY_OFFSET, "would be notified at offset 0x3fffc of 0x1000"},
		{LIE_NOTIFY_END, "would be notified at offset 0x1000 of 0x1000"},
		{LIE_NOTIFY_WRAPS, "would be notified at offset 0x100000000 of 0x1000"},
		{LIE_NOTIFY_ODD, "would be notified at offset 0x1 of 0x1000"},
		{LIE_GONE, "refuses the features"},
		{LIE_QUEUE_SHRINKS, "descriptors, 64 were expected"},
		{LIE_QUEUE_SIZE_ODD, "has 33 descriptors"},
		{LIE_QUEUES_MISSING, "has 0 descriptors"},
		{LIE_CAP_NONE, "not a modern virtio device: it has the legacy interface alone"},
		{LIE_CAP_LOW, "not a modern virtio device"},
		{LIE_CAP_SHORT, "not a modern virtio device"},
		{LIE_CAP_END, "not a modern virtio device"},
		{LIE_CAP_BAR, "not a modern virtio device"},
		{LIE_CAP_BAR_IO, "not a modern virtio device"},
		{LIE_CAP_OFFSET, "not a modern virtio device"},
		{LIE_CAP_COMMON_SHORT, "too short"},
		{LIE_CAP_MISALIGNED, "aligned"},
		{LIE_CAP_DEVICE, "aligned"},
		{LIE_BAR_UNASSIGNED, "the firmware has given the BAR with its registers no address"},
		{LIE_BAR_SIZE, "not a modern virtio device"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct virtio_device like = {
			.police = true, .lie = rows[i].lie, .status = rows[i].lie == LIE_NEVER_RESETS};

		host_log_clear();
		CHECK_EQ(rig_start(&like), -1);
		CHECK(host_log_has(rows[i].says));
		CHECK_EQ(rig_device.functions[rig_device.function_count - 1].config[4] & 4,
			 0); /* no master of the bus */
		rig_check_off();
	}
}

TEST(balloon, harmless_lies_at_the_start)
{
	static const enum device_lie lies[] = {LIE_GENERATION, LIE_CAP_EMPTY, LIE_QUEUE_SIZE_HUGE, LIE_CAP_LOOP};

	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		host_log_clear();
		CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .lie = lies[i]}), 0);
		CHECK_EQ(host_log_has("its configuration can't be read"),
			 lies[i] == LIE_GENERATION || lies[i] == LIE_CAP_EMPTY);
		CHECK_EQ(rig_submit(0, 1, 1, 0), 0);
		rig_balloon.sink.poll(&rig_balloon.sink);
		CHECK_EQ(in_flight(), 0);
		CHECK_EQ(report_unregister(rig_mm, &rig_balloon.sink), 0);
	}
}

/* What it answers is nonsense: the request stays in flight until it is reset, none other goes in. */
TEST(balloon, lies_in_its_answers)
{
	static const enum device_lie lies[] = {LIE_INDEX_JUMP, LIE_ID_RANGE, LIE_ID_UNKNOWN, LIE_TWICE};

	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		uint64_t broken = stat("balloon.broken_queues");

		CHECK_EQ(rig_start(&(struct virtio_device){.police = true}), 0);
		rig_device.lie = lies[i];
		rig_balloon.restart_left = false;
		CHECK_EQ(rig_submit(0, 1, 1, 3), 0);
		rig_balloon.sink.poll(&rig_balloon.sink);
		rig_balloon.sink.poll(&rig_balloon.sink);
		CHECK(rig_balloon.reporting.q.broken);
		CHECK_EQ(stat("balloon.broken_queues"), broken + 1);
		CHECK_EQ(in_flight(), 1);
		CHECK_EQ(rig_submit(0, 1, 1, 4), -1);
		CHECK_EQ(rig_allocated(), 2);
		CHECK(rig_balloon.sink.reset(&rig_balloon.sink));
		CHECK_EQ(in_flight(), 0);
		rig_check_off();
	}
}

TEST(balloon, answers_that_nobody_asked_for_take_it_down)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true}), 0);
	CHECK_EQ(rig_submit(0, 1, 1, 3), 0);
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK_EQ(in_flight(), 0);
	rig_balloon.restart_left = false;
	((volatile uint16_t *)rig_balloon.reporting.q.used)[1] += 1;
	rig_balloon.sink.poll(&rig_balloon.sink);
	rig_check_off();
}

TEST(balloon, too_long_a_length_is_no_harm)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .lie = LIE_LENGTH}), 0);
	CHECK_EQ(rig_submit(0, 1, 1, 3), 0);
	rig_balloon.sink.poll(&rig_balloon.sink);
	CHECK_EQ(in_flight(), 0);
	CHECK_EQ(rig_balloon.reporting.q.bad_lengths, 1);
}

/* Until its status reads 0 the device may write to the rings: they stay allocated, however often one asks. */
TEST(balloon, memory_comes_back_only_after_the_reset)
{
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .lie = LIE_SILENT}), 0);
	CHECK_EQ(rig_submit(0, 1, 1, 3), 0);
	rig_balloon.restart_left = false;
	rig_device.lie = LIE_NEVER_RESETS;
	for (unsigned i = 0; i < 3; i++) {
		CHECK(!rig_balloon.sink.reset(&rig_balloon.sink));
		CHECK_EQ(rig_balloon.state, BALLOON_STUCK);
		CHECK_EQ(rig_allocated(), 2);
		CHECK_EQ(in_flight(), 1);
		CHECK_EQ(rig_submit(0, 1, 1, 4), -1);
	}
	CHECK_EQ(rig_device.functions[1].config[4] & 4, 0); /* it may not master the bus any more */
	rig_device.lie = LIE_NONE;
	CHECK(rig_balloon.sink.reset(&rig_balloon.sink));
	rig_check_off();
}

TEST(balloon, no_memory_for_the_rings)
{
	pfn_t taken[RIG_FRAMES];
	unsigned count = 0;

	for (unsigned leave = 0; leave < 2; leave++) {
		rig_plug(&(struct virtio_device){.police = true});
		for (count = 0; count < RIG_FRAMES - leave; count++)
			taken[count] = mm_alloc(rig_mm, 0, MM_ANY);
		CHECK_EQ(rig_drive(), -1);
		CHECK(host_log_has("no memory for the rings"));
		CHECK_EQ(rig_allocated(), count);
		while (count)
			mm_free(rig_mm, taken[--count], 0);
		rig_check_off();
	}
}

/* Neither for the driver's own state, nor, with what is left, for rings: all that it took is back. */
TEST(balloon, no_memory_for_the_driver)
{
	static const char *const says[] = {"no memory for the driver of 00:03.0", "no memory for the rings"};
	const struct pci_ecam ecam = virtio_device_ecam();
	pfn_t taken[RIG_FRAMES / STATE_FRAMES];
	unsigned count;

	for (unsigned leave = 0; leave < ARRAY_LEN(says); leave++) {
		rig_plug(&(struct virtio_device){.police = true});
		for (count = 0; count < ARRAY_LEN(taken) - leave; count++)
			taken[count] = mm_alloc(rig_mm, 1, MM_ANY);
		host_log_clear();
		drivers_start(rig_mm, &ecam, 1);
		CHECK(host_log_has(says[leave]));
		CHECK(host_log_has("1 found among 2 PCI functions, none in use: reporting is off"));
		CHECK_EQ(rig_allocated(), count * STATE_FRAMES);
		CHECK(mm_check(rig_mm));
	}
}

static int never(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag)
{
	(void)sink;
	(void)ranges;
	(void)count;
	(void)tag;
	return -1;
}

static void nothing(struct report_sink *sink)
{
	(void)sink;
}

static bool at_once(struct report_sink *sink)
{
	(void)sink;
	return true;
}

/* mm/report takes one reporter: the balloon is in use all the same, and reports nothing. */
TEST(balloon, leaves_reporting_to_who_does_it_already)
{
	struct report_sink other = {
		.name = "other", .capacity = 1, .in_flight_max = 1, .submit = never, .poll = nothing, .reset = at_once};

	rig_plug(&(struct virtio_device){.police = true});
	CHECK_EQ(report_register(rig_mm, &other), 0);
	CHECK_EQ(rig_drive(), 0);
	CHECK(host_log_has("balloon: 00:03.0 is in use, reporting is served by other"));
	CHECK_STR(rig_reporter(), "other");
	CHECK_EQ(rig_balloon.state, BALLOON_LIVE);
	CHECK_EQ(rig_device.stats_buffers, 1);
	CHECK(!rig_device.queues[rig_device.reporting_index].enable);
	CHECK_EQ(rig_allocated(), 1);
	CHECK(rig_balloon.sink.reset(&rig_balloon.sink));
	rig_check_off();
	CHECK_EQ(report_unregister(rig_mm, &other), 0);
}

/* Each port call fails in turn, once or with all that follow it: bring-up, a few reports, take-down. However it ends,
 * what the device can touch is still allocated, and what it can't is back. */
static void with_faults(uint64_t first, uint64_t calls)
{
	bool down;

	rig_plug(&(struct virtio_device){.wants_stats = true});
	host_mmio_fail(first, calls);
	rig_balloon = (struct balloon){0};
	if (rig_drive() == 0) {
		rig_balloon.restart_left = false;
		for (unsigned i = 0; i < 4; i++) {
			if (in_flight() < 2)
				(void)rig_submit(i * 16, 1, 3, i);
			rig_balloon.sink.poll(&rig_balloon.sink);
		}
	}
	down = rig_balloon.state == BALLOON_OFF || rig_balloon.sink.reset(&rig_balloon.sink);
	CHECK_EQ(down, rig_balloon.state == BALLOON_OFF);
	if (down) {
		CHECK(!virtio_device_has_memory(&rig_device));
		CHECK_EQ(rig_allocated(), 0);
	} else {
		CHECK_EQ(rig_allocated(), !!rig_balloon.reporting.mm + !!rig_balloon.stats.mm);
	}
	CHECK(mm_check(rig_mm));
	report_step(rig_mm);
	if (down)
		CHECK_STR(rig_reporter(), "none");
}

TEST(balloon, nth_port_call_fails)
{
	uint64_t calls;

	with_faults(0, 0);
	CHECK_EQ(rig_balloon.state, BALLOON_OFF);
	CHECK_EQ(rig_device.chains, 4);
	calls = host_mmio_calls();
	CHECK(calls > 150); /* or there was nothing to fail */
	for (uint64_t n = 1; n <= calls; n++) {
		with_faults(n, 1);
		with_faults(n, UINT64_MAX);
	}
}
