/* A second virtio driver: how little one takes, and that its queue is set up and given back like the balloon's. The
 * device is a source of entropy (virtio 1.2, section 5.4), which fills what is put into its one queue. */
#include <string.h>

#include "drivers/drivers.h"
#include "drivers/virtio/virtio_pci.h"
#include "drivers/virtio/virtio_queue.h"
#include "host.h"
#include "host_mmio.h"
#include "mm/mm.h"
#include "tests/unit/fixture.h"
#include "tests/unit/test.h"
#include "virtio_device.h"

#define FRAMES	    64u
#define BYTES	    16u
#define DEVICE_ID   0x1005u
#define RESET_NS    1000000u
#define QUEUE_INDEX 0u

static struct virtio_device device, beside;
static struct mm *mm;

/* --- the driver --- */

static struct rng {
	struct virtio_pci pci;
	struct virtio_queue requests;
} rng;

static bool rng_match(const struct pci_function *f)
{
	return f->vendor_id == VIRTIO_VENDOR_ID && f->device_id == DEVICE_ID;
}

static int rng_start(struct mm *from, const struct pci_function *f)
{
	if (virtio_pci_open(&rng.pci, f, "rng"))
		return -1;
	if (virtio_pci_negotiate(&rng.pci, 0, 0) || virtio_queue_start(&rng.requests, &rng.pci, from, QUEUE_INDEX)) {
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

DRIVER(rng, .name = "rng", .absent = "there is no entropy", .match = rng_match, .start = rng_start);

/* --- the tests --- */

static bool start_first(const struct pci_function *f, void *arg)
{
	int *result = arg;

	if (rng_match(f))
		*result = rng_start(mm, f);
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

static unsigned times_logged(const char *text)
{
	unsigned times = 0;

	for (const char *at = host_log(); (at = strstr(at, text)); at++)
		times++;
	return times;
}

static unsigned other_drivers(void)
{
	unsigned count = 0;

	TABLE_FOR_EACH (driver, struct driver_row, row)
		count += row->start != rng_start && row->absent;
	return count;
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
		{LIE_NOTIFY_WRAPS, "rng: queue 0 would be notified at offset 0x100000000 of 0x1000"},
		{LIE_NOTIFY_OFFSET, "rng: queue 0 would be notified at offset 0x3fffc of 0x1000"},
		{LIE_REFUSES_FEATURES, "rng: refuses the features"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		host_log_clear();
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

/* In the table of drivers it stands beside the others, and each gets its devices. What there is to say of PCI is said
 * once, not for each driver; what is missing, for each. */
TEST(virtio_queue, two_kinds_of_driver_find_their_devices)
{
	static struct virtio_device card;
	struct pci_ecam ecams[2] = {virtio_device_ecam(), virtio_device_ecam()};

	device = (struct virtio_device){.police = true};
	beside = (struct virtio_device){.police = true, .entropy = true, .device_id = DEVICE_ID};
	card = (struct virtio_device){.police = true, .device_id = 0x1000}; /* a network card, which nobody drives */
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	virtio_device_plug(&device);
	virtio_device_plug_beside(&device, &beside);
	virtio_device_plug_beside(&device, &card);
	host_log_clear();
	drivers_start(mm, ecams, ARRAY_LEN(ecams));
	CHECK_EQ(beside.status, 0xf);
	CHECK_EQ(beside.resets, 1);
	CHECK_EQ(device.status, other_drivers() ? 0xf : 0); /* or the balloon's driver isn't built in */
	CHECK_EQ(card.resets, 0);
	CHECK_EQ(times_logged("pci: "), 1); /* the buses that are there twice */
	CHECK_EQ(times_logged("none in use"), 0);

	host_mmio_reset();
	host_log_clear();
	drivers_start(mm, NULL, 0);
	CHECK_EQ(times_logged("pci: "), 1);
	CHECK(host_log_has("rng: 0 found among 0 PCI functions, none in use: there is no entropy"));
	CHECK_EQ(times_logged(" found among 0 PCI functions, none in use: "), 1 + other_drivers());
}
