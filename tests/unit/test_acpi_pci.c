/* Where PCI lies by a DSDT, from AML of all sorts, odd and broken. */
#include <string.h>

#include "kernel/firmware/acpi_pci.h"
#include "lib/bits.h"
#include "tests/unit/fixture.h"
#include "tests/unit/test.h"

static struct acpi_pci pci;

#define DSDT(...) dsdt((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define CBA	  '_', 'C', 'B', 'A'
/* As QEMU's microvm has them: a method that returns 0xe0000000, buses 0 to 255, 0xc0000000 to 0xdfffffff. */
#define METHOD 0x14, 0x0c, CBA, 0x00, 0xa4, 0x0c, 0x00, 0x00, 0x00, 0xe0
#define BUSES  0x88, 0x0d, 0x00, 0x02, 0x0c, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0x00, 0x00, 0x00, 0x00, 0x01
#define WINDOW \
	0x87, 0x17, 0x00, 0x00, 0x0c, 0x01, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff, 0xff, 0xdf, 0, 0, 0, 0, 0, 0, 0, 0x20

static void dsdt(const uint8_t *aml, size_t bytes)
{
	memset(&pci, 0xff, sizeof(pci));
	acpi_pci_dsdt(aml, bytes, &pci);
}

TEST(acpi_pci, as_a_microvm_has_it)
{
	DSDT(0x79, 0x00, METHOD, 0x08, '_', 'C', 'R', 'S', 0x11, BUSES, WINDOW, 0x79);
	CHECK_EQ(pci.ecam, 0xe0000000);
	CHECK_EQ(pci.bus_first, 0);
	CHECK_EQ(pci.bus_last, 255);
	CHECK_EQ(pci.window, 0xc0000000);
	CHECK_EQ(pci.window_bytes, 0x20000000);
}

TEST(acpi_pci, of_two_roots_the_first_counts)
{
	const uint8_t other_buses[] = {0x88, 0x0d, 0, 2, 0x0c, 0, 0, 0, 0x20, 0, 0x2f, 0, 0, 0, 0x10, 0};
	const uint8_t aml[] = {METHOD, BUSES, WINDOW};
	uint8_t both[sizeof(aml) + sizeof(other_buses)];

	memcpy(both, aml, sizeof(aml));
	memcpy(both + sizeof(aml), other_buses, sizeof(other_buses));
	dsdt(both, sizeof(both));
	CHECK_EQ(pci.bus_first, 0);
	CHECK_EQ(pci.bus_last, 255);
	dsdt(both + sizeof(aml), sizeof(other_buses));
	CHECK_EQ(pci.bus_first, 0x20);
	CHECK_EQ(pci.bus_last, 0x2f);
}

TEST(acpi_pci, names_and_constants_of_either_size)
{
	DSDT(0x08, CBA, 0x0c, 0, 0, 0, 0xb0);
	CHECK_EQ(pci.ecam, 0xb0000000);
	DSDT(0x08, CBA, 0x0e, 0, 0, 0, 0, 0x12, 0, 0, 0);
	CHECK_EQ(pci.ecam, 0x1200000000);
	DSDT(0x14, 0x10, CBA, 0x08, 0xa4, 0x0e, 0, 0, 0, 0, 0x12, 0, 0, 0);
	CHECK_EQ(pci.ecam, 0x1200000000);
	CHECK_EQ(pci.bus_last, 255);
	CHECK_EQ(pci.window, 0);
}

TEST(acpi_pci, what_is_none)
{
	DSDT(CBA);
	CHECK_EQ(pci.ecam, 0);
	DSDT(CBA, 0x0c, 0, 0, 0, 0xb0);
	CHECK_EQ(pci.ecam, 0); /* nothing is being defined */
	DSDT(0x14, 0x0c, CBA, 0x00, 0x70, 0x0c, 0, 0, 0, 0xe0);
	CHECK_EQ(pci.ecam, 0); /* a method that does something */
	DSDT(0x08, CBA, 0x0c, 0, 0, 0);
	CHECK_EQ(pci.ecam, 0);
	DSDT(0x08, CBA, 0x0e, 0, 0, 0, 0, 0, 0, 0);
	CHECK_EQ(pci.ecam, 0);
	DSDT(0x08, CBA, 0x0e, 0, 0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff);
	CHECK_EQ(pci.ecam, 0); /* its buses would wrap round */
	DSDT(0x14, 0x0c, CBA, 0x00);
	CHECK_EQ(pci.ecam, 0);
	DSDT(0x08, CBA, 0x0c, 0, 0, 8, 0xb0);
	CHECK_EQ(pci.ecam, 0); /* no bus can begin there */
	DSDT(0x08, CBA, 0x0b, 0, 0x08, CBA, 0x0c, 0, 0, 0x10, 0xb0);
	CHECK_EQ(pci.ecam, 0xb0100000); /* a name by chance doesn't hide the real one */
}

TEST(acpi_pci, windows_that_are_none)
{
	static const uint8_t good[] = {WINDOW};
	static const struct {
		unsigned at;
		uint8_t value;
	} bad[] = {
		{0, 0x8a}, {1, 0x18}, {3, 1}, /* I/O */
		{13, 0},   {12, 1},   {17, 0xbf}, {21, 1} /* translated */, {25, 0x10},
	};
	uint8_t aml[sizeof(good)];

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		memcpy(aml, good, sizeof(good));
		aml[bad[i].at] = bad[i].value;
		dsdt(aml, sizeof(aml));
		CHECK_EQ(pci.window, 0);
	}
	for (size_t bytes = 0; bytes < sizeof(good); bytes++) {
		dsdt(good + sizeof(good) - bytes, bytes);
		CHECK_EQ(pci.window, 0);
		dsdt(good, bytes);
		CHECK_EQ(pci.window, 0);
	}
	/* The old VGA's comes first on a PC. */
	DSDT(0x87, 0x17, 0, 0, 0x0c, 3, 0, 0, 0, 0, 0, 0, 0x0a, 0, 0xff, 0xff, 0x0b, 0, 0, 0, 0, 0, 0, 0, 2, 0, WINDOW);
	CHECK_EQ(pci.window, 0xc0000000);
}

/* Under the sanitizers: nothing is read beyond the bytes given. */
TEST(acpi_pci, random_aml)
{
	uint64_t seed = test_port_seed();

	test_port_note("seed %lu", (unsigned long)seed);
	for (unsigned round = 0; round < 20000; round++) {
		static const uint8_t words[] = {0x08, '_',  'C',  'B',	'A',  0x14, 0x0c, 0x0e, 0xa4,
						0,    0x87, 0x17, 0x88, 0x0d, 2,    1,	  0xff};
		size_t bytes = (size_t)fixture_random(&seed, 48);
		uint8_t aml[48];

		for (size_t i = 0; i < sizeof(aml); i++)
			aml[i] = words[fixture_random(&seed, sizeof(words))];
		if (fixture_random(&seed, 2))
			memcpy(aml + 48 - bytes, (const uint8_t[]){METHOD}, bytes < 6 ? bytes : 6);
		dsdt(aml + sizeof(aml) - bytes, bytes);
		CHECK(is_aligned(pci.ecam, MIB) && pci.bus_first <= pci.bus_last);
		CHECK(pci.window ? pci.window + pci.window_bytes <= 4 * GIB : pci.window_bytes == 0);
	}
}
