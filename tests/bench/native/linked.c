/* The second prototype: a classic buddy system with linked descriptors outside the frames.
 *
 * It is the layout that docs/adr compares the bitmaps with, so it is as good as this layout gets here:
 *   tag[frame]    one byte: free or used, and the order, in the first frame of every block; 0 elsewhere. Buddies up to
 *                 order 5 share a cache line, so a free block that can't merge costs one look
 *   link[frame]   two 32-bit indexes, read and written only when a block enters or leaves a list
 *   zero, reported  a bit for each frame, exact through split and merge
 *   count[word]   zero and reported frames of a free block larger than a word of bits, kept in its first word's
 *                 entry; smaller blocks count the bits of their one word
 * Lists: one for each order and content, first in last out; a mask of orders whose list isn't empty for each content.
 */
#include "tests/bench/native/plug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bits.h"

#define ORDERS	   19u
#define ORDER_WORD 6u
#define ORDER_AREA 9u
#define NIL	   UINT32_MAX

#define TAG_FREE 0x80u
#define TAG_USED 0x40u

/* What a free block's contents are, in the order in which they are taken for a caller to whom they don't matter. */
enum content { CONTENT_DIRTY, CONTENT_ZERO, CONTENT_REPORTED, CONTENTS };

struct link {
	uint32_t next;
	uint32_t prev; /* NIL: the first of its list */
};

struct counts {
	uint32_t zero;
	uint32_t reported;
};

struct linked {
	size_t frames;
	uint8_t *tag;
	struct link *link;
	uint64_t *zero;
	uint64_t *reported;
	struct counts *count;
	uint32_t orders[CONTENTS]; /* bit o: head[class][o] isn't NIL */
	uint32_t head[CONTENTS][ORDERS];
};

/* Everything lies in one mapping behind the struct, each part from a cache line of its own. */
static size_t linked_layout(struct linked *b, size_t frames)
{
	size_t words = (frames + 63) / 64, at = align_up(sizeof(*b), 64);
	char *base = (char *)b;
	b->frames = frames;
	b->tag = (void *)(base + at), at += align_up(frames, 64);
	b->link = (void *)(base + at), at += align_up(frames * sizeof(struct link), 64);
	b->zero = (void *)(base + at), at += align_up(words * 8, 64);
	b->reported = (void *)(base + at), at += align_up(words * 8, 64);
	b->count = (void *)(base + at), at += align_up(words * sizeof(struct counts), 64);
	return at;
}

static uint64_t word_mask(uint32_t pfn, unsigned order)
{
	return bits_low(1u << order) << (pfn & 63);
}

/* Counts of a block whose entry in count[] may not be valid: after a split, or when it was just freed. */
static struct counts count_bits(const struct linked *b, uint32_t pfn, unsigned order)
{
	struct counts c = {0, 0};
	if (order <= ORDER_WORD) {
		uint64_t mask = word_mask(pfn, order);
		c.zero = bit_count(b->zero[pfn >> 6] & mask);
		c.reported = bit_count(b->reported[pfn >> 6] & mask);
		return c;
	}
	for (size_t w = pfn >> 6; w < (pfn >> 6) + (1u << (order - ORDER_WORD)); w++) {
		c.zero += bit_count(b->zero[w]);
		c.reported += bit_count(b->reported[w]);
	}
	return c;
}

static struct counts counts_of(const struct linked *b, uint32_t pfn, unsigned order)
{
	return order <= ORDER_WORD ? count_bits(b, pfn, order) : b->count[pfn >> 6];
}

static enum content content_of(struct counts c, unsigned order)
{
	if (c.reported)
		return CONTENT_REPORTED;
	return c.zero == 1u << order ? CONTENT_ZERO : CONTENT_DIRTY;
}

static void list_push(struct linked *b, uint32_t pfn, unsigned order, struct counts c)
{
	enum content k = content_of(c, order);
	uint32_t first = b->head[k][order];
	if (order > ORDER_WORD)
		b->count[pfn >> 6] = c;
	b->link[pfn] = (struct link){.next = first, .prev = NIL};
	if (first != NIL)
		b->link[first].prev = pfn;
	b->head[k][order] = pfn;
	b->orders[k] |= 1u << order;
	b->tag[pfn] = (uint8_t)(TAG_FREE | order);
}

static void list_remove(struct linked *b, uint32_t pfn, unsigned order, struct counts c)
{
	struct link l = b->link[pfn];
	if (l.next != NIL)
		b->link[l.next].prev = l.prev;
	if (l.prev != NIL) {
		b->link[l.prev].next = l.next;
	} else {
		enum content k = content_of(c, order);
		b->head[k][order] = l.next;
		if (l.next == NIL)
			b->orders[k] &= ~(1u << order);
	}
	b->tag[pfn] = 0;
}

/* Picks a block: the smallest that fits, dirty before zero, and a reported or a whole 2 MiB block only when no
 * partly used one fits. */
static bool pick(const struct linked *b, unsigned order, enum content *k, unsigned *have)
{
	uint32_t fits = ~0u << order, small = fits & ((1u << ORDER_AREA) - 1);
	for (*k = CONTENT_DIRTY; *k < CONTENT_REPORTED; (*k)++) {
		if (b->orders[*k] & small) {
			*have = bit_first(b->orders[*k] & small);
			return true;
		}
	}
	for (*k = CONTENT_DIRTY; *k < CONTENTS; (*k)++) {
		if (b->orders[*k] & fits) {
			*have = bit_first(b->orders[*k] & fits);
			return true;
		}
	}
	return false;
}

static void forget_contents(struct linked *b, uint32_t pfn, unsigned order)
{
	if (order <= ORDER_WORD) {
		b->zero[pfn >> 6] &= ~word_mask(pfn, order);
		b->reported[pfn >> 6] &= ~word_mask(pfn, order);
		return;
	}
	size_t bytes = 8ul << (order - ORDER_WORD);
	memset(&b->zero[pfn >> 6], 0, bytes);
	memset(&b->reported[pfn >> 6], 0, bytes);
}

static uint64_t linked_alloc(void *self, unsigned order)
{
	struct linked *b = self;
	enum content k;
	unsigned have;
	if (!pick(b, order, &k, &have))
		return PLUG_NONE;
	uint32_t pfn = b->head[k][have];
	struct counts c = counts_of(b, pfn, have);
	list_remove(b, pfn, have, c);

	/* Uniform blocks, the usual case, are halved without a look at the bits. */
	bool mixed = c.reported || (c.zero && c.zero != 1u << have);
	while (have > order) {
		uint32_t half = 1u << --have;
		struct counts rest = {c.zero ? half : 0, 0};
		if (mixed)
			rest = count_bits(b, pfn + half, have);
		list_push(b, pfn + half, have, rest);
	}
	if (c.zero || c.reported)
		forget_contents(b, pfn, order);
	b->tag[pfn] = (uint8_t)(TAG_USED | order);
	return pfn;
}

static void linked_free(void *self, uint64_t block, unsigned order)
{
	struct linked *b = self;
	uint32_t pfn = (uint32_t)block;
	if (block >= b->frames || b->tag[pfn] != (TAG_USED | order)) {
		fprintf(stderr, "bench: linked: bad free of frame %u, order %u\n", pfn, order);
		abort();
	}
	b->tag[pfn] = 0;
	struct counts c = {0, 0}; /* a freed block is dirty */
	for (; order < ORDERS - 1; order++) {
		uint32_t buddy = pfn ^ (1u << order);
		if (buddy >= b->frames || b->tag[buddy] != (TAG_FREE | order))
			break;
		struct counts other = counts_of(b, buddy, order);
		list_remove(b, buddy, order, other);
		c.zero += other.zero;
		c.reported += other.reported;
		pfn &= ~(1u << order);
	}
	list_push(b, pfn, order, c);
}

static void *linked_open(size_t frames)
{
	struct linked measure;
	struct linked *b = plug_map(linked_layout(&measure, frames));
	linked_layout(b, frames);
	for (unsigned k = 0; k < CONTENTS; k++)
		for (unsigned o = 0; o < ORDERS; o++)
			b->head[k][o] = NIL;
	/* From the top, so that the lists hand out the lowest block first. */
	for (size_t at = frames; at > 0;) {
		unsigned order = bit_first(at);
		if (order >= ORDERS)
			order = ORDERS - 1;
		at -= 1ul << order;
		list_push(b, (uint32_t)at, order, (struct counts){0, 0});
	}
	return b;
}

static size_t linked_meta_bytes(void *self)
{
	struct linked measure;
	return linked_layout(&measure, ((struct linked *)self)->frames);
}

static void linked_close(void *self)
{
	plug_unmap(self, linked_meta_bytes(self));
}

const struct plug plug_linked = {
	.name = "linked",
	.what = "prototype: buddy lists of linked descriptors outside the frames",
	.max_order = ORDERS - 1,
	.open = linked_open,
	.close = linked_close,
	.alloc = linked_alloc,
	.free = linked_free,
	.meta_bytes = linked_meta_bytes,
};
