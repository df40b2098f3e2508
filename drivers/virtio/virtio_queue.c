/* Setting up a device's queues, and taking them back. */
#include "drivers/virtio/virtio_queue.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "mm/mm.h"
#include "port/driver_port.h"

/* 4.1.4.3 Common configuration structure layout: of the queue that is selected. */
#define COMMON_QUEUE_SELECT	0x16u
#define COMMON_QUEUE_SIZE	0x18u
#define COMMON_QUEUE_ENABLE	0x1cu
#define COMMON_QUEUE_NOTIFY_OFF 0x1eu
#define COMMON_QUEUE_DESC	0x20u
#define COMMON_QUEUE_DRIVER	0x28u
#define COMMON_QUEUE_DEVICE	0x30u

#define NOTIFY_BYTES 2u /* a notification is a 16-bit write of the queue's index */

unsigned virtio_queue_size(struct virtio_pci *v, unsigned index)
{
	driver_port_write16(v->common + COMMON_QUEUE_SELECT, (uint16_t)index);
	return driver_port_read16(v->common + COMMON_QUEUE_SIZE);
}

/* 4.1.3.1: a 64-bit field is written as two 32-bit ones. */
static void common_write64(struct virtio_pci *v, unsigned offset, uint64_t value)
{
	driver_port_write32(v->common + offset, (uint32_t)value);
	driver_port_write32(v->common + offset + 4, (uint32_t)(value >> 32));
}

/* 4.1.4.4: where the selected queue is notified. Both factors are the device's, so this is checked in 64 bits. */
static int notify_map(struct virtio_pci *v, struct virtqueue *q)
{
	uint64_t at = (uint64_t)driver_port_read16(v->common + COMMON_QUEUE_NOTIFY_OFF) * v->notify_multiplier;

	if (at + NOTIFY_BYTES > v->notify_bytes || !is_aligned(v->notify_base + at, NOTIFY_BYTES)) {
		driver_port_log("%s: queue %u would be notified at offset %#llx of %#x", v->name, q->index,
				(unsigned long long)at, v->notify_bytes);
		return -1;
	}
	q->notify = driver_port_map(v->notify_base + at, NOTIFY_BYTES);
	if (!q->notify) {
		driver_port_log("%s: the notification register of queue %u can't be mapped", v->name, q->index);
		return -1;
	}
	return 0;
}

/* Tells the device where the rings are. It is asked again how many descriptors it has: that may not be fewer now. */
static int hand_over(struct virtio_pci *v, struct virtqueue *q, uint64_t rings)
{
	unsigned size = virtio_queue_size(v, q->index);

	if (size < q->size) {
		driver_port_log("%s: queue %u has %u descriptors, %u were expected", v->name, q->index, size, q->size);
		return -1;
	}
	if (notify_map(v, q))
		return -1;
	driver_port_write16(v->common + COMMON_QUEUE_SIZE, q->size);
	common_write64(v, COMMON_QUEUE_DESC, rings);
	common_write64(v, COMMON_QUEUE_DRIVER, rings + virtq_avail_offset(q->size));
	common_write64(v, COMMON_QUEUE_DEVICE, rings + virtq_used_offset(q->size));
	driver_port_write16(v->common + COMMON_QUEUE_ENABLE, 1);
	return 0;
}

int virtio_queue_start(struct virtio_queue *queue, struct virtio_pci *v, struct mm *mm, unsigned index)
{
	unsigned size = virtio_queue_size(v, index);

	*queue = (struct virtio_queue){.mm = NULL};
	if (size == 0 || (size & (size - 1))) {
		driver_port_log("%s: queue %u has %u descriptors, a power of two is allowed", v->name, index, size);
		return -1;
	}
	if (size > VIRTQ_SIZE_MAX)
		size = VIRTQ_SIZE_MAX;
	queue->pfn = mm_alloc(mm, 0, MM_ZERO_HOT);
	if (queue->pfn == MM_PFN_NONE) {
		driver_port_log("%s: no memory for the rings of queue %u", v->name, index);
		return -1;
	}
	queue->mm = mm;
	queue->next = v->queues;
	v->queues = queue;
	ASSERT(virtq_bytes(size) <= FRAME_SIZE - VIRTIO_QUEUE_ROOM);
	virtq_init(&queue->q, index, size, driver_port_frame(queue->pfn));
	return hand_over(v, &queue->q, driver_port_dma(queue->pfn));
}

void *virtio_queue_room(const struct virtio_queue *queue, size_t bytes, uint64_t *dma)
{
	size_t at = FRAME_SIZE - bytes;

	ASSERT(queue->mm && bytes <= VIRTIO_QUEUE_ROOM);
	*dma = driver_port_dma(queue->pfn) + at;
	return (char *)driver_port_frame(queue->pfn) + at;
}

bool virtio_queue_release(struct virtio_pci *v, uint64_t timeout_ns)
{
	bool quiet = virtio_pci_reset(v, timeout_ns);

	virtio_pci_close(v);
	if (!quiet)
		return false;
	for (; v->queues; v->queues = v->queues->next) {
		mm_free(v->queues->mm, v->queues->pfn, 0);
		v->queues->mm = NULL;
	}
	return true;
}
