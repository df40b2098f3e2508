/* The balloon's driver, its transport and mm/report above it, against the device of tests/host/virtio_device.h. */
#include "drivers/virtio/balloon.h"

#include <string.h>

#include "drivers/drivers.h"
#include "host.h"
#include "host_mmio.h"
#include "mm/mm.h"
#include "mm/report.h"
#include "mm/state.h"
#include "tests/unit/fixture.h"
#include "tests/unit/test.h"
#include "virtio_device.h"

#define FRAMES 4096u /* of the allocator: 16 MiB */
#define SECOND 1000000000ull

static struct virtio_device device;
static struct balloon balloon;
static struct mm *mm;

static bool start_first(const struct pci_function *f, void *arg)
{
	int *result = arg;

	if (!balloon_match(f))
		return true;
	*result = balloon_start(&balloon, mm, f);
	return false;
}

/* Plugs the device and starts the driver. Returns what balloon_start said, 1 when there was no balloon. */
static int start(const struct virtio_device *like)
{
	struct pci_ecam ecam = virtio_device_ecam();
	int result = 1;

	device = *like;
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	virtio_device_plug(&device);
	pci_scan(&ecam, start_first, &result);
	return result;
}

static uint64_t allocated(void)
{
	struct mm_totals totals;

	mm_totals(mm, &totals);
	return totals.allocated;
}

static uint64_t stat(const char *name)
{
	TABLE_FOR_EACH (stat, struct stat_row, row) {
		if (strcmp(row->name, name) == 0)
			return *row->value;
	}
	test_port_fail(__FILE__, __LINE__, "no counter %s", name);
}

static unsigned in_flight(void)
{
	return !!balloon.requests[0].chains + !!balloon.requests[1].chains;
}

static int submit(pfn_t pfn, uint64_t frames, unsigned count, unsigned tag)
{
	struct report_range ranges[VIRTQ_SIZE_MAX];

	for (unsigned i = 0; i < count; i++)
		ranges[i] = (struct report_range){.pfn = pfn + i * frames, .frames = frames};
	return balloon.sink.submit(&balloon.sink, ranges, count, tag);
}

static const char *reporter(void)
{
	struct report_status status;

	report_status(mm, &status);
	return status.sink ? status.sink : "none";
}

/* It was taken down: the device has nothing of ours any more, the allocator has it all, and mm/report has lost it. */
static void check_off(void)
{
	CHECK_EQ(balloon.state, BALLOON_OFF);
	CHECK(!virtio_device_has_memory(&device));
	CHECK_EQ(allocated(), 0);
	CHECK_EQ(submit(0, 1, 1, 0), -1);
	balloon.sink.poll(&balloon.sink);
	CHECK(balloon.sink.reset(&balloon.sink));
	report_step(mm);
	CHECK(strcmp(reporter(), balloon.sink.name) != 0);
	CHECK(mm_check(mm));
}

TEST(balloon, starts_on_what_qemu_has_by_default)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true}), 0);
	CHECK_EQ(device.reporting_index, 3);
	CHECK_EQ(device.accepted, VIRTIO_F_VERSION_1 | BALLOON_F_STATS_VQ | BALLOON_F_REPORTING);
	CHECK_EQ(device.status, 0xf);
	CHECK_EQ(balloon.reporting.q.index, 3);
	CHECK_EQ(balloon.sink.capacity, 16);
	CHECK_EQ(balloon.sink.in_flight_max, 2);
	CHECK_EQ(allocated(), 2);
	CHECK_EQ(device.stats_buffers, 1);
	CHECK(host_log_has("reports free memory by queue 3"));
}

TEST(balloon, accepts_only_what_it_uses)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true, .with = ~0ull}), 0);
	CHECK_EQ(device.accepted,
		 VIRTIO_F_VERSION_1 | BALLOON_F_STATS_VQ | BALLOON_F_FREE_PAGE_HINT | BALLOON_F_REPORTING);
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

		CHECK_EQ(start(&like), 0);
		CHECK_EQ(device.reporting_index, rows[i].index);
		CHECK_EQ(balloon.reporting.q.index, rows[i].index);
		CHECK_EQ(submit(8, 1, 1, 0), 0);
		CHECK_EQ(virtio_device_reported(&device, 8), 1);
		CHECK_EQ(report_unregister(mm, &balloon.sink), 0);
	}
}

TEST(balloon, is_found_behind_a_bridge_and_with_its_modern_id)
{
	struct pci_ecam ecam = virtio_device_ecam();

	device = (struct virtio_device){.police = true, .behind_bridge = true, .device_id = 0x1045};
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	virtio_device_plug(&device);
	drivers_start(mm, &ecam, 1);
	CHECK(host_log_has("balloon: 01:03.0 reports free memory by queue 3"));
}

TEST(balloon, none_there)
{
	struct pci_ecam ecam = virtio_device_ecam();

	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	host_mmio_reset();
	drivers_start(mm, &ecam, 1);
	CHECK(host_log_has("0 found among 0 PCI functions, none in use: reporting is off"));
	host_log_clear();
	drivers_start(mm, NULL, 0);
	CHECK(host_log_has("no MCFG"));
	CHECK(mm_check(mm));
}

TEST(balloon, one_is_enough)
{
	struct pci_ecam ecams[2] = {virtio_device_ecam(), virtio_device_ecam()};

	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	device = (struct virtio_device){.police = true};
	virtio_device_plug(&device);
	drivers_start(mm, ecams, 2);
	CHECK_STR(reporter(), "virtio-balloon");
	CHECK_EQ(device.resets, 1);
	CHECK(!host_log_has("reporting is off"));
	CHECK(mm_check(mm));
}

TEST(balloon, one_of_no_use_does_not_keep_the_next_from_use)
{
	struct pci_ecam ecam = virtio_device_ecam();

	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	device = (struct virtio_device){0};
	virtio_device_plug(&device);
	(void)virtio_device_function(&device, 0, 2, 0, 0x1af4, 0x1002); /* it has no capabilities */
	drivers_start(mm, &ecam, 1);
	CHECK(host_log_has("00:02.0: no usable common"));
	CHECK_STR(reporter(), "virtio-balloon");
}

TEST(balloon, other_devices_are_left_alone)
{
	CHECK_EQ(start(&(struct virtio_device){.device_id = 0x1000}), 1);
	CHECK_EQ(device.resets, 0);
	CHECK_EQ(device.functions[1].config[4], 3);
}

TEST(balloon, without_reporting_is_left_off)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true, .without = BALLOON_F_REPORTING}), -1);
	CHECK(host_log_has("doesn't offer free page reporting"));
	CHECK(device.failed_seen);
	check_off();
}

TEST(balloon, legacy_device_is_left_off)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true, .without = VIRTIO_F_VERSION_1}), -1);
	CHECK(host_log_has("0x100000000 would be needed and are missing"));
	check_off();
}

TEST(balloon, says_that_the_target_is_not_obeyed)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true, .num_pages = 77}), 0);
	CHECK(host_log_has("asks for 77 frames"));
}

TEST(balloon, report_carries_the_ranges)
{
	uint64_t requests = stat("balloon.requests"), answers = stat("balloon.answers");
	unsigned notifications;

	CHECK_EQ(start(&(struct virtio_device){.police = true, .holds = true}), 0);
	notifications = device.notifications;
	CHECK_EQ(submit(512, 512, 3, 7), 0);
	CHECK_EQ(device.notifications, notifications + 1);
	CHECK_EQ(in_flight(), 1);
	balloon.sink.poll(&balloon.sink);
	CHECK_EQ(in_flight(), 1);
	CHECK_EQ(virtio_device_answer(&device, 1), 1);
	balloon.sink.poll(&balloon.sink);
	CHECK_EQ(in_flight(), 0);
	CHECK_EQ(device.range_count, 3);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(device.ranges[i].addr, (i + 1) * 2 * MIB);
		CHECK_EQ(device.ranges[i].bytes, 2 * MIB);
	}
	CHECK_EQ(stat("balloon.requests"), requests + 1);
	CHECK_EQ(stat("balloon.answers"), answers + 1);
}

TEST(balloon, ring_holds_all_requests_that_it_promises)
{
	static const unsigned sizes[] = {1, 2, 4, 32, 64, 128, 256, 1024};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		unsigned capacity, max;

		CHECK_EQ(start(&(struct virtio_device){.police = true, .holds = true, .queue_size = sizes[i]}), 0);
		capacity = balloon.sink.capacity;
		max = balloon.sink.in_flight_max;
		CHECK_EQ(capacity * max, sizes[i] < VIRTQ_SIZE_MAX ? sizes[i] : VIRTQ_SIZE_MAX);
		for (unsigned round = 0; round < 5; round++) {
			for (unsigned n = 0; n < max; n++)
				CHECK_EQ(submit(1024, 1, capacity, n), 0);
			CHECK_EQ(in_flight(), max);
			for (unsigned n = 0; n < max; n++) {
				CHECK_EQ(virtio_device_answer(&device, 1), 1);
				balloon.sink.poll(&balloon.sink);
				CHECK_EQ(in_flight(), max - n - 1);
			}
		}
		CHECK_EQ(device.longest_chain, capacity);
		CHECK_EQ(report_unregister(mm, &balloon.sink), 0);
	}
}

/* A chain may not be longer than 4 GiB: sixteen blocks of 1 GiB take four, and are done when the last is. */
TEST(balloon, large_blocks_are_cut_into_chains)
{
	uint64_t answers = stat("balloon.answers");

	CHECK_EQ(start(&(struct virtio_device){.police = true, .holds = true}), 0);
	CHECK_EQ(submit(0, 1u << 18, 16, 1), 0);
	CHECK_EQ(submit(0, (1u << 18) + 1, 16, 2), 0);
	CHECK_EQ(virtio_device_answer(&device, 3), 3);
	balloon.sink.poll(&balloon.sink);
	CHECK_EQ(in_flight(), 2);
	CHECK_EQ(virtio_device_answer(&device, 1), 1);
	balloon.sink.poll(&balloon.sink);
	CHECK_EQ(in_flight(), 1);
	CHECK_EQ(stat("balloon.answers"), answers + 1); /* not one for each chain */
	CHECK_EQ(virtio_device_answer(&device, 99), 6); /* three of them a chain, a single one at the end */
	balloon.sink.poll(&balloon.sink);
	CHECK_EQ(in_flight(), 0);
	CHECK_EQ(device.range_count, 32);
	CHECK_EQ(device.longest_bytes, 4 * GIB);
}

TEST(balloon, statistics_are_renewed_when_used)
{
	pfn_t taken;

	CHECK_EQ(start(&(struct virtio_device){.police = true, .wants_stats = true}), 0);
	CHECK_EQ(device.stats_buffers, 1);
	CHECK_EQ(device.stats_entries, 3);
	CHECK_EQ(device.stats_free_bytes, (FRAMES - 2) * FRAME_SIZE);
	taken = mm_alloc(mm, 5, MM_ANY);
	balloon.sink.poll(&balloon.sink);
	CHECK_EQ(device.stats_buffers, 2);
	CHECK_EQ(device.stats_free_bytes, (FRAMES - 34) * FRAME_SIZE);
	for (unsigned i = 0; i < 300; i++)
		balloon.sink.poll(&balloon.sink);
	CHECK_EQ(device.stats_buffers, 302);
	mm_free(mm, taken, 5);
}

/* Free memory, all of it; what is available is less while some is with the host. */
TEST(balloon, statistics_count_what_is_in_flight_as_free)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true, .wants_stats = true, .holds = true}), 0);
	fixture_quiet();
	report_now(mm);
	(void)report_step(mm);
	CHECK(mm->isolated > 0);
	balloon.sink.poll(&balloon.sink);
	CHECK_EQ(device.stats_free_bytes, (FRAMES - 2) * FRAME_SIZE);
}

TEST(balloon, statistics_are_renewed_while_nothing_is_reported)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true, .wants_stats = true}), 0);
	report_pause(mm);
	(void)report_step(mm);
	CHECK_EQ(device.stats_buffers, 2);
	report_resume(mm);
}

TEST(balloon, broken_statistics_do_not_stop_reports)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true, .wants_stats = true, .lie = LIE_ID_RANGE}), 0);
	balloon.sink.poll(&balloon.sink);
	CHECK(balloon.stats.q.broken);
	device.lie = LIE_NONE;
	CHECK_EQ(submit(0, 1, 1, 0), 0);
	balloon.sink.poll(&balloon.sink);
	CHECK_EQ(in_flight(), 0);
	CHECK_EQ(device.stats_buffers, 1);
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
		{LIE_CAP_NONE, "not a modern virtio device"},
		{LIE_CAP_LOW, "not a modern virtio device"},
		{LIE_CAP_SHORT, "not a modern virtio device"},
		{LIE_CAP_END, "not a modern virtio device"},
		{LIE_CAP_BAR, "not a modern virtio device"},
		{LIE_CAP_BAR_IO, "not a modern virtio device"},
		{LIE_CAP_OFFSET, "not a modern virtio device"},
		{LIE_CAP_COMMON_SHORT, "too short"},
		{LIE_CAP_MISALIGNED, "aligned"},
		{LIE_CAP_DEVICE, "aligned"},
		{LIE_BAR_UNASSIGNED, "not a modern virtio device"},
		{LIE_BAR_SIZE, "not a modern virtio device"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct virtio_device like = {
			.police = true, .lie = rows[i].lie, .status = rows[i].lie == LIE_NEVER_RESETS};

		host_log_clear();
		CHECK_EQ(start(&like), -1);
		CHECK(host_log_has(rows[i].says));
		CHECK_EQ(device.functions[device.function_count - 1].config[4] & 4, 0); /* no master of the bus */
		check_off();
	}
}

TEST(balloon, harmless_lies_at_the_start)
{
	static const enum device_lie lies[] = {LIE_GENERATION, LIE_CAP_EMPTY, LIE_QUEUE_SIZE_HUGE, LIE_CAP_LOOP};

	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		host_log_clear();
		CHECK_EQ(start(&(struct virtio_device){.police = true, .lie = lies[i]}), 0);
		CHECK_EQ(host_log_has("its configuration can't be read"),
			 lies[i] == LIE_GENERATION || lies[i] == LIE_CAP_EMPTY);
		CHECK_EQ(submit(0, 1, 1, 0), 0);
		balloon.sink.poll(&balloon.sink);
		CHECK_EQ(in_flight(), 0);
		CHECK_EQ(report_unregister(mm, &balloon.sink), 0);
	}
}

/* What it answers is nonsense: the request stays in flight until it is reset, none other goes in. */
TEST(balloon, lies_in_its_answers)
{
	static const enum device_lie lies[] = {LIE_INDEX_JUMP, LIE_ID_RANGE, LIE_ID_UNKNOWN, LIE_TWICE};

	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		uint64_t broken = stat("balloon.broken_queues");

		CHECK_EQ(start(&(struct virtio_device){.police = true}), 0);
		device.lie = lies[i];
		CHECK_EQ(submit(0, 1, 1, 3), 0);
		balloon.sink.poll(&balloon.sink);
		balloon.sink.poll(&balloon.sink);
		CHECK(balloon.reporting.q.broken);
		CHECK_EQ(stat("balloon.broken_queues"), broken + 1);
		CHECK_EQ(in_flight(), 1);
		CHECK_EQ(submit(0, 1, 1, 4), -1);
		CHECK_EQ(allocated(), 2);
		CHECK(balloon.sink.reset(&balloon.sink));
		CHECK_EQ(in_flight(), 0);
		check_off();
	}
}

TEST(balloon, answers_that_nobody_asked_for_take_it_down)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true}), 0);
	CHECK_EQ(submit(0, 1, 1, 3), 0);
	balloon.sink.poll(&balloon.sink);
	CHECK_EQ(in_flight(), 0);
	((volatile uint16_t *)balloon.reporting.q.used)[1] += 1;
	balloon.sink.poll(&balloon.sink);
	check_off();
}

TEST(balloon, too_long_a_length_is_no_harm)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true, .lie = LIE_LENGTH}), 0);
	CHECK_EQ(submit(0, 1, 1, 3), 0);
	balloon.sink.poll(&balloon.sink);
	CHECK_EQ(in_flight(), 0);
	CHECK_EQ(balloon.reporting.q.bad_lengths, 1);
}

/* Until its status reads 0 the device may write to the rings: they stay allocated, however often one asks. */
TEST(balloon, memory_comes_back_only_after_the_reset)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true, .lie = LIE_SILENT}), 0);
	CHECK_EQ(submit(0, 1, 1, 3), 0);
	device.lie = LIE_NEVER_RESETS;
	for (unsigned i = 0; i < 3; i++) {
		CHECK(!balloon.sink.reset(&balloon.sink));
		CHECK_EQ(balloon.state, BALLOON_STUCK);
		CHECK_EQ(allocated(), 2);
		CHECK_EQ(in_flight(), 1);
		CHECK_EQ(submit(0, 1, 1, 4), -1);
	}
	CHECK_EQ(device.functions[1].config[4] & 4, 0); /* it may not master the bus any more */
	device.lie = LIE_NONE;
	CHECK(balloon.sink.reset(&balloon.sink));
	check_off();
}

TEST(balloon, no_memory_for_the_rings)
{
	struct pci_ecam ecam = virtio_device_ecam();
	pfn_t taken[FRAMES];
	unsigned count = 0;
	int result = 1;

	for (unsigned leave = 0; leave < 2; leave++) {
		device = (struct virtio_device){.police = true};
		mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
		virtio_device_plug(&device);
		for (count = 0; count < FRAMES - leave; count++)
			taken[count] = mm_alloc(mm, 0, MM_ANY);
		pci_scan(&ecam, start_first, &result);
		CHECK_EQ(result, -1);
		CHECK(host_log_has("no memory for the rings"));
		CHECK_EQ(allocated(), count);
		while (count)
			mm_free(mm, taken[--count], 0);
		check_off();
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

TEST(balloon, second_reporter_is_refused_and_taken_down)
{
	struct report_sink other = {
		.name = "other", .capacity = 1, .in_flight_max = 1, .submit = never, .poll = nothing, .reset = at_once};
	struct pci_ecam ecam = virtio_device_ecam();
	int result = 1;

	device = (struct virtio_device){.police = true};
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	virtio_device_plug(&device);
	CHECK_EQ(report_register(mm, &other), 0);
	pci_scan(&ecam, start_first, &result);
	CHECK_EQ(result, -1);
	check_off();
	CHECK_EQ(report_unregister(mm, &other), 0);
}

/* Each port call fails in turn, once or with all that follow it: bring-up, a few reports, take-down. However it ends,
 * what the device can touch is still allocated, and what it can't is back. */
static void with_faults(uint64_t first, uint64_t calls)
{
	struct pci_ecam ecam = virtio_device_ecam();
	int result = 1;
	bool down;

	device = (struct virtio_device){.wants_stats = true};
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	virtio_device_plug(&device);
	host_mmio_fail(first, calls);
	balloon = (struct balloon){0};
	pci_scan(&ecam, start_first, &result);
	if (result == 0) {
		for (unsigned i = 0; i < 4; i++) {
			if (in_flight() < 2)
				(void)submit(i * 16, 1, 3, i);
			balloon.sink.poll(&balloon.sink);
		}
	}
	down = balloon.state == BALLOON_OFF || balloon.sink.reset(&balloon.sink);
	CHECK_EQ(down, balloon.state == BALLOON_OFF);
	if (down) {
		CHECK(!virtio_device_has_memory(&device));
		CHECK_EQ(allocated(), 0);
	} else {
		CHECK_EQ(allocated(), (balloon.reporting.pfn != MM_PFN_NONE) + (balloon.stats.pfn != MM_PFN_NONE));
	}
	CHECK(mm_check(mm));
	report_step(mm);
	if (down)
		CHECK_STR(reporter(), "none");
}

TEST(balloon, nth_port_call_fails)
{
	uint64_t calls;

	with_faults(0, 0);
	CHECK_EQ(balloon.state, BALLOON_OFF);
	CHECK_EQ(device.chains, 4);
	calls = host_mmio_calls();
	CHECK(calls > 150); /* or there was nothing to fail */
	for (uint64_t n = 1; n <= calls; n++) {
		with_faults(n, 1);
		with_faults(n, UINT64_MAX);
	}
}

/* --- Through mm/report, as in the kernel ------------------------------------------------------------------------ */

/* Steps the reporting thread, sleeping as it asks to, until nothing is left to do or that much time went by. */
static void report_for(uint64_t ns)
{
	uint64_t end = mm_port_now_ns() + ns;

	do {
		uint64_t wake = report_step(mm);

		if (wake > end)
			break;
		if (wake > mm_port_now_ns())
			host_time_set(wake);
	} while (!report_is_done(mm) && mm_port_now_ns() < end);
}

static struct mm_totals totals(void)
{
	struct mm_totals t;

	mm_totals(mm, &t);
	return t;
}

TEST(balloon, free_memory_goes_to_the_host_once)
{
	unsigned missed = 0;

	fixture_quiet();
	CHECK_EQ(start(&(struct virtio_device){.police = true}), 0);
	report_now(mm);
	report_for(SECOND);
	CHECK(report_is_done(mm));
	report_now(mm);
	report_for(SECOND);
	CHECK_EQ(totals().isolated, 0);
	CHECK(totals().reported >= FRAMES - 512);
	for (pfn_t pfn = fixture_base(); pfn < fixture_base() + FRAMES; pfn++) {
		enum mm_state state = mm_frame_state(mm, pfn);
		unsigned times = virtio_device_reported(&device, pfn);

		CHECK_EQ(times, state == MM_STATE_REPORTED);
		missed += !times;
	}
	CHECK_EQ(missed, FRAMES - totals().reported);
	CHECK(mm_check(mm));
}

/* A device that answers nothing, with a report in flight. */
static void start_silent(void)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true, .lie = LIE_SILENT}), 0);
	fixture_quiet();
	report_now(mm);
	(void)report_step(mm);
	CHECK(totals().isolated > 0);
}

TEST(balloon, silent_device_is_reset_and_reporting_is_off)
{
	pfn_t all[FRAMES];
	unsigned count = 0;

	start_silent();
	report_for(10 * SECOND);
	CHECK_EQ(totals().isolated, 0);
	CHECK_EQ(totals().reported, 0);
	CHECK_EQ(device.resets, 2); /* one at the start */
	CHECK(device.failed_seen);
	CHECK(report_is_done(mm));
	check_off();
	while ((all[count] = mm_alloc(mm, 0, MM_ZERO_COLD)) != MM_PFN_NONE)
		if (++count == FRAMES)
			break;
	CHECK_EQ(count, FRAMES);
	while (count)
		mm_free(mm, all[--count], 0);
	/* Nothing is asked of it any more. */
	report_now(mm);
	report_for(SECOND);
	CHECK(report_is_done(mm));
	CHECK_EQ(device.resets, 2);
	CHECK_EQ(totals().isolated, 0);
	CHECK(mm_check(mm));
}

TEST(balloon, allocation_waits_for_what_is_in_flight)
{
	pfn_t pfn[FRAMES / 512];
	unsigned count = 0;

	start_silent();
	while (count < ARRAY_LEN(pfn) - 1) { /* the rings lie in one area */
		pfn[count] = mm_alloc(mm, 9, MM_ANY);
		CHECK(pfn[count] != MM_PFN_NONE);
		count++;
	}
	CHECK_EQ(device.resets, 2);
	while (count)
		mm_free(mm, pfn[--count], 9);
	check_off();
}

TEST(balloon, device_that_never_resets_keeps_what_it_has_and_no_more)
{
	uint64_t isolated;

	start_silent();
	isolated = totals().isolated;
	device.lie = LIE_NEVER_RESETS;
	report_for(10 * SECOND);
	CHECK_EQ(totals().isolated, isolated);
	CHECK_EQ(allocated(), 2);
	CHECK_EQ(totals().reported, 0);
	CHECK(mm_check(mm));
	device.lie = LIE_NONE;
	report_for(10 * SECOND);
	CHECK_EQ(totals().isolated, 0);
	CHECK_EQ(totals().reported, 0);
	check_off();
}

TEST(balloon, liar_is_taken_down_and_its_memory_comes_back_dirty)
{
	static const enum device_lie lies[] = {LIE_INDEX_JUMP, LIE_ID_RANGE, LIE_ID_UNKNOWN, LIE_TWICE};

	fixture_quiet();
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		CHECK_EQ(start(&(struct virtio_device){.police = true}), 0);
		device.lie = lies[i];
		report_now(mm);
		report_for(10 * SECOND);
		CHECK_EQ(totals().isolated, 0);
		CHECK_EQ(totals().zero, 0);
		check_off();
	}
}
