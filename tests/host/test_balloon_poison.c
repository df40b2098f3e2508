/* PAGE_POISON: negotiated when report.poison is on, never more promised than the device agreed to. */
#include "balloon_rig.h"
#include "drivers/drivers.h"
#include "host.h"
#include "mm/report.h"
#include "mm/state.h"
#include "mm/zero.h"
#include "tests/unit/fixture.h"
#include "tests/unit/fixture_zero.h"

#define SECOND	 1000000000ull
#define ACCEPTED (VIRTIO_F_VERSION_1 | BALLOON_F_STATS_VQ | BALLOON_F_REPORTING)

static void poison(const char *word)
{
	fixture_quiet();
	fixture_knob_word("report.poison", word);
}

/* The reporting thread and the idle loop by turns, for that long or until nothing is left to report. */
static void run_for(uint64_t ns)
{
	uint64_t end = mm_port_now_ns() + ns, wake;

	while (!report_is_done(rig_mm) && mm_port_now_ns() < end) {
		wake = report_step(rig_mm);
		fixture_idle(rig_mm);
		if (wake > mm_port_now_ns())
			host_time_set(wake < end ? wake : end);
	}
}

TEST(balloon_poison, off_accepts_nothing_new)
{
	poison("off");
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true, .poison_val = 0xaaaaaaaa}), 0);
	CHECK_EQ(rig_device.accepted, ACCEPTED);
	CHECK_EQ(rig_device.poison_val, 0xaaaaaaaa);
	CHECK(!rig_balloon.sink.keeps_zero);
	CHECK(!host_log_has("report.poison"));
}

TEST(balloon_poison, on_sets_poison_val_0_before_driver_ok)
{
	static const uint64_t with[] = {0, BALLOON_F_FREE_PAGE_HINT};

	poison("on");
	for (size_t i = 0; i < ARRAY_LEN(with); i++) {
		const struct virtio_device like = {.police = true, .with = with[i], .poison_val = 0xaaaaaaaa};

		CHECK_EQ(rig_start(&like), 0);
		CHECK_EQ(rig_device.accepted, ACCEPTED | BALLOON_F_PAGE_POISON | with[i]);
		CHECK_EQ(rig_device.poison_writes, 1);
		CHECK_EQ(rig_device.poison_val, 0);
		CHECK(rig_balloon.sink.keeps_zero);
		CHECK(host_log_has("zeroed ones only"));
	}
}

TEST(balloon_poison, all_memory_goes_zeroed_and_stays_zero)
{
	struct mm_totals totals;
	struct zero_ledger before, after;
	pfn_t pfn;

	poison("on");
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true}), 0);
	zero_ledger(rig_mm, &before);
	report_now(rig_mm);
	run_for(10 * SECOND);
	mm_totals(rig_mm, &totals);
	CHECK_EQ(totals.reported, RIG_FRAMES - AREA_FRAMES); /* the rings lie in one area */
	CHECK_EQ(rig_mm->reported_zero, totals.reported);
	CHECK(mm_check(rig_mm));
	pfn = mm_alloc(rig_mm, 10, MM_ZERO_COLD);
	CHECK(fixture_is(pfn, 1024, 0));
	zero_ledger(rig_mm, &after);
	CHECK_EQ(after.wasted_frames - before.wasted_frames, 0);
	CHECK_EQ(after.alloc_frames - before.alloc_frames, 0);
	CHECK_EQ(after.hit_frames - before.hit_frames, 1024);
}

/* Not to be had: as with the knob off, and the log says so. */
TEST(balloon_poison, falls_back_to_off)
{
	static const struct {
		uint64_t without;
		enum device_lie lie;
		const char *says;
		unsigned resets;
	} rows[] = {
		{BALLOON_F_PAGE_POISON, LIE_NONE, "doesn't offer PAGE_POISON: report.poison is off", 1},
		{0, LIE_CONFIG_SHORT, "poison_val can't be made 0: report.poison is off", 2},
		{0, LIE_POISON_READ_ONLY, "poison_val can't be made 0: report.poison is off", 2},
		{0, LIE_CAP_EMPTY, "poison_val can't be made 0: report.poison is off", 2},
		{0, LIE_GENERATION, "poison_val can't be made 0: report.poison is off", 2},
	};

	poison("on");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct virtio_device like = {
			.police = true, .without = rows[i].without, .lie = rows[i].lie, .poison_val = 0xaaaaaaaa};

		host_log_clear();
		CHECK_EQ(rig_start(&like), 0);
		CHECK(host_log_has(rows[i].says));
		CHECK_EQ(rig_device.resets, rows[i].resets);
		CHECK_EQ(rig_device.accepted, ACCEPTED);
		CHECK(!rig_balloon.sink.keeps_zero);
		report_now(rig_mm);
		run_for(10 * SECOND);
		CHECK(report_is_done(rig_mm));
		CHECK_EQ(rig_mm->reported, RIG_FRAMES - AREA_FRAMES);
		CHECK_EQ(rig_mm->reported_zero, 0);
	}
}

TEST(balloon_poison, lies_at_the_start_leave_it_off)
{
	static const enum device_lie lies[] = {LIE_NEVER_RESETS, LIE_REFUSES_FEATURES, LIE_GONE, LIE_QUEUES_MISSING};

	poison("on");
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		const struct virtio_device like = {
			.police = true, .lie = lies[i], .status = lies[i] == LIE_NEVER_RESETS};

		CHECK_EQ(rig_start(&like), -1);
		rig_check_off();
	}
}

/* What zeroed memory becomes is a matter of who reports it: the others aren't asked, and say nothing of it. */
TEST(balloon_poison, is_the_reporters_alone)
{
	static struct virtio_device without, other;
	const struct pci_ecam ecam = virtio_device_ecam();

	poison("on");
	rig_plug(&(struct virtio_device){.police = true});
	without = (struct virtio_device){.police = true, .without = BALLOON_F_PAGE_POISON};
	other = (struct virtio_device){.police = true, .lie = LIE_POISON_READ_ONLY, .poison_val = 0xaaaaaaaa};
	virtio_device_plug_beside(&rig_device, &without);
	virtio_device_plug_beside(&rig_device, &other);
	drivers_start(rig_mm, &ecam, 1);
	CHECK(rig_device.accepted & BALLOON_F_PAGE_POISON);
	CHECK(host_log_has("zeroed ones only"));
	CHECK(host_log_has("00:04.0 is in use"));
	CHECK(host_log_has("00:05.0 is in use"));
	CHECK(!host_log_has("report.poison is off"));
	CHECK_EQ(other.accepted, ACCEPTED);
	CHECK_EQ(other.resets, 1);
	CHECK_EQ(other.poison_val, 0xaaaaaaaa);
}

/* Nobody knows what a device that was reset in the middle did with what it had; what it had acknowledged stays. */
TEST(balloon_poison, in_flight_memory_comes_back_dirty_from_a_reset)
{
	poison("on");
	CHECK_EQ(rig_start(&(struct virtio_device){.police = true}), 0);
	const pfn_t base = fixture_base();
	report_now(rig_mm);
	run_for(10 * SECOND);
	fixture_dirty(rig_mm, base + AREA_FRAMES, AREA_FRAMES);
	rig_device.lie = LIE_SILENT;
	rig_balloon.restart_left = false;
	run_for(10 * SECOND);
	CHECK_EQ(rig_device.resets, 2);
	CHECK_EQ(rig_mm->isolated, 0);
	CHECK_EQ(fixture_count(rig_mm, base + AREA_FRAMES, AREA_FRAMES, MM_STATE_DIRTY), AREA_FRAMES);
	CHECK_EQ(fixture_count(rig_mm, base + 2 * AREA_FRAMES, AREA_FRAMES, MM_STATE_REPORTED_ZERO), AREA_FRAMES);
	rig_check_off();
}

/* Memory that is zero for the host as well was promised by this device: one that promises it no more is left off. */
TEST(balloon_poison, a_promise_about_zeroed_memory_is_renewed_or_it_is_off)
{
	for (unsigned renewed = 0; renewed < 2; renewed++) {
		poison("on");
		CHECK_EQ(rig_start(&(struct virtio_device){.police = true}), 0);
		CHECK(rig_balloon.sink.keeps_zero);
		rig_device.status |= 0x40; /* DEVICE_NEEDS_RESET */
		rig_device.without = renewed ? 0 : BALLOON_F_PAGE_POISON;
		for (unsigned i = 0; i < 20; i++) {
			host_time_advance(SECOND / 10);
			(void)report_step(rig_mm);
		}
		CHECK_STR(rig_reporter(), renewed ? "virtio-balloon" : "none");
		CHECK_EQ(rig_balloon.sink.keeps_zero, renewed);
		if (!renewed)
			rig_check_off();
	}
}

/* The counter-proof: a driver that reports what isn't zero, though it has accepted PAGE_POISON. */
TEST(balloon_poison, a_dirty_report_breaks_the_rules)
{
	poison("on");
	CHECK_EQ(rig_start(&(struct virtio_device){0}), 0);
	fixture_fill(fixture_base() + 1024, 1024, 0);
	CHECK_EQ(rig_submit(fixture_base() + 1024, 1024, 1, 0), 0);
	CHECK_EQ(rig_device.broken_rules, 0);
	((char *)mm_port_frame(fixture_base() + 2047))[4095] = 1;
	CHECK_EQ(rig_submit(fixture_base() + 1024, 1024, 1, 1), 0);
	CHECK_EQ(rig_device.broken_rules, 1);
}
