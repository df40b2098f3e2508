/* A second virtio driver: how little one takes, and that its queue is set up and given back like the balloon's. The
 * device is a source of entropy (virtio 1.2, section 5.4), which fills what is put into its one queue. */
#include "drivers/virtio/virtio_pci.h"
#include "drivers/virtio/virtio_queue.h"
#include "host.h"
#include "mm/mm.h"
#include "tests/unit/fixture.h"
#include "tests/unit/test.h"
#include "virtio_device.h"

#define FRAMES	    64u
#define BYTES	    16u
#define DEVICE_ID   0x1005u
#define RESET_NS    1000000u
#define QUEUE_INDEX 0u

static struct virtio_device device;
static struct mm *mm;

/* --- the driver --- */

static struct rng {
	struct virtio_pci pci;
	struct virtio_queue requests;
} rng;

static int rng_start(const struct pci_function *f)
{
	if (virtio_pci_open(&rng.pci, f, "rng"))
		return -1;
	if (virtio_pci_negotiate(&rng.pci, 0, 0) || virtio_queue_start(&rng.requests, &rng.pci, mm, QUEUE_INDEX)) {
		(void)virtio_queue_release(&rng.pci, RESET_NS);
		return -1;
	}
	virtio_pci_live(&rng.pci);
	return 0;
}

/* Returns what came, NULL when nothing has. */
static const uint8_t *rng_read(uint64_t *bytes)
{
	struct virtq_buffer buffer = {.bytes = BYTES};
	uint8_t *room = virtio_queue_room(&rng.requests, BYTES, &buffer.dma);
	uint32_t token;

	if (virtq_add(&rng.requests.q, &buffer, 0, 1, 0))
		return NULL;
	virtq_kick(&rng.requests.q);
	return virtq_take(&rng.requests.q, &token, bytes) == 1 ? room : NULL;
}

/* --- the tests --- */

static bool start_first(const struct pci_function *f, void *arg)
{
	int *result = arg;

	if (f->device_id == DEVICE_ID)
		*result = rng_start(f);
	return true;
}

static int start(const struct virtio_device *like)
{
	struct pci_ecam ecam = virtio_device_ecam();
	int result = 1;

	device = *like;
	device.entropy = true;
	device.device_id = DEVICE_ID;
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	virtio_device_plug(&device);
	pci_scan(&ecam, start_first, &result);
	return result;
}

static uint64_t allocated(void)
{
	struct mm_totals totals;

	mm_totals(mm, &totals);
	return totals.allocated;
}

TEST(virtio_queue, second_driver_gets_its_answers)
{
	static const unsigned sizes[] = {1, 2, 64, 128, 1024};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		CHECK_EQ(start(&(struct virtio_device){.police = true, .queue_size = sizes[i]}), 0);
		CHECK_EQ(rng.requests.q.size, sizes[i] < VIRTQ_SIZE_MAX ? sizes[i] : VIRTQ_SIZE_MAX);
		CHECK_EQ(allocated(), 1);
		for (unsigned n = 0; n < 300; n++) {
			uint64_t bytes = 0;
			const uint8_t *got = rng_read(&bytes);

			CHECK(got);
			CHECK_EQ(bytes, BYTES);
			CHECK_EQ(got[0], DEVICE_ENTROPY);
			CHECK_EQ(got[BYTES - 1], DEVICE_ENTROPY);
		}
		CHECK(virtio_queue_release(&rng.pci, RESET_NS));
		CHECK_EQ(allocated(), 0);
		CHECK_EQ(device.functions[1].config[4] & 4, 0);
	}
}

/* Whatever the device says of its queue, there is no memory lost, and the log has the driver's name. */
TEST(virtio_queue, second_driver_trusts_it_no_more_than_the_first)
{
	static const struct {
		enum device_lie lie;
		const char *says;
	} rows[] = {
		{LIE_QUEUES_MISSING, "rng: queue 0 has 0 descriptors, a power of two is allowed"},
		{LIE_QUEUE_SIZE_ODD, "rng: queue 0 has 33 descriptors, a power of two is allowed"},
		{LIE_QUEUE_SHRINKS, "rng: queue 0 has 64 descriptors, 128 were expected"},
		{LIE_NOTIFY_WRAPS, NULL}, /* 0 times whatever: queue 0's place is right */
		{LIE_NOTIFY_OFFSET, "rng: queue 0 would be notified at offset 0x3fffc of 0x1000"},
		{LIE_REFUSES_FEATURES, "rng: refuses the features"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		host_log_clear();
		if (!rows[i].says)
			continue;
		CHECK_EQ(start(&(struct virtio_device){.police = true, .lie = rows[i].lie}), -1);
		CHECK(host_log_has(rows[i].says));
		CHECK_EQ(allocated(), 0);
		CHECK(mm_check(mm));
	}
}

/* As long as the status doesn't read 0 the rings stay allocated, however often one asks. */
TEST(virtio_queue, rings_come_back_only_after_the_reset)
{
	CHECK_EQ(start(&(struct virtio_device){.police = true}), 0);
	device.lie = LIE_NEVER_RESETS;
	for (unsigned i = 0; i < 3; i++) {
		CHECK(!virtio_queue_release(&rng.pci, RESET_NS));
		CHECK_EQ(allocated(), 1);
		CHECK_EQ(device.functions[1].config[4] & 4, 0);
	}
	device.lie = LIE_NONE;
	CHECK(virtio_queue_release(&rng.pci, RESET_NS));
	CHECK_EQ(allocated(), 0);
	CHECK(!rng.requests.mm);
	CHECK(virtio_queue_release(&rng.pci, RESET_NS)); /* there is nothing to give back twice */
	CHECK_EQ(allocated(), 0);
	CHECK(mm_check(mm));
}
