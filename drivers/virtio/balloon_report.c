/* Reports: ranges go to the balloon in chains, and come back as answers to mm/report. */
#include "drivers/virtio/balloon_parts.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "port/driver_port.h"

#define CHAIN_BYTES_MAX (1ull << 32) /* 2.7.5 */

static const bool dropped = true;

int balloon_report_submit(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag)
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
		balloon_counters.chains++;
		filled = 0;
		total = 0;
	}
	balloon_counters.requests++;
	balloon_kick(&b->reporting.q);
	return 0;
}

static unsigned queue_index(struct balloon *b)
{
	unsigned dense = BALLOON_QUEUE_STATS;

	if (virtio_queue_size(&b->pci, BALLOON_QUEUE_REPORTING) != 0)
		return BALLOON_QUEUE_REPORTING;
	dense += b->pci.accepted & BALLOON_STATS_VQ ? 1 : 0;
	dense += b->pci.accepted & BALLOON_FREE_PAGE_HINT ? 1 : 0;
	return dense;
}

int balloon_report_start(struct balloon *b)
{
	if (virtio_queue_start(&b->reporting, &b->pci, b->sink.mm, queue_index(b)))
		return -1;
	b->sink.in_flight_max = b->reporting.q.size < BALLOON_REQUESTS_MAX ? 1 : BALLOON_REQUESTS_MAX;
	b->sink.capacity = b->reporting.q.size / b->sink.in_flight_max;
	return 0;
}

void balloon_report_poll(struct balloon *b)
{
	uint32_t slot;

	while (balloon_take(&b->reporting.q, &slot) > 0) {
		struct balloon_request *request = &b->requests[slot];

		if (--request->chains)
			continue;
		balloon_counters.answers++;
		b->answered = true;
		report_done(&b->sink, request->tag, dropped);
	}
}

bool balloon_report_idle(const struct balloon *b)
{
	for (unsigned i = 0; i < BALLOON_REQUESTS_MAX; i++) {
		if (b->requests[i].chains)
			return false;
	}
	return true;
}

void balloon_report_forget(struct balloon *b)
{
	for (unsigned i = 0; i < BALLOON_REQUESTS_MAX; i++)
		b->requests[i].chains = 0;
}
