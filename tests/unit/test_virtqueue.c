/* The split virtqueue against a device that is a few lines of C on the same memory, and that lies when told to. */
#include "drivers/virtio/virtqueue.h"
#include "lib/bits.h"
#include "tests/unit/test.h"

#define SIZE	   8u
#define RING_BYTES 4096u

#define DESC_NEXT  1u
#define DESC_WRITE 2u

/* The device's view of the rings, laid out by hand from the specification's 2.7, not by the driver's code. */
static struct ring {
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc[SIZE];
	uint16_t avail_flags, avail_idx, avail_ring[SIZE], used_event;
	uint16_t pad[1];
	uint16_t used_flags, used_idx;
	struct {
		uint32_t id, len;
	} used_ring[SIZE];
	uint16_t avail_event;
} ring __attribute__((aligned(4096)));

static uint8_t large[RING_BYTES] __attribute__((aligned(4096)));
static struct virtqueue queue;
static uint16_t doorbell;
static uint16_t device_idx; /* the next entry of the available ring that the device looks at */

static struct answer {
	uint32_t token;
	uint64_t written;
} answer; /* what take got */

static struct virtqueue *fixture(void)
{
	ring = (struct ring){0};
	virtq_init(&queue, 3, SIZE, &ring);
	doorbell = 0xffff;
	device_idx = 0;
	answer = (struct answer){0};
	queue.notify = &doorbell;
	return &queue;
}

/* The device's half: whether there is a chain it hasn't seen, and the head of the next one, which there must be. */
static bool device_sees_one(void)
{
	return device_idx != *(volatile uint16_t *)&ring.avail_idx;
}

static uint16_t device_take(void)
{
	CHECK(device_sees_one());
	return ring.avail_ring[device_idx++ % SIZE];
}

static void device_use(uint32_t id, uint32_t len)
{
	ring.used_ring[ring.used_idx % SIZE].id = id;
	ring.used_ring[ring.used_idx % SIZE].len = len;
	*(volatile uint16_t *)&ring.used_idx = (uint16_t)(ring.used_idx + 1);
}

static int add(struct virtqueue *q, unsigned readable, unsigned writable, uint32_t token)
{
	struct virtq_buffer buffers[SIZE];

	for (unsigned i = 0; i < readable + writable; i++)
		buffers[i] = (struct virtq_buffer){.dma = 0x1000u * (token + 1) + i, .bytes = 16 + i};
	return virtq_add(q, buffers, readable, writable, token);
}

static int take(struct virtqueue *q)
{
	return virtq_take(q, &answer.token, &answer.written);
}

static void check_broken(struct virtqueue *q)
{
	CHECK_EQ(take(q), -1);
	CHECK(q->broken);
	CHECK_EQ(take(q), 0); /* the error comes once */
	CHECK_EQ(add(q, 0, 1, 9), -1);
	doorbell = 0xffff;
	virtq_kick(q);
	CHECK_EQ(doorbell, 0xffff);
}

TEST(virtqueue, layout_is_the_specifications)
{
	CHECK_EQ(virtq_avail_offset(SIZE), offsetof(struct ring, avail_flags));
	CHECK_EQ(virtq_used_offset(SIZE), offsetof(struct ring, used_flags));
	CHECK_EQ(virtq_bytes(SIZE), offsetof(struct ring, avail_event) + 2);
	for (unsigned size = 1; size <= VIRTQ_SIZE_MAX; size *= 2) {
		CHECK(is_aligned(virtq_used_offset(size), 4));
		CHECK(virtq_used_offset(size) >= 16 * size + 6 + 2 * size);
		CHECK(virtq_bytes(size) <= FRAME_SIZE);
	}
}

TEST(virtqueue, chain_carries_its_buffers)
{
	struct virtqueue *q = fixture();
	uint16_t head;

	CHECK_EQ(ring.avail_flags, 1); /* no interrupts, please */
	CHECK_EQ(add(q, 1, 2, 5), 0);
	head = device_take();
	CHECK(head < SIZE);
	CHECK_EQ(ring.desc[head].addr, 0x6000);
	CHECK_EQ(ring.desc[head].len, 16);
	CHECK_EQ(ring.desc[head].flags, DESC_NEXT);
	head = ring.desc[head].next;
	CHECK_EQ(ring.desc[head].addr, 0x6001);
	CHECK_EQ(ring.desc[head].flags, DESC_NEXT | DESC_WRITE);
	head = ring.desc[head].next;
	CHECK_EQ(ring.desc[head].addr, 0x6002);
	CHECK_EQ(ring.desc[head].len, 18);
	CHECK_EQ(ring.desc[head].flags, DESC_WRITE);
	CHECK(!device_sees_one());
}

TEST(virtqueue, answer_brings_the_token_and_the_length)
{
	struct virtqueue *q = fixture();

	CHECK_EQ(take(q), 0);
	CHECK_EQ(add(q, 1, 2, 77), 0);
	CHECK_EQ(take(q), 0);
	device_use(device_take(), 20);
	CHECK_EQ(take(q), 1);
	CHECK_EQ(answer.token, 77);
	CHECK_EQ(answer.written, 20);
	CHECK_EQ(q->free_count, SIZE);
	CHECK_EQ(take(q), 0);
}

TEST(virtqueue, kick_writes_the_index_unless_asked_not_to)
{
	struct virtqueue *q = fixture();

	CHECK_EQ(add(q, 0, 1, 0), 0);
	virtq_kick(q);
	CHECK_EQ(doorbell, 3);
	CHECK_EQ(q->kicks, 1);
	doorbell = 0xffff;
	*(volatile uint16_t *)&ring.used_flags = 1;
	virtq_kick(q);
	CHECK_EQ(doorbell, 0xffff);
	CHECK_EQ(q->kicks, 1);
	*(volatile uint16_t *)&ring.used_flags = 0xfffe; /* bits that mean nothing */
	virtq_kick(q);
	CHECK_EQ(doorbell, 3);
}

TEST(virtqueue, full_queue_takes_no_more)
{
	struct virtqueue *q = fixture();

	CHECK_EQ(add(q, 0, 5, 1), 0);
	CHECK_EQ(add(q, 0, 4, 2), -1);
	CHECK_EQ(add(q, 0, 3, 3), 0);
	CHECK_EQ(add(q, 0, 1, 4), -1);
	CHECK(!q->broken);
	device_use(device_take(), 0);
	CHECK_EQ(take(q), 1);
	CHECK_EQ(answer.token, 1);
	CHECK_EQ(add(q, 0, 5, 5), 0);
	CHECK_EQ(q->free_count, 0);
}

TEST(virtqueue, size_one_and_the_largest)
{
	struct virtq_buffer buffers[VIRTQ_SIZE_MAX];
	volatile uint16_t *used;

	for (unsigned size = 1; size <= VIRTQ_SIZE_MAX; size *= VIRTQ_SIZE_MAX) {
		__builtin_memset(large, 0, sizeof(large));
		virtq_init(&queue, 0, size, large);
		queue.notify = &doorbell;
		for (unsigned i = 0; i < size; i++)
			buffers[i] = (struct virtq_buffer){.dma = i + 1, .bytes = 1};
		used = (volatile uint16_t *)(void *)(large + virtq_used_offset(size));
		for (unsigned round = 0; round < 3; round++) {
			CHECK_EQ(virtq_add(&queue, buffers, 0, size, round), 0);
			CHECK_EQ(virtq_add(&queue, buffers, 0, 1, 0), -1);
			((volatile uint32_t *)(volatile void *)(used + 2))[2 * (round % size)] =
				((uint16_t *)(void *)(large + virtq_avail_offset(size)))[2 + round % size];
			used[1] = (uint16_t)(round + 1);
			CHECK_EQ(take(&queue), 1);
			CHECK_EQ(answer.token, round);
			CHECK_EQ(queue.free_count, size);
		}
	}
}

TEST(virtqueue, chain_of_exactly_4_gib)
{
	struct virtqueue *q = fixture();
	struct virtq_buffer four[5] = {
		{.dma = 0, .bytes = 1u << 30}, {.dma = GIB, .bytes = 1u << 30},	    {.dma = 2 * GIB, .bytes = 1u << 30},
		{.dma = 3, .bytes = 1u << 30}, {.dma = 4 * GIB, .bytes = 1u << 30},
	};

	CHECK_EQ(virtq_add(q, four, 0, 4, 0), 0);
	device_use(device_take(), ~0u);
	CHECK_EQ(take(q), 1);
	CHECK_EQ(answer.written, ~0u);
	CHECK_PANIC(virtq_add(q, four, 0, 5, 0), "total");
}

TEST(virtqueue, callers_mistakes_are_caught)
{
	struct virtq_buffer empty = {.dma = 1, .bytes = 0};

	fixture();
	CHECK_PANIC(virtq_init(&queue, 0, 3, &ring), "size");
	CHECK_PANIC(virtq_init(&queue, 0, 0, &ring), "size");
	CHECK_PANIC(virtq_init(&queue, 0, 2 * VIRTQ_SIZE_MAX, &ring), "size");
	CHECK_PANIC(virtq_init(&queue, 0, SIZE, large + 8), "memory");
	fixture();
	CHECK_PANIC(virtq_add(&queue, &empty, 0, 1, 0), "bytes");
	fixture();
	CHECK_PANIC(virtq_add(&queue, &empty, 0, 0, 0), "count");
}

TEST(virtqueue, index_that_jumps_ahead_breaks_it)
{
	struct virtqueue *q = fixture();

	CHECK_EQ(add(q, 0, 1, 0), 0);
	CHECK_EQ(add(q, 0, 1, 1), 0);
	*(volatile uint16_t *)&ring.used_idx = 3;
	check_broken(q);
}

TEST(virtqueue, index_that_moves_with_nothing_in_flight_breaks_it)
{
	struct virtqueue *q = fixture();

	*(volatile uint16_t *)&ring.used_idx = 1;
	check_broken(q);
}

TEST(virtqueue, index_that_goes_back_breaks_it)
{
	struct virtqueue *q = fixture();

	CHECK_EQ(add(q, 0, 1, 0), 0);
	CHECK_EQ(add(q, 0, 1, 1), 0);
	device_use(device_take(), 0);
	CHECK_EQ(take(q), 1);
	*(volatile uint16_t *)&ring.used_idx = 0;
	check_broken(q);
}

TEST(virtqueue, id_out_of_range_breaks_it)
{
	static const uint32_t ids[] = {SIZE, SIZE + 1, 0xffff, 0x10000, 0x80000000, ~0u};

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct virtqueue *q = fixture();

		CHECK_EQ(add(q, 0, 1, 0), 0);
		device_use(ids[i], 0);
		check_broken(q);
	}
}

TEST(virtqueue, id_never_given_out_breaks_it)
{
	struct virtqueue *q = fixture();
	uint16_t head;

	CHECK_EQ(add(q, 0, 1, 0), 0);
	head = device_take();
	device_use((head + 1u) % SIZE, 0);
	check_broken(q);
}

TEST(virtqueue, id_inside_a_chain_breaks_it)
{
	struct virtqueue *q = fixture();
	uint16_t head;

	CHECK_EQ(add(q, 0, 3, 0), 0);
	head = device_take();
	device_use(ring.desc[head].next, 0);
	check_broken(q);
}

TEST(virtqueue, answer_given_twice_breaks_it)
{
	struct virtqueue *q = fixture();
	uint16_t head;

	CHECK_EQ(add(q, 0, 1, 0), 0);
	CHECK_EQ(add(q, 0, 1, 1), 0);
	head = device_take();
	device_use(head, 0);
	device_use(head, 0);
	CHECK_EQ(take(q), 1);
	CHECK_EQ(answer.token, 0);
	check_broken(q);
}

TEST(virtqueue, length_too_long_is_clamped_and_counted)
{
	struct virtqueue *q = fixture();

	/* What QEMU does with statistics: the driver's buffer is read only, and used with the bytes that were read. */
	CHECK_EQ(add(q, 1, 0, 0), 0);
	device_use(device_take(), 16);
	CHECK_EQ(take(q), 1);
	CHECK_EQ(answer.written, 0);
	CHECK_EQ(q->bad_lengths, 1);
	CHECK_EQ(add(q, 1, 1, 1), 0);
	device_use(device_take(), ~0u);
	CHECK_EQ(take(q), 1);
	CHECK_EQ(answer.written, 17);
	CHECK_EQ(q->bad_lengths, 2);
	CHECK(!q->broken);
}

/* The device scribbles over all that it can reach between any two steps; the driver's own books must not move. */
TEST(virtqueue, descriptor_table_is_never_read_back)
{
	struct virtqueue *q = fixture();
	uint16_t heads[2];

	for (unsigned round = 0; round < 20; round++) {
		CHECK_EQ(add(q, 1, 2, round), 0);
		CHECK_EQ(add(q, 0, 4, round + 100), 0);
		heads[0] = device_take();
		heads[1] = device_take();
		__builtin_memset(&ring, 0xff, offsetof(struct ring, used_flags));
		device_use(heads[1], 0);
		device_use(heads[0], 0);
		CHECK_EQ(take(q), 1);
		CHECK_EQ(answer.token, round + 100);
		CHECK_EQ(take(q), 1);
		CHECK_EQ(answer.token, round);
		CHECK_EQ(q->free_count, SIZE);
		ring.avail_idx = q->avail_idx; /* what it scribbled over; the driver writes it with the next chain */
	}
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Chains of random length, answered in random order, over several turns of the 16-bit indexes. */
TEST(virtqueue, random_order_against_a_list_of_what_is_in_flight)
{
	uint64_t seed = test_port_seed() | 1, random = seed;
	struct virtqueue *q = fixture();
	struct {
		uint16_t head;
		uint32_t token;
		unsigned length;
	} flight[SIZE];
	unsigned count = 0, used = 0;
	uint32_t next = 0;

	test_port_note("seed %#llx", (unsigned long long)seed);
	for (unsigned step = 0; step < 300000; step++) {
		if (random_next(&random) % 2) {
			unsigned length = 1 + (unsigned)(random_next(&random) % 4);
			int added = add(q, 0, length, next);

			CHECK_EQ(added == 0, used + length <= SIZE);
			if (added)
				continue;
			flight[count].head = device_take();
			flight[count].token = next++;
			flight[count].length = length;
			used += length;
			count++;
		} else if (count) {
			unsigned pick = (unsigned)(random_next(&random) % count);

			device_use(flight[pick].head, flight[pick].length);
			CHECK_EQ(take(q), 1);
			CHECK_EQ(answer.token, flight[pick].token);
			CHECK_EQ(answer.written, flight[pick].length);
			used -= flight[pick].length;
			flight[pick] = flight[--count];
		}
		CHECK_EQ(q->free_count, SIZE - used);
	}
	CHECK(next > 0x10000);
}
