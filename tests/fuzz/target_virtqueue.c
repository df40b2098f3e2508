/* The split virtqueue against a device that writes whatever it likes into the rings: drivers/virtio/virtqueue.c.
 *
 * The driver's side is known here as well: which chains are in flight, with which token and how many bytes the device
 * may write. From that and from the ring's bytes follows what each call must say, to the last bit: which answer is
 * taken, when the queue breaks, how many descriptors are free. Nothing that the device writes may change anything else.
 */
#include <stdlib.h>

#include "drivers/virtio/virtqueue.h"
#include "host.h"
#include "tests/fuzz/fuzz.h"

#define TOKEN_NONE 0u

static struct virtqueue q;
static uint8_t *memory;
static unsigned size;
static uint16_t doorbell;

static struct model {
	bool broken;
	unsigned in_flight, free;
	uint16_t used, avail;
	uint32_t tokens; /* given out so far; each is its own number */
	struct chain {
		uint32_t token; /* TOKEN_NONE: no chain begins here */
		unsigned length;
		uint64_t writable;
	} chains[VIRTQ_SIZE_MAX];
} model;

static uint16_t load16(size_t at)
{
	uint16_t v;

	memcpy(&v, memory + at, sizeof(v));
	return v;
}

static void store(size_t at, uint32_t v, size_t bytes)
{
	memcpy(memory + at, &v, bytes);
}

static size_t used_at(unsigned field)
{
	return virtq_used_offset(size) + field;
}

static void add(struct choices *in)
{
	struct virtq_buffer buffers[VIRTQ_SIZE_MAX];
	unsigned shape = choice_u8(in), readable = shape & 3, writable = shape >> 2 & 7;
	uint64_t bytes = 0;

	if (readable + writable == 0)
		writable = 1;
	if (readable + writable > size)
		return; /* a caller's mistake */
	for (unsigned i = 0; i < readable + writable; i++) {
		buffers[i] = (struct virtq_buffer){.dma = 0x1000u * i, .bytes = 1 + choice_u8(in)};
		if (shape & 0x80)
			buffers[i].bytes <<= 20;
		bytes += i >= readable ? buffers[i].bytes : 0;
	}
	bool fits = !model.broken && model.free >= readable + writable;
	int added = virtq_add(&q, buffers, readable, writable, model.tokens + 1);
	FUZZ_CHECK(added == (fits ? 0 : -1));
	if (!fits)
		return;
	model.tokens++;
	model.free -= readable + writable;
	model.in_flight++;
	/* Its head stands in the avail ring; it must be one that is free. */
	unsigned head = load16(virtq_avail_offset(size) + 4 + 2 * (model.avail % size));
	FUZZ_CHECK(head < size && model.chains[head].token == TOKEN_NONE);
	model.chains[head] = (struct chain){model.tokens, readable + writable, bytes};
	model.avail++;
	FUZZ_CHECK(load16(virtq_avail_offset(size) + 2) == model.avail);
	/* The descriptors are as given, in a chain of just that length. */
	for (unsigned i = 0, at = head; i < readable + writable; i++) {
		uint64_t dma;
		uint32_t length;
		unsigned flags = load16(16 * at + 12), want = i >= readable ? 2 : 0;

		memcpy(&dma, memory + 16 * at, 8);
		memcpy(&length, memory + 16 * at + 8, 4);
		FUZZ_CHECK(dma == buffers[i].dma && length == buffers[i].bytes);
		FUZZ_CHECK(flags == (want | (i + 1 < readable + writable ? 1 : 0)));
		at = load16(16 * at + 14);
		FUZZ_CHECK(at < size);
	}
}

static void take(void)
{
	uint16_t ready = (uint16_t)(load16(used_at(2)) - model.used);
	size_t entry = used_at(4 + 8 * (model.used % size));
	uint32_t id, len, token = 0;
	uint64_t written = 0;
	int want = 1, taken;

	memcpy(&id, memory + entry, 4);
	memcpy(&len, memory + entry + 4, 4);
	if (model.broken || ready == 0)
		want = 0;
	else if (ready > model.in_flight || id >= size || model.chains[id].token == TOKEN_NONE)
		want = -1;
	taken = virtq_take(&q, &token, &written);
	FUZZ_CHECK(taken == want);
	FUZZ_CHECK(q.broken == (model.broken || want < 0));
	model.broken = q.broken;
	if (want != 1)
		return;
	struct chain *chain = &model.chains[id];
	FUZZ_CHECK(token == chain->token);
	FUZZ_CHECK(written == (len < chain->writable ? len : chain->writable));
	model.free += chain->length;
	model.in_flight--;
	model.used++;
	chain->token = TOKEN_NONE;
}

static void kick(void)
{
	uint64_t kicks = q.kicks;

	virtq_kick(&q);
	FUZZ_CHECK(q.kicks - kicks == (model.broken || (load16(used_at(0)) & 1) ? 0 : 1));
	FUZZ_CHECK(q.kicks == kicks || doorbell == q.index);
	doorbell = 0xffff;
}

/* A true answer: of the n-th chain in flight. */
static void answer(unsigned n, uint32_t len)
{
	uint16_t idx = load16(used_at(2));

	for (unsigned head = 0; head < size; head++) {
		if (model.chains[head].token == TOKEN_NONE || n-- != 0)
			continue;
		store(used_at(4 + 8 * (idx % size)), head, 4);
		store(used_at(8 + 8 * (idx % size)), len, 4);
		store(used_at(2), idx + 1u, 2);
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct choices in = choices_of(data, bytes);
	unsigned op, at;

	size = 1u << choice_below(&in, 8);
	host_log_clear();
	memory = aligned_alloc(16, (virtq_bytes(size) + 15) / 16 * 16);
	memset(memory, 0, virtq_bytes(size));
	virtq_init(&q, 3, size, memory);
	q.notify = &doorbell;
	model = (struct model){.free = size};
	while (choice_left(&in)) {
		switch ((op = choice_u8(&in)) % 8) {
		case 0:
		case 1:
			add(&in);
			break;
		case 2:
			take();
			break;
		case 3:
			kick();
			break;
		case 4:
			answer(op >> 3, choice_u16(&in));
			break;
		case 5: /* an entry and an index of the device's invention */
			store(used_at(4 + 8 * (load16(used_at(2)) % size)), op & 0x80 ? choice_u32(&in) : op >> 3, 4);
			store(used_at(8 + 8 * (load16(used_at(2)) % size)), choice_u32(&in), 4);
			store(used_at(2), load16(used_at(2)) + 1u, 2);
			break;
		case 6: /* the index jumps */
			store(used_at(2), load16(used_at(2)) + (uint32_t)(int8_t)choice_u8(&in), 2);
			break;
		default: /* anything anywhere, in what the driver alone should write as well */
			at = choice_u16(&in) % (virtq_bytes(size) - 1);
			store(at, choice_u8(&in), 1);
		}
		FUZZ_CHECK(q.free_count == model.free);
	}
	free(memory);
	return 0;
}
