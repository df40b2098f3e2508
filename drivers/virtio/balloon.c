/* The balloon's driver: brings it up, takes it down when it fails, and has the reporter look at all of them. */
#include "drivers/virtio/balloon.h"

#include "drivers/virtio/balloon_parts.h"
#include "lib/bits.h"
#include "mm/report.h"
#include "port/driver_port.h"

#define DEVICE_ID_TRANSITIONAL 0x1002u
#define DEVICE_ID_MODERN       0x1045u

/* 5.5.4 Device configuration layout */
#define CONFIG_POISON_VAL 12u

#define RESET_TIMEOUT_NS 10000000ull /* at a time: an allocation may be waiting, and asks again */

static const char sink_name[] = "virtio-balloon";

static const char *const feature_names[] = {
	"MUST_TELL_HOST", "STATS_VQ", "DEFLATE_ON_OOM", "FREE_PAGE_HINT", "PAGE_POISON", "PAGE_REPORTING",
};

/* (B) The balloon that registered last: mm's reporter, if that has sink_name. */
static struct balloon *reporter;

bool balloon_match(const struct pci_function *f)
{
	return f->vendor_id == VIRTIO_VENDOR_ID &&
	       (f->device_id == DEVICE_ID_TRANSITIONAL || f->device_id == DEVICE_ID_MODERN);
}

static int bring_up(struct balloon *b, bool reports);

/* Why it may have failed, where that can be guessed. */
static const char *guess(const struct balloon *b)
{
	return (b->pci.accepted & VIRTIO_F_ACCESS_PLATFORM) && !b->answered
		       ? ": an IOMMU may keep it from memory (QEMU: boot-bypass=on, or no iommu_platform=on)"
		       : "";
}

/* Takes the device down. True: it has no memory of ours any more. Called again while it doesn't say so. */
static bool take_down(struct balloon *b, uint64_t timeout_ns)
{
	bool stuck = b->state == BALLOON_STUCK;

	if (b->state == BALLOON_OFF)
		return true;
	if (!stuck) {
		balloon_counters.resets++;
		virtio_pci_failed(&b->pci);
	}
	if (!virtio_queue_release(&b->pci, timeout_ns)) {
		if (!stuck)
			driver_port_log("balloon: doesn't finish its reset: keeps its rings and what is in flight");
		b->state = BALLOON_STUCK;
		return false;
	}
	balloon_report_forget(b);
	b->state = BALLOON_OFF;
	if (b->restart_left) {
		driver_port_log("balloon: was reset, and is brought up once more%s", guess(b));
		return true;
	}
	b->sink.capacity = 0; /* mm/report takes it out */
	if (!b->told)
		driver_port_log("balloon: was reset and stays off%s%s", b == reporter ? " until `report restart`" : "",
				guess(b));
	return true;
}

/* For one that was taken down. What it promised about zeroed memory must stay so while it is registered. */
static int start_again(struct balloon *b)
{
	const bool kept = b->sink.keeps_zero, reports = true;

	b->restart_left = false;
	balloon_counters.restarts++;
	if (virtio_pci_reopen(&b->pci) == 0) {
		b->state = BALLOON_LIVE;
		if (bring_up(b, reports) == 0 && b->sink.keeps_zero == kept)
			return 0;
	}
	b->sink.capacity = 0;
	(void)take_down(b, VIRTIO_PCI_RESET_NS);
	return -1;
}

static struct balloon *next_of(const struct balloon *b)
{
	return __atomic_load_n(&b->next, __ATOMIC_ACQUIRE);
}

static void poll(struct report_sink *sink)
{
	struct balloon *b = CONTAINER_OF(sink, struct balloon, sink);

	for (struct balloon *other = next_of(b); other; other = next_of(other)) {
		balloon_stats_poll(other);
		(void)balloon_watch(other);
	}
	if (b->state == BALLOON_LIVE) {
		balloon_report_poll(b);
		if (!b->failed && !balloon_watch(b)) {
			driver_port_log("balloon: the device has failed and wants to be reset");
			b->failed = true;
		}
		/* What is in flight when it fails comes back by mm/report's timeout and reset: who knows what the
		 * device will still do to it. */
		if (!b->reporting.q.broken && !b->failed)
			balloon_stats_poll(b);
		else if (balloon_report_idle(b))
			(void)take_down(b, RESET_TIMEOUT_NS);
	}
	if (b->state == BALLOON_STUCK && balloon_report_idle(b))
		(void)take_down(b, RESET_TIMEOUT_NS);
	if (b->state == BALLOON_OFF && b->restart_left)
		(void)start_again(b);
}

static bool reset(struct report_sink *sink)
{
	struct balloon *b = CONTAINER_OF(sink, struct balloon, sink);

	return take_down(b, RESET_TIMEOUT_NS);
}

/* 5.5.6.6.1 Driver Requirements: Page Poison: poison_val is set before DRIVER_OK, and never again. It is read back, for
 * a device that remembers another value may fill pages with that. */
static bool poison_is_0(struct balloon *b)
{
	uint32_t value;

	return virtio_pci_config_write(&b->pci, CONFIG_POISON_VAL, 0) == 0 &&
	       virtio_pci_config(&b->pci, CONFIG_POISON_VAL, &value, 1) == 0 && value == 0;
}

/* With PAGE_POISON, if it is to report and that is wanted and to be had, else without. */
static int negotiate(struct balloon *b, bool reports)
{
	const uint64_t wanted = BALLOON_STATS_VQ | BALLOON_FREE_PAGE_HINT;
	const bool keep = reports && report_wants_zero_kept();

	b->sink.keeps_zero = false;
	if (virtio_pci_negotiate(&b->pci, BALLOON_PAGE_REPORTING, keep ? wanted | BALLOON_PAGE_POISON : wanted))
		return -1;
	if (!keep)
		return 0;
	if (!(b->pci.accepted & BALLOON_PAGE_POISON)) {
		driver_port_log("balloon: the device doesn't offer PAGE_POISON: report.poison is off");
		return 0;
	}
	b->sink.keeps_zero = poison_is_0(b);
	if (b->sink.keeps_zero)
		return 0;
	driver_port_log("balloon: the device's poison_val can't be made 0: report.poison is off");
	if (!virtio_pci_reset(&b->pci, VIRTIO_PCI_RESET_NS)) {
		driver_port_log("balloon: doesn't finish its reset");
		return -1;
	}
	return virtio_pci_negotiate(&b->pci, BALLOON_PAGE_REPORTING, wanted);
}

/* Makes it the reporter, whose queue is set up. */
static int serve(struct balloon *b)
{
	if (report_register(b->sink.mm, &b->sink))
		return -1;
	reporter = b;
	driver_port_log("balloon: %s reports free memory by queue %u: "
			"%u requests of up to %u blocks at once%s",
			pci_name(&b->pci.function).text, b->reporting.q.index, b->sink.in_flight_max, b->sink.capacity,
			b->sink.keeps_zero ? ", zeroed ones only" : "");
	return 0;
}

/* Leaves reporting to whoever does it; a balloon looks after this one's statistics as well. */
static void stand_by(struct balloon *b, const char *sink)
{
	const struct pci_name name = pci_name(&b->pci.function);
	struct balloon *last = reporter;

	if (sink != sink_name) {
		driver_port_log("balloon: %s is in use, reporting is served by %s", name.text, sink);
		return;
	}
	driver_port_log("balloon: %s is in use, reporting is served by the balloon %s", name.text,
			pci_name(&reporter->pci.function).text);
	while (next_of(last))
		last = next_of(last);
	__atomic_store_n(&last->next, b, __ATOMIC_RELEASE);
}

/* From features to DRIVER_OK; reports: with the queue that reports. */
static int bring_up(struct balloon *b, bool reports)
{
	b->answered = b->failed = false;
	if (negotiate(b, reports)) {
		if (!(b->pci.offered & BALLOON_PAGE_REPORTING))
			driver_port_log("balloon: the device doesn't offer free page reporting: QEMU's does with "
					"free-page-reporting=on");
		return -1;
	}
	balloon_watch_start(b);
	if (reports && balloon_report_start(b))
		return -1;
	/* Before DRIVER_OK, its notification after it: 5.5.5 Device Initialization. */
	b->stats_used = (b->pci.accepted & BALLOON_STATS_VQ) != 0;
	if (b->stats_used && balloon_stats_start(b))
		return -1;
	virtio_pci_live(&b->pci);
	if (b->stats_used)
		balloon_kick(&b->stats.q);
	return 0;
}

/* Who reports now; NULL: nobody. */
static const char *other_sink(struct mm *mm)
{
	struct report_status status;

	report_status(mm, &status);
	return status.sink;
}

int balloon_start(struct balloon *b, struct mm *mm, const struct pci_function *f)
{
	const char *other = other_sink(mm);

	*b = (struct balloon){
		.sink = {.name = sink_name, .mm = mm, .submit = balloon_report_submit, .poll = poll, .reset = reset}};
	if (virtio_pci_open(&b->pci, f, "balloon"))
		return -1;
	b->pci.own_features = feature_names;
	b->pci.own_feature_count = ARRAY_LEN(feature_names);
	b->state = BALLOON_LIVE;
	if (bring_up(b, !other) || (!other && serve(b))) {
		(void)take_down(b, VIRTIO_PCI_RESET_NS);
		return -1;
	}
	if (other)
		stand_by(b, other);
	else
		b->restart_left = true;
	return 0;
}

int balloon_restart(void)
{
	struct balloon *b = reporter;
	const char *other = b ? other_sink(b->sink.mm) : NULL;

	if (!b || (other && other != sink_name))
		return -1;
	b->restart_left = false;
	b->told = true;
	const bool free = (!other || report_unregister(b->sink.mm, &b->sink) == 0) && take_down(b, VIRTIO_PCI_RESET_NS);
	b->told = false;
	if (!free) {
		driver_port_log("balloon: doesn't finish its reset, so it can't be brought up again");
		return -1;
	}
	b->sink.keeps_zero = report_wants_zero_kept();
	if (start_again(b))
		return -1;
	if (serve(b)) {
		(void)take_down(b, VIRTIO_PCI_RESET_NS);
		return -1;
	}
	b->restart_left = true;
	return 0;
}
