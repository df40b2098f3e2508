/* The balloon's driver: brings it up, carries reports to it, takes it down when it fails. */
#include "drivers/virtio/balloon.h"

#include "drivers/pci.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/table.h"
#include "mm/mm.h"
#include "port/driver_port.h"

#define DEVICE_ID_TRANSITIONAL 0x1002u
#define DEVICE_ID_MODERN       0x1045u

/* 5.5.3 Feature bits */
#define F_STATS_VQ	 (1ull << 1)
#define F_FREE_PAGE_HINT (1ull << 3)
#define F_PAGE_POISON	 (1ull << 4)
#define F_PAGE_REPORTING (1ull << 5)

/* 5.5.2 Virtqueues; 0 and 1, for inflating and deflating, stay switched off */
#define QUEUE_STATS	2u
#define QUEUE_REPORTING 4u

/* 5.5.4 Device configuration layout */
#define CONFIG_NUM_PAGES  0u
#define CONFIG_POISON_VAL 12u

#define CHAIN_BYTES_MAX	 (1ull << 32) /* 2.7.5 */
#define RESET_TIMEOUT_NS 10000000ull  /* at a time: an allocation may be waiting, and asks again */

/* 5.5.6.3 Memory Statistics. The text wants buffers of a multiple of 6 bytes, from when an entry had 6; three entries
 * of 10 please either reading. */
struct stats_buffer {
	struct {
		uint16_t tag;
		uint64_t value;
	} __attribute__((packed)) entries[3];
} __attribute__((packed));
_Static_assert(sizeof(struct stats_buffer) == 30, "the device's layout");

#define STAT_MEMFREE 4u
#define STAT_MEMTOT  5u
#define STAT_AVAIL   6u

static uint64_t requests_sent, requests_answered, chains_sent, notifications, stats_sent, broken_queues, resets;

STAT(balloon_requests, "balloon.requests", "requests", "reports handed to the balloon", &requests_sent);
STAT(balloon_answers, "balloon.answers", "requests", "reports the balloon has answered", &requests_answered);
STAT(balloon_chains, "balloon.chains", "chains", "descriptor chains those took", &chains_sent);
STAT(balloon_notifications, "balloon.notifications", "writes", "times the balloon was notified", &notifications);
STAT(balloon_stats, "balloon.stats_buffers", "buffers", "memory statistics given to the host", &stats_sent);
STAT(balloon_broken, "balloon.broken_queues", "queues", "queues the balloon wrote nonsense into", &broken_queues);
STAT(balloon_resets, "balloon.resets", "resets", "times the balloon was taken down", &resets);

bool balloon_match(const struct pci_function *f)
{
	return f->vendor_id == VIRTIO_VENDOR_ID &&
	       (f->device_id == DEVICE_ID_TRANSITIONAL || f->device_id == DEVICE_ID_MODERN);
}

static void kick(struct virtqueue *q)
{
	uint64_t before = q->kicks;

	virtq_kick(q);
	notifications += q->kicks - before;
}

/* The frame's end holds the statistics; the rings, at its start, leave room for them at every size. */
static struct stats_buffer *stats_memory(struct balloon *b, uint64_t *dma)
{
	size_t at = FRAME_SIZE - sizeof(struct stats_buffer);

	ASSERT(virtq_bytes(b->stats.q.size) <= at);
	*dma = driver_port_dma(b->stats.pfn) + at;
	return (void *)((char *)driver_port_frame(b->stats.pfn) + at);
}

/* Gives the device the one buffer that it keeps until it wants fresh figures. */
static void stats_supply(struct balloon *b)
{
	struct virtq_buffer buffer = {.bytes = sizeof(struct stats_buffer)};
	struct stats_buffer *stats = stats_memory(b, &buffer.dma);
	struct mm_totals totals;

	mm_totals(b->sink.mm, &totals);
	stats->entries[0].tag = STAT_MEMFREE;
	stats->entries[0].value = (totals.free + totals.isolated) * FRAME_SIZE;
	stats->entries[1].tag = STAT_MEMTOT;
	stats->entries[1].value = totals.managed * FRAME_SIZE;
	stats->entries[2].tag = STAT_AVAIL;
	stats->entries[2].value = totals.free * FRAME_SIZE;
	if (virtq_add(&b->stats.q, &buffer, 1, 0, 0) == 0)
		stats_sent++;
}

static void stats_poll(struct balloon *b)
{
	uint32_t token;
	uint64_t written;
	int taken;

	if (!b->stats_used)
		return;
	taken = virtq_take(&b->stats.q, &token, &written);
	if (taken < 0)
		broken_queues++;
	if (taken <= 0)
		return;
	stats_supply(b);
	kick(&b->stats.q);
}

static void queue_free(struct balloon *b, struct balloon_queue *queue)
{
	if (queue->pfn != MM_PFN_NONE)
		mm_free(b->sink.mm, queue->pfn, 0);
	queue->pfn = MM_PFN_NONE;
}

/* Takes the device down. True: it has no memory of ours any more. Called again while it doesn't say so. */
static bool take_down(struct balloon *b, uint64_t timeout_ns)
{
	bool stuck = b->state == BALLOON_STUCK;

	if (b->state == BALLOON_OFF)
		return true;
	if (!stuck) {
		resets++;
		virtio_pci_failed(&b->pci);
	}
	if (!virtio_pci_reset(&b->pci, timeout_ns)) {
		virtio_pci_close(&b->pci);
		if (!stuck)
			driver_port_log("balloon: doesn't finish its reset: keeps its rings and what is in flight");
		b->state = BALLOON_STUCK;
		return false;
	}
	virtio_pci_close(&b->pci);
	for (unsigned i = 0; i < BALLOON_REQUESTS_MAX; i++)
		b->requests[i].chains = 0;
	queue_free(b, &b->reporting);
	queue_free(b, &b->stats);
	b->sink.capacity = 0; /* mm/report takes it out */
	b->state = BALLOON_OFF;
	driver_port_log("balloon: was reset and stays off");
	return true;
}

static int submit(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag)
{
	struct balloon *b = CONTAINER_OF(sink, struct balloon, sink);
	struct virtq_buffer buffers[VIRTQ_SIZE_MAX];
	unsigned slot = 0, filled = 0;
	struct balloon_request *request;
	uint64_t total = 0;
	int added;

	if (b->state != BALLOON_LIVE || b->reporting.q.broken)
		return -1;
	ASSERT(count >= 1 && count <= sink->capacity);
	while (slot < sink->in_flight_max && b->requests[slot].chains)
		slot++;
	ASSERT(slot < sink->in_flight_max);
	request = &b->requests[slot];
	request->tag = tag;

	/* A chain may not be longer than 4 GiB, which a few blocks of 1 GiB are: then the request takes several. The
	 * ring has room: in_flight_max requests of capacity ranges fit it, however they are cut into chains. */
	for (unsigned i = 0; i < count; i++) {
		uint64_t bytes = ranges[i].frames << FRAME_SHIFT;

		ASSERT(ranges[i].frames != 0 && bytes < CHAIN_BYTES_MAX);
		buffers[filled].dma = driver_port_dma(ranges[i].pfn);
		buffers[filled].bytes = (uint32_t)bytes;
		filled++;
		total += bytes;
		if (i + 1 < count && total + (ranges[i + 1].frames << FRAME_SHIFT) <= CHAIN_BYTES_MAX)
			continue;
		added = virtq_add(&b->reporting.q, buffers, 0, filled, slot);
		ASSERT(added == 0);
		request->chains++;
		chains_sent++;
		filled = 0;
		total = 0;
	}
	requests_sent++;
	kick(&b->reporting.q);
	return 0;
}

static bool idle(const struct balloon *b)
{
	for (unsigned i = 0; i < BALLOON_REQUESTS_MAX; i++) {
		if (b->requests[i].chains)
			return false;
	}
	return true;
}

static void poll(struct report_sink *sink)
{
	struct balloon *b = CONTAINER_OF(sink, struct balloon, sink);
	uint32_t slot;
	uint64_t written; /* of no use: QEMU always says 0 */
	int taken;

	if (b->state != BALLOON_LIVE)
		return;
	while ((taken = virtq_take(&b->reporting.q, &slot, &written)) > 0) {
		struct balloon_request *request = &b->requests[slot];

		if (--request->chains)
			continue;
		requests_answered++;
		report_done(sink, request->tag, true);
	}
	/* What is in flight when a queue breaks comes back by mm/report's timeout and reset: who knows what the device
	 * will still do to it. */
	if (taken < 0)
		broken_queues++;
	if (b->reporting.q.broken && idle(b))
		(void)take_down(b, RESET_TIMEOUT_NS);
	else
		stats_poll(b);
}

static bool reset(struct report_sink *sink)
{
	struct balloon *b = CONTAINER_OF(sink, struct balloon, sink);

	return take_down(b, RESET_TIMEOUT_NS);
}

/* Allocates the rings of queue index, of the device's size or ours, whichever is less, and hands them over. */
static int queue_start(struct balloon *b, struct balloon_queue *queue, unsigned index)
{
	unsigned size = virtio_pci_queue_size(&b->pci, index);

	if (size == 0 || (size & (size - 1))) {
		driver_port_log("balloon: queue %u has %u descriptors, a power of two is allowed", index, size);
		return -1;
	}
	if (size > VIRTQ_SIZE_MAX)
		size = VIRTQ_SIZE_MAX;
	queue->pfn = mm_alloc(b->sink.mm, 0, MM_ZERO_HOT);
	if (queue->pfn == MM_PFN_NONE) {
		driver_port_log("balloon: no memory for the rings of queue %u", index);
		return -1;
	}
	ASSERT(virtq_bytes(size) <= FRAME_SIZE);
	virtq_init(&queue->q, index, size, driver_port_frame(queue->pfn));
	return virtio_pci_queue(&b->pci, &queue->q, queue->pfn);
}

static unsigned reporting_index(struct balloon *b)
{
	unsigned dense = QUEUE_STATS;

	if (virtio_pci_queue_size(&b->pci, QUEUE_REPORTING) != 0)
		return QUEUE_REPORTING;
	dense += b->pci.accepted & F_STATS_VQ ? 1 : 0;
	dense += b->pci.accepted & F_FREE_PAGE_HINT ? 1 : 0;
	return dense;
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

/* With PAGE_POISON, if that is wanted and to be had, else without. */
static int negotiate(struct balloon *b)
{
	const uint64_t wanted = F_STATS_VQ | F_FREE_PAGE_HINT;
	const bool keep = report_wants_zero_kept();

	if (virtio_pci_negotiate(&b->pci, F_PAGE_REPORTING, keep ? wanted | F_PAGE_POISON : wanted))
		return -1;
	if (!keep)
		return 0;
	if (!(b->pci.accepted & F_PAGE_POISON)) {
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
	return virtio_pci_negotiate(&b->pci, F_PAGE_REPORTING, wanted);
}

static int bring_up(struct balloon *b)
{
	unsigned index;

	if (negotiate(b)) {
		if (!(b->pci.offered & F_PAGE_REPORTING))
			driver_port_log("balloon: the device doesn't offer free page reporting");
		return -1;
	}
	log_target(b);
	b->stats_used = (b->pci.accepted & F_STATS_VQ) != 0;
	index = reporting_index(b);
	if (queue_start(b, &b->reporting, index) || (b->stats_used && queue_start(b, &b->stats, QUEUE_STATS)))
		return -1;
	b->sink.in_flight_max = b->reporting.q.size < BALLOON_REQUESTS_MAX ? 1 : BALLOON_REQUESTS_MAX;
	b->sink.capacity = b->reporting.q.size / b->sink.in_flight_max;
	if (b->stats_used)
		stats_supply(b); /* before DRIVER_OK, its notification after it: 5.5.5 Device Initialization */
	virtio_pci_live(&b->pci);
	if (b->stats_used)
		kick(&b->stats.q);
	if (report_register(b->sink.mm, &b->sink))
		return -1;
	driver_port_log(
		"balloon: %02x:%02x.%x reports free memory by queue %u: %u requests of up to %u blocks at once%s",
		b->pci.function.bus, b->pci.function.device, b->pci.function.function, index, b->sink.in_flight_max,
		b->sink.capacity, b->sink.keeps_zero ? ", zeroed ones only" : "");
	return 0;
}

int balloon_start(struct balloon *b, struct mm *mm, const struct pci_function *f)
{
	*b = (struct balloon){
		.sink = {.name = "virtio-balloon", .mm = mm, .submit = submit, .poll = poll, .reset = reset},
		.reporting.pfn = MM_PFN_NONE,
		.stats.pfn = MM_PFN_NONE,
	};
	if (virtio_pci_open(&b->pci, f, "balloon"))
		return -1;
	b->state = BALLOON_LIVE;
	if (bring_up(b) == 0)
		return 0;
	(void)take_down(b, VIRTIO_PCI_RESET_NS);
	return -1;
}
