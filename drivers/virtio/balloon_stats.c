/* Statistics: those of memory that the host asks the balloon for, and those that the kernel keeps of its driver. */
#include "drivers/virtio/balloon_parts.h"
#include "lib/table.h"
#include "mm/mm.h"

/* 5.5.6.3 Memory Statistics. The text wants buffers of a multiple of 6 bytes, from when an entry had 6; three entries
 * of 10 please either reading. */
struct stats_buffer {
	struct {
		uint16_t tag;
		uint64_t value;
	} __attribute__((packed)) entries[3];
} __attribute__((packed));
_Static_assert(sizeof(struct stats_buffer) == 30, "the device's layout");
_Static_assert(sizeof(struct stats_buffer) <= VIRTIO_QUEUE_ROOM, "the buffer lies behind the rings");

#define STAT_MEMFREE 4u
#define STAT_MEMTOT  5u
#define STAT_AVAIL   6u

struct balloon_counters balloon_counters; /* by their fields */

STAT(balloon_requests, "balloon.requests", "requests", "reports handed to the balloon", &balloon_counters.requests);
STAT(balloon_answers, "balloon.answers", "requests", "reports the balloon has answered", &balloon_counters.answers);
STAT(balloon_chains, "balloon.chains", "chains", "descriptor chains those took", &balloon_counters.chains);
STAT(balloon_notifications, "balloon.notifications", "writes", "times the balloon was notified",
     &balloon_counters.notifications);
STAT(balloon_stats, "balloon.stats_buffers", "buffers", "memory statistics given to the host",
     &balloon_counters.stats_buffers);
STAT(balloon_broken, "balloon.broken_queues", "queues", "queues the balloon wrote nonsense into",
     &balloon_counters.broken_queues);
STAT(balloon_resets, "balloon.resets", "resets", "times the balloon was taken down", &balloon_counters.resets);
STAT(balloon_restarts, "balloon.restarts", "restarts", "times the balloon was brought up again",
     &balloon_counters.restarts);
STAT(balloon_target, "balloon.target_frames", "frames", "the host wants the balloon to hold; it holds none",
     &balloon_counters.target_frames);

void balloon_kick(struct virtqueue *q)
{
	uint64_t before = q->kicks;

	virtq_kick(q);
	balloon_counters.notifications += q->kicks - before;
}

int balloon_take(struct virtqueue *q, uint32_t *token)
{
	uint64_t written;
	int taken = virtq_take(q, token, &written);

	if (taken < 0)
		balloon_counters.broken_queues++;
	return taken;
}

static void supply(struct balloon *b)
{
	struct virtq_buffer buffer = {.bytes = sizeof(struct stats_buffer)};
	struct stats_buffer *stats = virtio_queue_room(&b->stats, sizeof(*stats), &buffer.dma);
	struct mm_totals totals;

	mm_totals(b->sink.mm, &totals);
	stats->entries[0].tag = STAT_MEMFREE;
	stats->entries[0].value = (totals.free + totals.isolated) * FRAME_SIZE;
	stats->entries[1].tag = STAT_MEMTOT;
	stats->entries[1].value = totals.managed * FRAME_SIZE;
	stats->entries[2].tag = STAT_AVAIL;
	stats->entries[2].value = totals.free * FRAME_SIZE;
	if (virtq_add(&b->stats.q, &buffer, 1, 0, 0) == 0)
		balloon_counters.stats_buffers++;
}

int balloon_stats_start(struct balloon *b)
{
	if (virtio_queue_start(&b->stats, &b->pci, b->sink.mm, BALLOON_QUEUE_STATS))
		return -1;
	supply(b);
	return 0;
}

void balloon_stats_poll(struct balloon *b)
{
	uint32_t token;

	if (!b->stats_used || balloon_take(&b->stats.q, &token) <= 0)
		return;
	supply(b);
	balloon_kick(&b->stats.q);
}
