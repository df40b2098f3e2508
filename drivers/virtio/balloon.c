/* The balloon's driver: brings it up, takes it down when it fails, and has the reporter look at all of them. */
#include "drivers/virtio/balloon.h"

#include "drivers/virtio/balloon_parts.h"
#include "lib/bits.h"
#include "mm/report.h"
#include "port/driver_port.h"

#define DEVICE_ID_TRANSITIONAL 0x1002u
#define DEVICE_ID_MODERN       0x1045u

/* 5.5.4 Device configuration layout */
#define CONFIG_NUM_PAGES  0u
#define CONFIG_POISON_VAL 12u

#define RESET_TIMEOUT_NS 10000000ull /* at a time: an allocation may be waiting, and asks again */

static const char sink_name[] = "virtio-balloon";

/* (B) The balloon that registered last: mm's reporter, if that has sink_name. */
static struct balloon *reporter;

bool balloon_match(const struct pci_function *f)
{
	return f->vendor_id == VIRTIO_VENDOR_ID &&
	       (f->device_id == DEVICE_ID_TRANSITIONAL || f->device_id == DEVICE_ID_MODERN);
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
	balloon_report_off(b);
	b->state = BALLOON_OFF;
	driver_port_log("balloon: was reset and stays off");
	return true;
}

static struct balloon *next_of(const struct balloon *b)
{
	return __atomic_load_n(&b->next, __ATOMIC_ACQUIRE);
}

static void poll(struct report_sink *sink)
{
	struct balloon *b = CONTAINER_OF(sink, struct balloon, sink);

	for (struct balloon *other = next_of(b); other; other = next_of(other))
		balloon_stats_poll(other);
	if (b->state != BALLOON_LIVE)
		return;
	balloon_report_poll(b);
	/* What is in flight when a queue breaks comes back by mm/report's timeout and reset: who knows what the device
	 * will still do to it. */
	if (b->reporting.q.broken && balloon_report_idle(b))
		(void)take_down(b, RESET_TIMEOUT_NS);
	else
		balloon_stats_poll(b);
}

static bool reset(struct report_sink *sink)
{
	struct balloon *b = CONTAINER_OF(sink, struct balloon, sink);

	return take_down(b, RESET_TIMEOUT_NS);
}

/* Inflating isn't done yet: say so to whoever asks for it. */
static void log_target(struct balloon *b)
{
	uint32_t pages;

	if (virtio_pci_config(&b->pci, CONFIG_NUM_PAGES, &pages, 1))
		driver_port_log("balloon: its configuration can't be read");
	else if (pages)
		driver_port_log("balloon: the host asks for %u frames, which is not obeyed", pages);
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

static int bring_up(struct balloon *b)
{
	struct report_status status;
	bool reports;

	report_status(b->sink.mm, &status);
	reports = !status.sink;
	if (negotiate(b, reports)) {
		if (!(b->pci.offered & BALLOON_PAGE_REPORTING))
			driver_port_log("balloon: the device doesn't offer free page reporting");
		return -1;
	}
	log_target(b);
	if (reports && balloon_report_start(b))
		return -1;
	/* Before DRIVER_OK, its notification after it: 5.5.5 Device Initialization. */
	b->stats_used = (b->pci.accepted & BALLOON_STATS_VQ) != 0;
	if (b->stats_used && balloon_stats_start(b))
		return -1;
	virtio_pci_live(&b->pci);
	if (b->stats_used)
		balloon_kick(&b->stats.q);
	if (reports)
		return serve(b);
	stand_by(b, status.sink);
	return 0;
}

int balloon_start(struct balloon *b, struct mm *mm, const struct pci_function *f)
{
	*b = (struct balloon){
		.sink = {.name = sink_name, .mm = mm, .submit = balloon_report_submit, .poll = poll, .reset = reset}};
	if (virtio_pci_open(&b->pci, f, "balloon"))
		return -1;
	b->state = BALLOON_LIVE;
	if (bring_up(b) == 0)
		return 0;
	(void)take_down(b, VIRTIO_PCI_RESET_NS);
	return -1;
}
