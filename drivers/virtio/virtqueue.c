/* The split virtqueue's rings and the checks on what the device writes into them. */
#include "drivers/virtio/virtqueue.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "port/driver_port.h"

/* 2.7.5 The Virtqueue Descriptor Table. All fields are little-endian, as the machine is. */
struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
_Static_assert(sizeof(struct virtq_desc) == 16, "the device's layout");

#define DESC_NEXT  1u
#define DESC_WRITE 2u

/* 2.7.6 and 2.7.8: both rings begin with flags and idx. */
#define RING_FLAGS	   0u
#define RING_IDX	   1u
#define RING_ENTRIES	   2u
#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY	   1u
#define USED_ENTRY_BYTES   8u

#define SLOT_NONE 0xffffu

size_t virtq_avail_offset(unsigned size)
{
	return (size_t)size * sizeof(struct virtq_desc);
}

size_t virtq_used_offset(unsigned size)
{
	/* Each ring ends in a field for EVENT_IDX, which is there even when it isn't used; the used ring is aligned to
	 * 4. */
	return (size_t)align_up(virtq_avail_offset(size) + (RING_ENTRIES + size + 1) * sizeof(uint16_t), 4);
}

size_t virtq_bytes(unsigned size)
{
	return virtq_used_offset(size) + RING_ENTRIES * sizeof(uint16_t) + (size_t)size * USED_ENTRY_BYTES +
	       sizeof(uint16_t);
}

void virtq_init(struct virtqueue *q, unsigned index, unsigned size, void *memory)
{
	ASSERT(size >= 1 && size <= VIRTQ_SIZE_MAX);
	ASSERT((size & (size - 1)) == 0);
	ASSERT(is_aligned((uintptr_t)memory, 16));
	*q = (struct virtqueue){
		.index = (uint16_t)index,
		.size = (uint16_t)size,
		.desc = memory,
		.avail = (volatile void *)((char *)memory + virtq_avail_offset(size)),
		.used = (volatile void *)((char *)memory + virtq_used_offset(size)),
		.free_count = (uint16_t)size,
	};
	for (unsigned i = 0; i < size; i++)
		q->slots[i].next = (uint16_t)(i + 1 < size ? i + 1 : SLOT_NONE);
	q->avail[RING_FLAGS] = AVAIL_NO_INTERRUPT;
}

int virtq_add(struct virtqueue *q, const struct virtq_buffer *buffers, unsigned readable, unsigned writable,
	      uint32_t token)
{
	unsigned count = readable + writable;
	uint16_t head = q->free_head, at = head, last = head;
	uint64_t total = 0, written = 0;

	ASSERT(count >= 1 && count <= q->size);
	if (q->broken || count > q->free_count)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		volatile struct virtq_desc *desc = &q->desc[at];
		bool more = i + 1 < count;

		ASSERT(buffers[i].bytes != 0);
		total += buffers[i].bytes;
		if (i >= readable)
			written += buffers[i].bytes;
		desc->addr = buffers[i].dma;
		desc->len = buffers[i].bytes;
		desc->flags = (uint16_t)((i >= readable ? DESC_WRITE : 0) | (more ? DESC_NEXT : 0));
		desc->next = more ? q->slots[at].next : 0;
		last = at;
		at = q->slots[at].next;
	}
	ASSERT(total <= 1ull << 32);
	q->free_head = q->slots[last].next;
	q->free_count = (uint16_t)(q->free_count - count);
	q->slots[head].length = (uint16_t)count;
	q->slots[head].token = token;
	q->slots[head].writable = written;

	q->avail[RING_ENTRIES + (q->avail_idx & (q->size - 1u))] = head;
	driver_port_wmb(); /* the index tells the device that the entry and its descriptors are there */
	q->avail[RING_IDX] = ++q->avail_idx;
	return 0;
}

void virtq_kick(struct virtqueue *q)
{
	if (q->broken)
		return;
	/* 2.7.13.4.1: the flag must not be read before the device can see the index, or each could wait for the
	 * other. */
	driver_port_mb();
	if (q->used[RING_FLAGS] & USED_NO_NOTIFY)
		return;
	q->kicks++;
	driver_port_write16(q->notify, q->index);
}

static int broken(struct virtqueue *q, const char *what, unsigned value)
{
	q->broken = true;
	driver_port_log("virtqueue %u: %s (%u): broken, not used any more", q->index, what, value);
	return -1;
}

int virtq_take(struct virtqueue *q, uint32_t *token, uint64_t *written)
{
	const volatile uint32_t *entry;
	uint16_t ready, last;
	uint32_t id, len;
	struct virtq_slot *head;

	if (q->broken)
		return 0;
	ready = (uint16_t)(q->used[RING_IDX] - q->used_idx);
	if (ready == 0)
		return 0;
	if (ready > (uint16_t)(q->avail_idx - q->used_idx))
		return broken(q, "the used index is ahead of what is in flight", ready);
	driver_port_rmb(); /* the entry is older than the index that announced it */
	entry = (const volatile void *)(q->used + RING_ENTRIES);
	entry += (q->used_idx & (q->size - 1u)) * (USED_ENTRY_BYTES / sizeof(*entry));
	id = entry[0];
	len = entry[1];
	if (id >= q->size)
		return broken(q, "a used id is out of range", id);
	head = &q->slots[id];
	if (head->length == 0)
		return broken(q, "a used id isn't in flight", id);

	q->used_idx++;
	*token = head->token;
	*written = len;
	if (len > head->writable) {
		*written = head->writable;
		q->bad_lengths++;
	}
	last = (uint16_t)id;
	for (unsigned i = 1; i < head->length; i++)
		last = q->slots[last].next;
	q->slots[last].next = q->free_head;
	q->free_head = (uint16_t)id;
	q->free_count = (uint16_t)(q->free_count + head->length);
	head->length = 0;
	return 1;
}
