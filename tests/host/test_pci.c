/* The PCI scan, BARs and capability lists, over configuration spaces that a device could invent. */
#include <string.h>

#include "drivers/pci.h"
#include "host.h"
#include "host_mmio.h"
#include "lib/bits.h"
#include "tests/unit/test.h"
#include "virtio_device.h"

static struct virtio_device bus;

static struct pci_function found[32];
static unsigned found_count;

static bool collect(const struct pci_function *f, void *arg)
{
	const unsigned *stop_after = arg;

	if (found_count < ARRAY_LEN(found))
		found[found_count] = *f;
	found_count++;
	return !stop_after || found_count < *stop_after;
}

static unsigned scan(void)
{
	struct pci_ecam ecam = virtio_device_ecam();

	found_count = 0;
	return pci_scan(&ecam, collect, NULL);
}

static void plug(void)
{
	bus = (struct virtio_device){0};
	virtio_device_plug(&bus);
}

/* How many bytes of configuration space a BAR takes. */
enum bar_width {
	BAR_32 = 4,
	BAR_64 = 8,
};

static void bar_set(struct device_function *f, unsigned index, uint64_t value, uint64_t bytes, enum bar_width width)
{
	memcpy(f->config + 0x10 + 4 * index, &value, width);
	f->bar_bytes[index] = bytes;
}

TEST(pci, scan_finds_every_function_once)
{
	plug();
	virtio_device_function(&bus, 0, 31, 0, 0x1234, 1)->config[0x0e] = 0x80;
	virtio_device_function(&bus, 0, 31, 5, 0x1234, 2);
	virtio_device_function(&bus, 0, 30, 0, 0x1234, 3); /* one function, whatever answers beside it */
	virtio_device_function(&bus, 0, 30, 1, 0x1234, 4);
	virtio_device_function(&bus, 0, 29, 2, 0x1234, 5); /* no function 0: no device */
	CHECK_EQ(scan(), 5);
	CHECK_EQ(found[1].vendor_id, 0x1af4);
	CHECK_EQ(found[1].device, 3);
	CHECK_EQ(found[2].device_id, 3);
	CHECK_EQ(found[3].device_id, 1);
	CHECK_EQ(found[4].device_id, 2);
	CHECK_EQ(found[4].function, 5);
}

TEST(pci, scan_by_ports_finds_the_same)
{
	struct pci_ecam ports = {.base = PCI_BY_PORTS, .bus_last = 255};

	bus = (struct virtio_device){.by_ports = true};
	virtio_device_plug(&bus);
	virtio_device_function(&bus, 7, 31, 7, 0x1234, 2);
	virtio_device_function(&bus, 7, 31, 0, 0x1234, 1)->config[0x0e] = 0x80;
	found_count = 0;
	CHECK(pci_has_ports());
	CHECK_EQ(pci_scan(&ports, collect, NULL), 4);
	CHECK_EQ(found[3].vendor_id, 0x1234);
	CHECK_EQ(found[3].device_id, 2);
	CHECK_EQ(found[3].bus, 7);
	CHECK_EQ(found[3].function, 7);
}

TEST(pci, ports_reach_every_byte_and_only_what_is_written)
{
	struct pci_ecam ports = {.base = PCI_BY_PORTS, .bus_last = 255};
	struct device_function *f;
	struct pci_bar bar;

	bus = (struct virtio_device){.by_ports = true};
	virtio_device_plug(&bus);
	f = virtio_device_function(&bus, 0, 9, 0, 0x1234, 1);
	bar_set(f, 2, 0x800000000004ull, 8 * GIB, BAR_64);
	f->config[6] = 0x10; /* status, beside the command: to be written with zeros, so not at all */
	for (unsigned i = 0x40; i < 0x100; i++)
		f->config[i] = (uint8_t)(i ^ 0x5a);
	found_count = 0;
	pci_scan(&ports, collect, NULL);
	const struct pci_function *p = &found[found_count - 1];
	for (unsigned i = 0x40; i < 0x100; i++)
		CHECK_EQ(pci_read8(p, i), i ^ 0x5a);
	CHECK_EQ(pci_read16(p, 0x42), (0x43 ^ 0x5a) << 8 | (0x42 ^ 0x5a));
	pci_command(p, 6, 1);
	CHECK_EQ(f->config[4], 6);
	CHECK_EQ(f->config[6], 0x10);
	CHECK_EQ(pci_bar(p, 2, &bar), 0);
	CHECK_EQ(bar.base, 0x800000000000ull);
	CHECK_EQ(bar.bytes, 8 * GIB);
}

TEST(pci, no_ports)
{
	host_mmio_reset();
	CHECK(!pci_has_ports());
}

TEST(pci, scan_stops_when_told)
{
	struct pci_ecam ecam = virtio_device_ecam();
	unsigned stop_after = 1;

	plug();
	found_count = 0;
	CHECK_EQ(pci_scan(&ecam, collect, &stop_after), 1);
}

/* A bus is looked at whether a bridge leads there or not, once, and whatever bridges say. */
TEST(pci, roots_without_a_bridge_and_bridges_that_lie)
{
	static const uint8_t secondaries[] = {0, 1, 2, 3, 0xff};

	plug();
	virtio_device_function(&bus, 2, 7, 0, 0x1234, 1);
	virtio_device_function(&bus, DEVICE_BUSES - 1, 31, 0, 0x1234, 2);
	struct device_function *bridge = virtio_device_function(&bus, 1, 0, 0, 0x1b36, 0x000c);
	bridge->config[0x0e] = 1;
	for (size_t i = 0; i < ARRAY_LEN(secondaries); i++) {
		bridge->config[0x19] = secondaries[i];
		bridge->config[0x1a] = (uint8_t)(secondaries[i] ^ 2);
		CHECK_EQ(scan(), 5);
		CHECK_EQ(found[3].bus, 2);
		CHECK_EQ(found[4].device_id, 2);
	}
}

TEST(pci, window_of_one_bus)
{
	struct pci_ecam ecam = virtio_device_ecam();

	plug();
	ecam.bus_first = ecam.bus_last = 2;
	virtio_device_function(&bus, 2, 0, 0, 0x1234, 1);
	virtio_device_function(&bus, 3, 0, 0, 0x1234, 2);
	virtio_device_function(&bus, 1, 0, 0, 0x1234, 3);
	found_count = 0;
	CHECK_EQ(pci_scan(&ecam, collect, NULL), 1);
	CHECK_EQ(found[0].bus, 2);
	CHECK_EQ(found[0].device_id, 1);
}

TEST(pci, bus_that_cannot_be_mapped_is_left_out)
{
	plug();
	host_mmio_fail(1, 1);
	CHECK_EQ(scan(), 0);
	CHECK(host_log_has("can't be mapped"));
}

TEST(pci, empty_bus)
{
	host_mmio_reset();
	CHECK_EQ(scan(), 0);
}

static struct pci_function *last(void)
{
	struct pci_ecam ecam = virtio_device_ecam();

	found_count = 0;
	pci_scan(&ecam, collect, NULL);
	return &found[found_count - 1];
}

TEST(pci, bars_are_sized_and_put_back)
{
	struct device_function *f;
	struct pci_function *p;
	struct pci_bar bar;
	uint8_t before[DEVICE_CONFIG_BYTES];

	plug();
	bus.police = true;
	f = virtio_device_function(&bus, 0, 9, 0, 0x1234, 1);
	bar_set(f, 0, 0xc0000008, 64 * KIB, BAR_32); /* prefetchable */
	bar_set(f, 1, 0x1234000000000cull & ~0xfffffull, 0, BAR_32);
	bar_set(f, 2, 0x800000000004ull, 8 * GIB, BAR_64);
	bar_set(f, 4, 0xe001, 32, BAR_32); /* I/O */
	bar_set(f, 5, 0xd0000004, 4096, BAR_32);
	f->config[4] = 7;
	memcpy(before, f->config, sizeof(before));
	p = last();
	CHECK_EQ(pci_bar(p, 0, &bar), 0);
	CHECK_EQ(bar.base, 0xc0000000);
	CHECK_EQ(bar.bytes, 64 * KIB);
	CHECK_EQ(pci_bar(p, 2, &bar), 0);
	CHECK_EQ(bar.base, 0x800000000000ull);
	CHECK_EQ(bar.bytes, 8 * GIB);
	CHECK_EQ(pci_bar(p, 1, &bar), -1); /* no such */
	CHECK_EQ(pci_bar(p, 3, &bar), -1); /* the other half of BAR 2 */
	CHECK_EQ(pci_bar(p, 4, &bar), -1); /* I/O */
	CHECK_EQ(pci_bar(p, 5, &bar), -1); /* 64 bits wide, and no BAR 6 for the other half */
	CHECK_EQ(pci_bar(p, 6, &bar), -1);
	CHECK(memcmp(before, f->config, sizeof(before)) == 0);
	f->config[0x0e] = 1; /* a bridge has other things there */
	CHECK_EQ(pci_bar(p, 0, &bar), -1);
}

TEST(pci, bars_that_make_no_sense_are_refused)
{
	struct device_function *f;
	struct pci_bar bar;

	plug();
	f = virtio_device_function(&bus, 0, 9, 0, 0x1234, 1);
	bar_set(f, 0, 0, 4096, BAR_32); /* unassigned */
	CHECK_EQ(pci_bar(last(), 0, &bar), -1);
	bar_set(f, 0, 0xc0001000, 64 * KIB, BAR_32); /* not aligned to its size */
	CHECK_EQ(pci_bar(last(), 0, &bar), -1);
	bar_set(f, 0, 0xc0000002, 4096, BAR_32); /* a reserved type */
	CHECK_EQ(pci_bar(last(), 0, &bar), -1);
	bus.lie = LIE_BAR_SIZE;
	bar_set(f, 0, 0xc0000000, 64 * KIB, BAR_32);
	CHECK_EQ(pci_bar(last(), 0, &bar), -1);
}

TEST(pci, capabilities_end_where_the_list_does)
{
	struct device_function *f;
	struct pci_cap_walk walk;
	uint8_t id;

	plug();
	f = virtio_device_function(&bus, 0, 9, 0, 0x1234, 1);
	f->config[0x34] = 0x40;
	f->config[0x40] = 9;
	pci_cap_begin(&walk, last());
	CHECK_EQ(pci_cap_next(&walk, &id), 0); /* the status register says that there is no list */
	f->config[6] = 0x10;
	f->config[0x41] = 0xfe; /* the two lowest bits don't count */
	f->config[0xfc] = 5;
	f->config[0xfd] = 0x3c; /* into the header */
	pci_cap_begin(&walk, last());
	CHECK_EQ(pci_cap_next(&walk, &id), 0x40);
	CHECK_EQ(id, 9);
	CHECK_EQ(pci_cap_next(&walk, &id), 0xfc);
	CHECK_EQ(id, 5);
	CHECK_EQ(pci_cap_next(&walk, &id), 0);
}

TEST(pci, capabilities_in_a_circle_end)
{
	struct device_function *f;
	struct pci_cap_walk walk;
	unsigned count = 0;
	uint8_t id;

	plug();
	f = virtio_device_function(&bus, 0, 9, 0, 0x1234, 1);
	f->config[6] = 0x10;
	f->config[0x34] = 0x40;
	f->config[0x41] = 0x50;
	f->config[0x51] = 0x40;
	pci_cap_begin(&walk, last());
	while (pci_cap_next(&walk, &id))
		count++;
	CHECK_EQ(count, 48);
	CHECK(host_log_has("circle"));
}

/* A bus on which the firmware has placed nothing, and a window from 3 GiB on. */
static struct pci_ecam unplaced(uint64_t window_bytes)
{
	struct pci_ecam ecam = virtio_device_ecam();

	plug();
	memset(bus.functions[1].config + 0x20, 0, 8);
	ecam.window = 0xc0000000;
	ecam.window_bytes = window_bytes;
	return ecam;
}

static uint64_t bar_of(const struct device_function *f, unsigned index, enum bar_width width)
{
	uint64_t value = 0;

	memcpy(&value, f->config + 0x10 + 4 * index, width);
	return value & ~0xfull;
}

TEST(pci, bars_that_nobody_placed_get_a_place)
{
	struct pci_ecam ecam = unplaced(GIB / 2);
	struct device_function *f = virtio_device_function(&bus, 0, 9, 0, 0x1234, 1);

	bar_set(f, 0, 0, 4096, BAR_32);
	bar_set(f, 1, 1, 32, BAR_32); /* I/O */
	bar_set(f, 2, 4, MIB, BAR_64);
	bar_set(f, 4, 4, 8 * GIB, BAR_64); /* no room */
	pci_place(&ecam, 1);
	CHECK_EQ(bar_of(&bus.functions[1], 4, BAR_64), 0xc0000000);
	CHECK_EQ(bar_of(f, 0, BAR_32), 0xc0004000);
	CHECK_EQ(bar_of(f, 1, BAR_32), 0);
	CHECK_EQ(bar_of(f, 2, BAR_64), 0xc0100000);
	CHECK_EQ(bar_of(f, 4, BAR_64), 0);
	CHECK(host_log_has("3 BARs are from 0xc0000000 on, 1 found no room"));
}

TEST(pci, what_firmware_placed_stays_and_so_does_the_rest)
{
	struct pci_ecam ecam = unplaced(GIB / 2);
	struct device_function *f = virtio_device_function(&bus, 0, 9, 0, 0x1234, 1);

	bar_set(f, 0, 0xd0000000, 4096, BAR_32);
	pci_place(&ecam, 1);
	CHECK_EQ(bar_of(&bus.functions[1], 4, BAR_64), 0);
	CHECK_EQ(bar_of(f, 0, BAR_32), 0xd0000000);
}

TEST(pci, a_window_that_is_none)
{
	struct pci_ecam ecam = unplaced(8 * KIB);

	pci_place(&ecam, 1); /* too small */
	CHECK_EQ(bar_of(&bus.functions[1], 4, BAR_64), 0);
	ecam.window_bytes = ~0ull; /* wraps round */
	pci_place(&ecam, 1);
	CHECK_EQ(bar_of(&bus.functions[1], 4, BAR_64), 0);
	ecam.window = 0;
	pci_place(&ecam, 1);
	CHECK_EQ(bar_of(&bus.functions[1], 4, BAR_64), 0);
}
