/* Which windows are believed, what ports are for, and what is no function at all. */
#include <string.h>

#include "drivers/pci_ways.h"
#include "host.h"
#include "host_mmio.h"
#include "lib/bits.h"
#include "tests/unit/test.h"
#include "virtio_device.h"

#define OTHER_BASE 0x1200000000ull

static struct virtio_device bus, other;
static struct pci_ways ways;
static char names[1024]; /* of what was found, with a space behind each */

static bool collect(const struct pci_function *f, void *arg)
{
	(void)arg;
	strncat(names, pci_name(f).text, sizeof(names) - strlen(names) - 1);
	strncat(names, " ", sizeof(names) - strlen(names) - 1);
	return true;
}

static void plug(const struct virtio_device *like)
{
	bus = *like;
	other = (struct virtio_device){0};
	host_log_clear();
	virtio_device_plug(&bus);
}

/* The names of all functions that the entries lead to. */
static const char *find(const struct pci_ecam *ecams, size_t count)
{
	names[0] = '\0';
	pci_ways_find(&ways, ecams, count);
	for (unsigned i = 0; i < ways.count; i++)
		pci_scan(&ways.way[i], collect, NULL);
	return names;
}

static struct pci_ecam window(paddr_t base, uint16_t segment, uint8_t first, uint8_t last)
{
	return (struct pci_ecam){.base = base, .segment = segment, .bus_first = first, .bus_last = last};
}

TEST(pci_ways, all_windows_of_all_segments)
{
	const struct pci_ecam ecams[] = {
		window(DEVICE_ECAM_BASE, 0, 0, 0), window(DEVICE_ECAM_BASE, 0, 1, 3), window(OTHER_BASE, 0xabcd, 0, 2),
		window(OTHER_BASE + 16 * MIB, 1, 0, 0), /* nothing there */
	};

	for (unsigned ports = 0; ports < 2; ports++) {
		plug(&(struct virtio_device){.with_ports = ports});
		virtio_device_window(&other, OTHER_BASE, 3);
		virtio_device_function(&bus, 2, 5, 0, 0x1234, 1);
		virtio_device_function(&other, 2, 31, 0, 0x1234, 1);
		CHECK_STR(find(ecams, ARRAY_LEN(ecams)), "00:00.0 00:03.0 02:05.0 abcd:02:1f.0 ");
		CHECK_EQ(ways.windows, 3);
		CHECK_EQ(ways.count, 3 + ports); /* and the rest of segment 0 */
		CHECK(!host_log_has("pci:"));
	}
}

/* Of windows that overlap each bus counts once. */
TEST(pci_ways, buses_that_several_windows_have)
{
	const struct pci_ecam ecams[] = {
		window(DEVICE_ECAM_BASE, 0, 1, 2),
		window(DEVICE_ECAM_BASE, 0, 0, 3),
		window(DEVICE_ECAM_BASE, 9, 0, 3),
	};

	plug(&(struct virtio_device){0});
	for (uint8_t i = 1; i < 4; i++)
		virtio_device_function(&bus, i, i, 0, 0x1234, i);
	CHECK_STR(find(ecams, ARRAY_LEN(ecams)), "01:01.0 02:02.0 00:00.0 00:03.0 03:03.0 ");
	CHECK(host_log_has("buses 01 to 02 of segment 0 twice"));
	CHECK(host_log_has("buses 00 to 03 of segment 9 twice"));
}

static uint32_t constant;

static uint32_t read_constant(void *device, uint64_t at, unsigned size)
{
	(void)device;
	(void)at;
	return size == 4 ? constant : constant & ((1u << 8 * size) - 1);
}

static void write_nothing(void *device, uint64_t at, unsigned size, uint32_t value)
{
	(void)device;
	(void)at;
	(void)size;
	(void)value;
}

/* Where the table says all reads give the same. */
TEST(pci_ways, a_window_that_leads_nowhere)
{
	static const uint32_t constants[] = {0, 0xffffffff, 0x0000ffff, 0xffff0000, 0x00000001, 0xffff0001, 0x12341234};
	const struct pci_ecam ecam = window(OTHER_BASE, 0, 0, 3);

	for (size_t i = 0; i < ARRAY_LEN(constants); i++) {
		const struct host_window nowhere = {OTHER_BASE, 4 * MIB, read_constant, write_nothing, NULL};

		constant = constants[i];
		plug(&(struct virtio_device){.by_ports = true});
		host_mmio_add(&nowhere);
		CHECK_STR(find(&ecam, 1), "00:00.0 00:03.0 ");
		CHECK_EQ(ways.windows, 0);
		CHECK(host_log_has("nothing where the MCFG table says, configuration goes through"));
	}
	constant = 0;
	host_mmio_reset();
	host_mmio_add(&(struct host_window){OTHER_BASE, 4 * MIB, read_constant, write_nothing, NULL});
	CHECK_STR(find(&ecam, 1), "");
	CHECK(host_log_has("nothing answers at ports"));
}

/* It is a window, but not where it is said to be: a bus further, or another machine's. */
TEST(pci_ways, a_window_that_differs_from_ports)
{
	struct pci_ecam ecam = window(DEVICE_ECAM_BASE + MIB, 0, 0, 2);

	plug(&(struct virtio_device){.with_ports = true});
	virtio_device_function(&bus, 1, 0, 0, 0x1234, 1);
	CHECK_STR(find(&ecam, 1), "00:00.0 00:03.0 01:00.0 ");
	CHECK_EQ(ways.windows, 0);
	CHECK(host_log_has("00:00.0 reads as 00011234 where the MCFG table says, at 0xb0100000, and as 29c08086"));
	plug(&(struct virtio_device){.with_ports = true});
	virtio_device_window(&other, OTHER_BASE, 4);
	virtio_device_function(&other, 0, 0, 0, 0x8086, 0x29c0);
	ecam = window(OTHER_BASE, 0, 0, 3);
	CHECK_STR(find(&ecam, 1), "00:00.0 00:03.0 ");
	CHECK_EQ(ways.windows, 0);
	CHECK(host_log_has("00:03.0 reads as ffffffff"));
	/* Ports that lead nowhere are no reason to doubt it. */
	plug(&(struct virtio_device){.with_ports = true});
	bus.function_count = 0;
	virtio_device_window(&other, OTHER_BASE, 4);
	virtio_device_function(&other, 1, 0, 0, 0x8086, 0x29c0);
	CHECK_STR(find(&ecam, 1), "01:00.0 ");
	/* Of other segments ports know nothing. */
	ecam = window(OTHER_BASE, 1, 0, 3);
	CHECK_STR(find(&ecam, 1), "0001:01:00.0 ");
}

TEST(pci_ways, ports_reach_what_no_window_does)
{
	const struct pci_ecam ecams[] = {window(DEVICE_ECAM_BASE, 0, 0, 1), window(DEVICE_ECAM_BASE, 0, 3, 3)};

	plug(&(struct virtio_device){.with_ports = true});
	virtio_device_function(&bus, 1, 1, 0, 0x1234, 1);
	virtio_device_function(&bus, 2, 2, 0, 0x1234, 2);
	virtio_device_function(&bus, 3, 3, 0, 0x1234, 3);
	virtio_device_function(&bus, 255, 31, 0, 0x1234, 4);
	CHECK_STR(find(ecams, ARRAY_LEN(ecams)), "00:00.0 00:03.0 01:01.0 03:03.0 02:02.0 ff:1f.0 ");
	CHECK_EQ(ways.windows, 2);
	CHECK_EQ(ways.count, 4);
}

/* Memory is in the way of a part of the window, say: the other buses are used, and ports where there are. */
TEST(pci_ways, a_window_of_which_a_part_can_be_mapped)
{
	const struct pci_ecam ecam = window(DEVICE_ECAM_BASE, 0, 0, 3);

	for (unsigned ports = 0; ports < 2; ports++) {
		plug(&(struct virtio_device){.with_ports = ports});
		virtio_device_function(&bus, 1, 1, 0, 0x1234, 1);
		virtio_device_function(&bus, 3, 3, 0, 0x1234, 3);
		host_mmio_fail(3, 3); /* two accesses to ports, then 0 to 3, 0 and 1, 0 */
		CHECK_STR(find(&ecam, 1), ports ? "01:01.0 03:03.0 00:00.0 00:03.0 " : "01:01.0 03:03.0 ");
		CHECK(host_log_has("1 of the buses 00 to 03 of segment 0 can't be mapped"));
	}
}

TEST(pci_ways, more_windows_than_there_is_room_for)
{
	static struct pci_ecam ecams[PCI_WAYS + 2];

	plug(&(struct virtio_device){0});
	bus.functions[0] = (struct device_function){.config = {0x34, 0x12}};
	host_mmio_reset();
	for (unsigned i = 0; i < ARRAY_LEN(ecams); i++)
		ecams[i] = window(OTHER_BASE + i * MIB, (uint16_t)i, 0, 0);
	constant = 0x56781234;
	host_mmio_add(&(struct host_window){OTHER_BASE, 100 * MIB, read_constant, write_nothing, NULL});
	pci_ways_find(&ways, ecams, ARRAY_LEN(ecams));
	CHECK_EQ(ways.count, PCI_WAYS);
	CHECK(host_log_has("more than 80 windows, left out"));
}

static unsigned retries;

static uint32_t not_ready(paddr_t paddr, unsigned size, uint32_t value)
{
	if (paddr != DEVICE_ECAM_BASE + (3u << 15) || size != 4 || retries == 0)
		return value;
	retries--;
	return 0xffff0001;
}

/* Some time for all together, then they are none. */
TEST(pci_ways, functions_that_are_not_ready)
{
	const struct pci_ecam ecam = window(DEVICE_ECAM_BASE, 0, 0, 3);
	uint64_t before;

	plug(&(struct virtio_device){0});
	host_mmio_read_hook = not_ready;
	retries = 5;
	CHECK_STR(find(&ecam, 1), "00:00.0 00:03.0 ");
	CHECK_EQ(retries, 0);
	retries = ~0u;
	before = mm_port_now_ns();
	CHECK_STR(find(&ecam, 1), "00:00.0 ");
	CHECK(host_log_has("1 functions say that they aren't ready yet"));
	CHECK(mm_port_now_ns() - before < 150000000);
	host_mmio_reset();
	constant = 0xffff0001;
	host_mmio_add(&(struct host_window){DEVICE_ECAM_BASE, 4 * MIB, read_constant, write_nothing, NULL});
	before = mm_port_now_ns();
	CHECK_STR(find(&ecam, 1), "");
	CHECK(mm_port_now_ns() - before < 150000000);
}
