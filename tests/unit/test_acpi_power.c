/* How to switch off by ACPI, from FADTs and AML of all sorts, odd and broken. */
#include <string.h>

#include "kernel/firmware/acpi_power.h"
#include "tests/unit/fixture.h"
#include "tests/unit/test.h"

static struct acpi_power power;

#define S5(...) s5((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define NAMED	0x08, '_', 'S', '5', '_'

static bool s5(const uint8_t *aml, size_t bytes)
{
	memset(&power, 0, sizeof(power));
	return acpi_power_s5(aml, bytes, &power);
}

TEST(acpi_power, constants_of_every_kind)
{
	CHECK(S5(NAMED, 0x12, 6, 4, 0x00, 0x00, 0x00, 0x00)); /* as QEMU has it */
	CHECK_EQ(power.type_a, 0);
	CHECK(power.has_s5);
	CHECK(S5(NAMED, 0x12, 4, 2, 0x01, 0x00));
	CHECK_EQ(power.type_a, 1);
	CHECK_EQ(power.type_b, 0);
	CHECK(S5(NAMED, 0x12, 7, 2, 0x0b, 7, 0, 0x0a, 3));
	CHECK_EQ(power.type_a, 7);
	CHECK_EQ(power.type_b, 3);
	CHECK(S5(NAMED, 0x12, 8, 2, 0x0c, 6, 0, 0, 0, 0x01));
	CHECK_EQ(power.type_a, 6);
	CHECK_EQ(power.type_b, 1);
	CHECK(S5(0x10, 0x22, 0x08, '\\', '_', 'S', '5', '_', 0x12, 4, 2, 0x0a, 5)); /* a rooted name, one constant */
	CHECK_EQ(power.type_a, 5);
	CHECK_EQ(power.type_b, 5);
	CHECK(S5(NAMED, 0x12, 0x45, 0x00, 2, 0x0a, 5)); /* the length in two bytes: 5, counting both */
	CHECK_EQ(power.type_a, 5);
}

TEST(acpi_power, one_for_both_registers)
{
	CHECK(S5(NAMED, 0x12, 4, 1, 0x0a, 5));
	CHECK_EQ(power.type_b, 5);
}

TEST(acpi_power, what_is_no_such_package_is_refused)
{
	CHECK(!S5('_', 'S', '5', '_', 0x12, 4, 2, 0, 0)); /* no name is being defined */
	CHECK(!S5('\\', '_', 'S', '5', '_', 0x12, 4, 2, 0, 0));
	CHECK(!S5(NAMED));
	CHECK(!S5(NAMED, 0x12));
	CHECK(!S5(NAMED, 0x12, 4));
	CHECK(!S5(NAMED, 0x12, 5, 2, 0x01, 0x01)); /* longer than the table */
	CHECK(!S5(NAMED, 0x12, 0xff, 0xff, 0xff, 0xff, 2, 0, 0));
	CHECK(!S5(NAMED, 0x12, 0xc4, 0, 0));	/* ends in its length */
	CHECK(!S5(NAMED, 0x12, 1, 2, 0, 0));	/* shorter than its own length */
	CHECK(!S5(NAMED, 0x12, 2, 0, 0, 0));	/* no element */
	CHECK(!S5(NAMED, 0x12, 3, 2, 0x0a, 5)); /* the constant lies beyond the package */
	CHECK(!S5(NAMED, 0x12, 4, 2, 0x0a, 8)); /* no sleep type */
	CHECK(!S5(NAMED, 0x12, 7, 2, 0x0c, 0, 0, 1, 0));
	CHECK(!S5(NAMED, 0x12, 4, 2, 0xff, 0xff));	   /* ones */
	CHECK(!S5(NAMED, 0x12, 7, 2, 'T', 'Y', 'P', '5')); /* a name */
	CHECK(!S5(NAMED, 0x14, 4, 2, 0, 0));		   /* a method */
	CHECK(!power.has_s5);
}

TEST(acpi_power, a_name_by_chance_does_not_hide_the_real_one)
{
	CHECK(S5('_', 'S', '5', '_', NAMED, 0x14, 4, NAMED, 0x12, 4, 2, 0x01, 0x01));
	CHECK_EQ(power.type_a, 1);
}

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

TEST(acpi_power, the_extended_registers_go_first_where_they_are_ports)
{
	uint8_t fadt[276] = {0};

	put(fadt + 64, 0x404, 4);
	put(fadt + 68, 0x408, 4);
	fadt[89] = 2;
	put(fadt + 172, 1, 1);
	put(fadt + 176, 0x604, 8);
	put(fadt + 184, 0, 1); /* memory */
	put(fadt + 188, 0x12345678, 8);
	acpi_power_fadt(fadt, sizeof(fadt), &power);
	CHECK_EQ(power.control_a, 0x604);
	CHECK_EQ(power.control_b, 0x408);
	acpi_power_fadt(fadt, 183, &power); /* ends within the register */
	CHECK_EQ(power.control_a, 0x404);
	put(fadt + 176, 0x10000, 8);
	acpi_power_fadt(fadt, sizeof(fadt), &power);
	CHECK_EQ(power.control_a, 0);
	put(fadt + 176, 0, 8);
	put(fadt + 64, 0xffff, 4); /* the second byte has no port */
	fadt[89] = 1;
	acpi_power_fadt(fadt, sizeof(fadt), &power);
	CHECK_EQ(power.control_a, 0);
	CHECK_EQ(power.control_b, 0); /* registers of one byte are none */
	put(fadt + 48, 0x10000, 4);
	acpi_power_fadt(fadt, sizeof(fadt), &power);
	CHECK_EQ(power.smi_command, 0);
}

/* A generic address: space, 8 bits, address. */
static void put_register(uint8_t *at, uint8_t space, uint64_t address)
{
	at[0] = space;
	at[1] = 8;
	put(at + 4, address, 8);
}

TEST(acpi_power, hardware_reduced_acpi_has_a_sleep_control_register)
{
	uint8_t fadt[276] = {0};

	/* As QEMU's microvm has it, and PM1 fields that mean nothing then. */
	put(fadt + 112, 1 << 20 | 1 << 10, 4);
	put(fadt + 48, 0xb2, 4);
	put(fadt + 64, 0x604, 4);
	fadt[89] = 2;
	put_register(fadt + 172, 1, 0x604);
	put_register(fadt + 244, 0, 0xfea00200);
	put_register(fadt + 116, 0, 0xfea00202);
	fadt[128] = 0x42;
	acpi_power_fadt(fadt, sizeof(fadt), &power);
	CHECK_EQ(power.control_a, 0);
	CHECK_EQ(power.smi_command, 0);
	CHECK_EQ(power.sleep.space, ACPI_MEMORY);
	CHECK_EQ(power.sleep.address, 0xfea00200);
	CHECK_EQ(power.reset.space, ACPI_MEMORY);
	CHECK_EQ(power.reset.address, 0xfea00202);
	CHECK_EQ(power.reset_value, 0x42);
	acpi_power_fadt(fadt, 255, &power); /* ends within the register */
	CHECK_EQ(power.sleep.space, ACPI_NOWHERE);
	acpi_power_fadt(fadt, 128, &power); /* ends before the value */
	CHECK_EQ(power.reset.space, ACPI_NOWHERE);

	/* As Cloud Hypervisor has it. */
	put_register(fadt + 244, 1, 0x3c0);
	put_register(fadt + 116, 1, 0x3c0);
	fadt[128] = 1;
	acpi_power_fadt(fadt, sizeof(fadt), &power);
	CHECK_EQ(power.sleep.space, ACPI_PORT);
	CHECK_EQ(power.sleep.address, 0x3c0);
	CHECK_EQ(power.reset.space, ACPI_PORT);
	CHECK_EQ(power.reset_value, 1);

	/* Spaces that aren't reached here, ports that there aren't, no address. */
	put_register(fadt + 244, 2, 0x3c0);
	put_register(fadt + 116, 1, 0x10000);
	acpi_power_fadt(fadt, sizeof(fadt), &power);
	CHECK_EQ(power.sleep.space, ACPI_NOWHERE);
	CHECK_EQ(power.reset.space, ACPI_NOWHERE);
	put_register(fadt + 244, 0, 0);
	put_register(fadt + 116, 1, 0xcf9);
	acpi_power_fadt(fadt, sizeof(fadt), &power);
	CHECK_EQ(power.sleep.space, ACPI_NOWHERE);
	CHECK_EQ(power.reset.address, 0xcf9);
	put(fadt + 112, 1 << 20, 4); /* the reset register isn't said to be one */
	acpi_power_fadt(fadt, sizeof(fadt), &power);
	CHECK_EQ(power.reset.space, ACPI_NOWHERE);
}

/* Under the sanitizers: nothing is read beyond the bytes given, which end where malloc's do. */
TEST(acpi_power, random_aml)
{
	uint64_t seed = test_port_seed();

	test_port_note("seed %lu", (unsigned long)seed);
	for (unsigned round = 0; round < 20000; round++) {
		static const uint8_t words[] = {0x08, '_',  'S', '5', '_', 0x12, '\\', 0x0a,
						0x0b, 0x0c, 0,	 1,   6,   0x44, 0xc4};
		size_t bytes = (size_t)fixture_random(&seed, 24);
		uint8_t aml[24];

		for (size_t i = 0; i < sizeof(aml); i++)
			aml[i] = words[fixture_random(&seed, sizeof(words))];
		if (fixture_random(&seed, 2))
			memcpy(aml, (const uint8_t[]){NAMED, 0x12}, 6);
		memset(&power, 0xff, sizeof(power));
		if (acpi_power_s5(aml + sizeof(aml) - bytes, bytes, &power))
			CHECK(power.type_a <= 7 && power.type_b <= 7);
	}
}
