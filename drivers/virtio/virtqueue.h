/* A split virtqueue: buffers go to a device and come back (virtio 1.2, section 2.7, "Split Virtqueues").
 *
 * It knows rings, not devices: the caller gives the memory, a transport tells the device where the rings lie and sets
 * where a notification is written. Buffers travel in chains: some that the device reads, then some that it writes.
 *
 *   virtq_init -> (transport hands the rings to the device) -> virtq_add ... virtq_kick -> virtq_take
 *
 * Untrusted bytes  The device can write all of this memory at any time. So nothing that steers the driver is read back
 *          from it: the free list, the chains and their tokens are in struct virtqueue, and each field of the used
 *          ring is read once and checked. A used index that jumps past what is in flight, an id out of range, an id
 *          that isn't the head of a chain in flight (never given out, or given back twice): the queue is broken from
 *          then on. A used length is only ever a hint: QEMU counts bytes that it read as well, so a length too long is
 *          clamped to what the device could have written, and counted.
 * Features neither INDIRECT_DESC nor EVENT_IDX is used; the driver must not accept them. A device that sets NO_NOTIFY
 *          isn't notified. The device is asked for no interrupt: drivers here poll.
 * Locks    none: the caller has one queue used by one thread at a time. Key: drivers/drivers.h.
 */
#pragma once

#include "lib/types.h"

/* Rings of up to this many descriptors fit one frame; a transport asks the device for no more. */
#define VIRTQ_SIZE_MAX 128u

/* One piece of memory for the device, by the address the device knows it by. bytes must not be 0. */
struct virtq_buffer {
	uint64_t dma;
	uint32_t bytes;
};

struct virtq_desc; /* 2.7.5 The Virtqueue Descriptor Table */

struct virtqueue {
	uint16_t index;			  /* (C) the device's number for it */
	uint16_t size;			  /* (C) a power of two, 1 to VIRTQ_SIZE_MAX */
	bool broken;			  /* (U) the device broke the rules; nothing goes in or out any more */
	volatile struct virtq_desc *desc; /* (C), what it leads to (D), never read */
	volatile uint16_t *avail;	  /* (C), what it leads to (D), never read: flags, idx, ring[size] */
	volatile uint16_t *used;	  /* (C), what it leads to (D): flags, idx, then {le32 id, le32 len}[size] */
	volatile uint16_t *notify;	  /* (C) set by the transport */

	uint16_t free_count;  /* (U) */
	uint16_t free_head;   /* (U) */
	uint16_t avail_idx;   /* (U) free-running, as the device will see it */
	uint16_t used_idx;    /* (U) free-running: answers taken */
	uint64_t kicks;	      /* (U) notifications sent */
	uint64_t bad_lengths; /* (U) */
	struct virtq_slot {
		uint16_t next;	   /* (U) in the free list, or in its chain */
		uint16_t length;   /* (U) descriptors in the chain that begins here; 0: none does */
		uint32_t token;	   /* (U) of that chain */
		uint64_t writable; /* (U) bytes the device may write in that chain */
	} slots[VIRTQ_SIZE_MAX];
};

/* Bytes of ring memory for size descriptors. */
size_t virtq_bytes(unsigned size);

/* Where the three parts lie in the ring memory, for the transport. */
size_t virtq_avail_offset(unsigned size);
size_t virtq_used_offset(unsigned size);

/* Makes an empty queue in memory: virtq_bytes(size) zeroed bytes, 16-byte aligned, which the device may touch from the
 * moment it is told of them until it was reset; the caller keeps them for that long. */
void virtq_init(struct virtqueue *q, unsigned index, unsigned size, void *memory);

/* Offers one chain: the first `readable` buffers are for the device to read, `writable` more for it to write; in sum
 * 1 to size, and at most 2^32 bytes (2.7.5). The token comes back from virtq_take; the buffers' memory is the device's
 * until then, the array is gone after the call. The device may see the chain at once, and surely after virtq_kick.
 * Returns 0; -1 when the queue is broken or fewer descriptors are free. */
int virtq_add(struct virtqueue *q, const struct virtq_buffer *buffers, unsigned readable, unsigned writable,
	      uint32_t token);

/* Notifies the device of what was added, unless it asked not to be. */
void virtq_kick(struct virtqueue *q);

/* Takes one answer, if there is one.
 * Returns 1 with *token and *written, the bytes that the device says it wrote, at most those it was given; 0 when there
 * is none; -1 when the device broke the rules, once (logged): after that 0 for ever. Chains in flight at that moment
 * are lost: only a reset of the device takes their memory back. */
int virtq_take(struct virtqueue *q, uint32_t *token, uint64_t *written);
