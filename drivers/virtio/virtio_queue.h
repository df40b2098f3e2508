/* A device's virtqueue from its set-up to its end: what every virtio driver does with each of its queues (virtio 1.2,
 * sections 4.1.5.1.3 "Virtqueue Configuration" and 2.7). What travels in it is virtqueue.h's.
 *
 *   virtio_pci_open, _negotiate -> virtio_queue_start, for each -> virtio_pci_live -> virtq_add(&queue->q), virtq_kick,
 *   virtq_take -> virtio_queue_release
 *
 * Memory   A frame for each queue, from mm. The device may touch it until its status reads 0 after a reset: so nothing
 *          but virtio_queue_release, which waits for that, gives one back.
 * Untrusted bytes  The size of a queue and where it is notified are the device's word: a size must be a power of two,
 *          of a large one VIRTQ_SIZE_MAX are used, and the notification must lie within its structure. What makes no
 *          sense is logged and leaves the queue unused.
 * Locks    none: one thread at a time uses a device. Key: drivers/drivers.h.
 */
#pragma once

#include "drivers/virtio/virtio_pci.h"
#include "drivers/virtio/virtqueue.h"
#include "lib/types.h"

struct mm;

/* So much of the frame is left behind the rings at every size, see virtio_queue_room. */
#define VIRTIO_QUEUE_ROOM 512u

struct virtio_queue {
	struct virtqueue q;	   /* (U) */
	struct mm *mm;		   /* (U) whose frame it has; NULL: it has none, and q is of no use */
	pfn_t pfn;		   /* (U) the frame with its rings */
	struct virtio_queue *next; /* (U) of the device's queues that have frames */
};

/* How many descriptors the device has for queue index, 0 when there is no such queue. Untouched: whatever the device
 * says, power of two or not. */
unsigned virtio_queue_size(struct virtio_pci *v, unsigned index);

/* Makes an empty queue of the device's size or VIRTQ_SIZE_MAX, whichever is less, tells the device of it and enables
 * it; between virtio_pci_negotiate and virtio_pci_live, once for each queue.
 *
 * queue    stays where it is until virtio_queue_release has returned true; its contents don't matter
 * mm       whom its frame is taken from
 * Returns  0; -1 (logged) when the device has no such queue or makes no sense, or there is no memory: then the device
 *          is to be taken down by virtio_queue_release. */
int virtio_queue_start(struct virtio_queue *queue, struct virtio_pci *v, struct mm *mm, unsigned index);

/* The end of the queue's frame, at most VIRTIO_QUEUE_ROOM bytes, for a small buffer that lives as long as the rings.
 * Zeroed at first; aligned as bytes is. Sets *dma to the address by which the device knows it. */
void *virtio_queue_room(const struct virtio_queue *queue, size_t bytes, uint64_t *dma);

/* Resets the device and takes bus mastering from it; once its status reads 0, at most timeout_ns from now, gives the
 * frames of all its queues back. Returns whether it came to that: if not the device may still use them, and it is to be
 * called again. */
bool virtio_queue_release(struct virtio_pci *v, uint64_t timeout_ns);
