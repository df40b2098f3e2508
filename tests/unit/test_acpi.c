/* ACPI tables from a few hundred bytes of made-up physical memory, sound ones and all sorts of broken ones. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/firmware/acpi_tables.h"
#include "tests/unit/fixture.h"
#include "tests/unit/test.h"

#define BASE  0x7f000000ull
#define BYTES 4096u

enum {
	RSDP_AT = 0x000,
	XSDT_AT = 0x100,
	RSDT_AT = 0x200,
	MADT_AT = 0x300,
	MCFG_AT = 0x500,
	FADT_AT = 0x600,
	DSDT_AT = 0x700,
};

static uint8_t memory[BYTES];
static struct acpi_info info;
static unsigned complaints;
static char last[64]; /* the format of the last complaint */

static const uint8_t *map(paddr_t paddr, size_t bytes)
{
	if (paddr < BASE || paddr - BASE > BYTES || bytes > BYTES - (paddr - BASE))
		return NULL;
	return memory + (paddr - BASE);
}

static void say(const char *fmt, ...)
{
	strncpy(last, fmt, sizeof(last) - 1);
	complaints++;
}

static void put(size_t at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		memory[at + i] = (uint8_t)(value >> 8 * i);
}

/* Sets the byte at `at` so that the bytes of the table sum up to zero. */
static void fix_sum(size_t table, size_t bytes, size_t at)
{
	uint8_t sum = 0;

	memory[at] = 0;
	for (size_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + memory[table + i]);
	memory[at] = (uint8_t)(0x100 - sum);
}

static void finish(size_t table, const char *signature, uint32_t bytes)
{
	memcpy(memory + table, signature, 4);
	put(table + 4, bytes, 4);
	fix_sum(table, bytes, table + 9);
}

static void make_rsdp(unsigned revision)
{
	memcpy(memory + RSDP_AT, "RSD PTR ", 8);
	memory[RSDP_AT + 15] = (uint8_t)revision;
	put(RSDP_AT + 16, BASE + RSDT_AT, 4);
	put(RSDP_AT + 20, 36, 4);
	put(RSDP_AT + 24, BASE + XSDT_AT, 8);
	fix_sum(RSDP_AT, 20, RSDP_AT + 8);
	fix_sum(RSDP_AT, 36, RSDP_AT + 32);
}

/* A machine with two CPUs of three, one IOAPIC, the PIT on input 2, SCI level low on 9. The RSDT lacks the MCFG table,
 * so that one sees which root was read. */
static void make_machine(void)
{
	static const uint8_t entries[] = {
		0, 8,  0,    0, 1, 0, 0,    0,			 /* local APIC, enabled */
		0, 8,  1,    1, 1, 0, 0,    0,			 /* another */
		0, 8,  2,    2, 0, 0, 0,    0,			 /* not enabled */
		1, 12, 0,    0, 0, 0, 0xc0, 0xfe, 0,	0, 0, 0, /* IOAPIC at 0xfec00000 */
		2, 10, 0,    0, 2, 0, 0,    0,	  0,	0,	 /* ISA 0 is input 2, as the bus has it */
		2, 10, 0,    9, 9, 0, 0,    0,	  0x0f, 0,	 /* ISA 9: level, active low */
		4, 6,  0xff, 0, 0, 1,				 /* a local APIC's NMI: of no interest */
	};

	static const uint8_t s5[] = {0x08, '_', 'S', '5', '_', 0x12, 6, 2, 0x0a, 5, 0x0a, 7};

	memset(memory, 0, sizeof(memory));
	complaints = 0;
	make_rsdp(2);

	put(XSDT_AT + 36, BASE + MADT_AT, 8);
	put(XSDT_AT + 44, BASE + MCFG_AT, 8);
	put(XSDT_AT + 52, BASE + FADT_AT, 8);
	finish(XSDT_AT, "XSDT", 60);
	put(RSDT_AT + 36, BASE + MADT_AT, 4);
	put(RSDT_AT + 40, BASE + FADT_AT, 4);
	finish(RSDT_AT, "RSDT", 44);

	put(MADT_AT + 36, 0xfee00000, 4);
	memcpy(memory + MADT_AT + 44, entries, sizeof(entries));
	finish(MADT_AT, "APIC", 44 + sizeof(entries));

	put(MCFG_AT + 44, 0xb0000000, 8);
	put(MCFG_AT + 52, 0, 2);
	memory[MCFG_AT + 55] = 255;
	finish(MCFG_AT, "MCFG", 60);

	put(FADT_AT + 40, BASE + DSDT_AT, 4);
	put(FADT_AT + 48, 0xb2, 4); /* SMI command, and what enables ACPI mode */
	memory[FADT_AT + 52] = 2;
	put(FADT_AT + 64, 0x604, 4); /* PM1a control, of two bytes */
	memory[FADT_AT + 89] = 2;
	put(FADT_AT + 76, 0x608, 4);
	memory[FADT_AT + 91] = 4;
	put(FADT_AT + 112, 1 << 8, 4);
	memcpy(memory + DSDT_AT + 36, s5, sizeof(s5));
	finish(DSDT_AT, "DSDT", 36 + sizeof(s5));
	finish(FADT_AT, "FACP", 116);
}

static unsigned parse(void)
{
	return acpi_parse(BASE + RSDP_AT, map, say, &info);
}

/* Flips bits of one byte of a sound machine: so many tables are read then, and one complaint is made. */
static void check_flipped(size_t at, uint8_t bits, unsigned tables)
{
	make_machine();
	memory[at] ^= bits;
	CHECK_EQ(parse(), tables);
	CHECK_EQ(complaints, 1);
}

TEST(acpi, a_sound_machine_is_read)
{
	make_machine();
	CHECK_EQ(parse(), 3);
	CHECK_EQ(complaints, 0);
	CHECK(info.have_madt);
	CHECK_EQ(info.lapic, 0xfee00000);
	CHECK_EQ(info.cpus, 2);
	CHECK_EQ(info.ioapic_count, 1);
	CHECK_EQ(info.ioapic[0].paddr, 0xfec00000);
	CHECK_EQ(info.ioapic[0].gsi_base, 0);
	CHECK(info.isa[0].set && !info.isa[0].level && !info.isa[0].low);
	CHECK_EQ(info.isa[0].gsi, 2);
	CHECK(info.isa[9].set && info.isa[9].level && info.isa[9].low);
	CHECK(!info.isa[4].set);
	CHECK_EQ(info.mcfg.ecam[0].base, 0xb0000000);
	CHECK_EQ(info.mcfg.ecam[0].bus_last, 255);
	CHECK_EQ(info.pm_timer_port, 0x608);
	CHECK_EQ(info.pm_timer_bits, 32);
	CHECK_EQ(info.power.control_a, 0x604);
	CHECK_EQ(info.power.control_b, 0);
	CHECK_EQ(info.power.smi_command, 0xb2);
	CHECK_EQ(info.power.enable, 2);
	CHECK(info.power.has_s5);
	CHECK_EQ(info.power.type_a, 5);
	CHECK_EQ(info.power.type_b, 7);
}

TEST(acpi, without_a_sound_dsdt_or_its_s5_all_else_stays)
{
	check_flipped(DSDT_AT + 20, 1, 3);
	CHECK(strstr(last, "checksum"));
	CHECK(!info.power.has_s5);
	make_machine();
	memory[DSDT_AT + 37] = 'X';
	fix_sum(DSDT_AT, 48, DSDT_AT + 9);
	CHECK_EQ(parse(), 3);
	CHECK(strstr(last, "no sleep state S5"));
	make_machine();
	put(FADT_AT + 40, 0, 4);
	fix_sum(FADT_AT, 116, FADT_AT + 9);
	CHECK_EQ(parse(), 3);
	CHECK_EQ(complaints, 1);
	make_machine();
	put(FADT_AT + 64, 0, 4);
	fix_sum(FADT_AT, 116, FADT_AT + 9);
	CHECK_EQ(parse(), 3);
	CHECK(strstr(last, "no PM1 control or sleep control register"));
	CHECK_EQ(info.pm_timer_port, 0x608);
}

TEST(acpi, no_rsdp_leaves_what_every_pc_has)
{
	complaints = 0;
	CHECK_EQ(acpi_parse(0, map, say, &info), 0);
	CHECK_EQ(acpi_parse(0x1000, map, say, &info), 0);
	CHECK_EQ(complaints, 2);
	CHECK_EQ(info.lapic, 0xfee00000);
	CHECK_EQ(info.cpus, 1);
	CHECK_EQ(info.mcfg.ecam[0].base, 0);
	CHECK_EQ(info.pm_timer_port, 0);
}

TEST(acpi, a_bad_rsdp_is_refused)
{
	check_flipped(RSDP_AT + 16, 1, 0);
	check_flipped(RSDP_AT, 'R' ^ 'r', 0);
}

TEST(acpi, an_rsdp_of_acpi_1_leads_to_the_rsdt)
{
	make_machine();
	make_rsdp(0);
	memory[RSDP_AT + 33] ^= 1; /* there is nothing behind its 20 bytes that would count */
	CHECK_EQ(parse(), 2);
	CHECK_EQ(complaints, 0);
	CHECK_EQ(info.mcfg.ecam[0].base, 0);
	CHECK_EQ(info.pm_timer_port, 0x608);
}

TEST(acpi, a_bad_xsdt_or_extended_checksum_falls_back_to_the_rsdt)
{
	check_flipped(RSDP_AT + 33, 1, 2);
	check_flipped(XSDT_AT + 20, 1, 2);
	CHECK(strstr(last, "checksum"));
	make_machine();
	finish(XSDT_AT, "XXXX", 60);
	CHECK_EQ(parse(), 2);
	CHECK_EQ(complaints, 1);
}

TEST(acpi, a_table_with_a_bad_checksum_or_length_is_passed_over)
{
	check_flipped(MADT_AT + 20, 1, 2);
	CHECK(!info.have_madt);
	CHECK_EQ(info.mcfg.ecam[0].base, 0xb0000000);

	static const uint32_t lengths[] = {0, 35, BYTES, 2u << 20, ~0u};
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		make_machine();
		put(MCFG_AT + 4, lengths[i], 4);
		CHECK_EQ(parse(), 2);
		CHECK_EQ(complaints, 1);
		CHECK_EQ(info.mcfg.ecam[0].base, 0);
		CHECK_EQ(info.cpus, 2);
	}
}

TEST(acpi, tables_that_can_not_be_read_are_named)
{
	make_machine();
	put(XSDT_AT + 44, 0, 8);
	put(XSDT_AT + 52, ~0ull - 10, 8);
	finish(XSDT_AT, "XSDT", 60);
	CHECK_EQ(parse(), 1);
	CHECK_EQ(complaints, 2);
}

TEST(acpi, a_madt_entry_that_does_not_fit_ends_the_walk)
{
	static const uint8_t lengths[] = {0, 1, 200};

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		make_machine();
		memory[MADT_AT + 44 + 16 + 1] = lengths[i]; /* the third entry */
		fix_sum(MADT_AT, 44 + 62, MADT_AT + 9);
		CHECK_EQ(parse(), 3);
		CHECK_EQ(complaints, 1);
		CHECK_EQ(info.cpus, 2);
		CHECK_EQ(info.ioapic_count, 0);
	}
}

TEST(acpi, a_madt_entry_shorter_than_its_type_is_skipped)
{
	make_machine();
	memory[MADT_AT + 44 + 8 + 1] = 4; /* the second local APIC: 4 bytes, and 4 that look like an entry of type 1 */
	fix_sum(MADT_AT, 44 + 62, MADT_AT + 9);
	parse();
	CHECK(complaints >= 1);
	CHECK_EQ(info.cpus, 1);
}

TEST(acpi, a_local_apic_address_override_counts)
{
	make_machine();
	put(MADT_AT + 44 + 62, 0x0c05, 2); /* type 5, 12 bytes */
	put(MADT_AT + 44 + 66, 0x1fee00000ull, 8);
	finish(MADT_AT, "APIC", 44 + 62 + 12);
	CHECK_EQ(parse(), 3);
	CHECK_EQ(info.lapic, 0x1fee00000ull);
}

TEST(acpi, an_mcfg_that_can_not_be_is_refused)
{
	make_machine();
	put(MCFG_AT + 44, 0xb0000001, 8);
	fix_sum(MCFG_AT, 60, MCFG_AT + 9);
	parse();
	CHECK_EQ(info.mcfg.ecam[0].base, 0);
	make_machine();
	memory[MCFG_AT + 54] = 9; /* first bus after the last */
	memory[MCFG_AT + 55] = 8;
	fix_sum(MCFG_AT, 60, MCFG_AT + 9);
	parse();
	CHECK_EQ(info.mcfg.ecam[0].base, 0);
	make_machine();
	put(MCFG_AT + 44, 0xffffffffc0000000ull, 8); /* its last buses would wrap round */
	fix_sum(MCFG_AT, 60, MCFG_AT + 9);
	parse();
	CHECK_EQ(info.mcfg.count, 0);
}

static void put_window(unsigned i, uint64_t base, unsigned segment, uint8_t first, uint8_t last_bus)
{
	const size_t at = MCFG_AT + 44 + 16 * i;

	put(at, base, 8);
	put(at + 8, segment, 2);
	memory[at + 10] = first;
	memory[at + 11] = last_bus;
}

static void parse_windows(unsigned count)
{
	finish(MCFG_AT, "MCFG", 44 + 16 * count);
	parse();
}

TEST(acpi, all_windows_of_all_segments)
{
	make_machine();
	put_window(0, 0xb0000000, 0, 0, 127);
	put_window(1, 0x1200000000, 0, 128, 255);
	put_window(2, 0xb0000000, 7, 3, 2); /* no harm to those behind it */
	put_window(3, 0x1300000000, 7, 0, 63);
	parse_windows(4);
	CHECK_EQ(info.mcfg.count, 3);
	CHECK_EQ(info.mcfg.ecam[1].base, 0x1200000000);
	CHECK_EQ(info.mcfg.ecam[1].bus_first, 128);
	CHECK_EQ(info.mcfg.ecam[2].segment, 7);
	CHECK_EQ(info.mcfg.ecam[2].bus_last, 63);
	CHECK_EQ(complaints, 1);
}

TEST(acpi, windows_that_continue_each_other_are_one)
{
	make_machine();
	for (unsigned i = 0; i < 9; i++)
		put_window(i, i < 8 ? 0xb0000000 : 0xc0000000, 0, (uint8_t)(2 * i), (uint8_t)(2 * i + 1));
	parse_windows(9);
	CHECK_EQ(info.mcfg.count, 2);
	CHECK_EQ(info.mcfg.ecam[0].bus_last, 15);
	CHECK_EQ(info.mcfg.ecam[1].bus_first, 16);
}

/* Not the last ones: the smallest. */
TEST(acpi, of_too_many_windows_the_smallest_are_left_out)
{
	static uint8_t table[44 + 16 * (ACPI_ECAMS + 3)];
	static struct acpi_mcfg mcfg;

	complaints = 0;
	memset(&mcfg, 0, sizeof(mcfg));
	for (unsigned i = 0; i < ACPI_ECAMS + 3; i++) {
		uint8_t *entry = table + 44 + 16 * i;

		entry[4] = 1; /* base, from 4 GiB on */
		entry[3] = (uint8_t)(i << 1);
		entry[8] = (uint8_t)i;
		entry[11] = i == 5 || i == 9 ? 3 : i == ACPI_ECAMS + 2 ? 2 : 63;
	}
	acpi_mcfg_parse(table, sizeof(table), say, &mcfg);
	CHECK_EQ(complaints, 1);
	CHECK_EQ(mcfg.count, ACPI_ECAMS);
	for (unsigned i = 0; i < ACPI_ECAMS; i++)
		CHECK_EQ(mcfg.ecam[i].bus_last, 63);
	CHECK_EQ(mcfg.ecam[ACPI_ECAMS - 1].segment, ACPI_ECAMS + 1);
}

/* Whichever comes first. */
TEST(acpi, an_mcfg_goes_ahead_of_the_dsdt)
{
	static const uint8_t cba[] = {0x08, '_', 'C', 'B', 'A', 0x0c, 0, 0, 0, 0xe0};

	for (unsigned round = 0; round < 3; round++) {
		make_machine();
		memcpy(memory + DSDT_AT + 60, cba, sizeof(cba));
		finish(DSDT_AT, "DSDT", 60 + sizeof(cba));
		if (round == 1) {
			put(XSDT_AT + 44, BASE + FADT_AT, 8);
			put(XSDT_AT + 52, BASE + MCFG_AT, 8);
			finish(XSDT_AT, "XSDT", 60);
		}
		if (round == 2)
			put_window(0, 0, 0, 0, 255);
		finish(MCFG_AT, "MCFG", 60);
		parse();
		CHECK_EQ(info.mcfg.count, 1);
		CHECK_EQ(info.mcfg.ecam[0].base, round == 2 ? 0xe0000000 : 0xb0000000);
	}
}

TEST(acpi, the_pm_timer_may_have_24_bits_or_be_absent)
{
	make_machine();
	put(FADT_AT + 112, 0, 4);
	fix_sum(FADT_AT, 116, FADT_AT + 9);
	parse();
	CHECK_EQ(info.pm_timer_bits, 24);
	memory[FADT_AT + 91] = 0;
	fix_sum(FADT_AT, 116, FADT_AT + 9);
	parse();
	CHECK_EQ(info.pm_timer_port, 0);
	put(FADT_AT + 76, 0x10608, 4); /* no port has 17 bits */
	memory[FADT_AT + 91] = 4;
	fix_sum(FADT_AT, 116, FADT_AT + 9);
	parse();
	CHECK_EQ(info.pm_timer_port, 0);
}

TEST(acpi, damaged_bytes_never_lead_out_of_the_tables)
{
	uint64_t seed = test_port_seed();

	test_port_note("seed %lu", (unsigned long)seed);
	for (unsigned round = 0; round < 2000; round++) {
		static const struct {
			size_t at, bytes, sum;
		} tables[] = {{RSDP_AT, 20, RSDP_AT + 8},  {RSDP_AT, 36, RSDP_AT + 32}, {XSDT_AT, 60, XSDT_AT + 9},
			      {MADT_AT, 106, MADT_AT + 9}, {DSDT_AT, 48, DSDT_AT + 9},	{MCFG_AT, 60, MCFG_AT + 9},
			      {FADT_AT, 116, FADT_AT + 9}};

		make_machine();
		for (unsigned i = 0; i < 4; i++) {
			size_t t = (size_t)fixture_random(&seed, ARRAY_LEN(tables));

			const size_t at = tables[t].at + fixture_random(&seed, tables[t].bytes);
			memory[at] = (uint8_t)fixture_random(&seed, 256);
		}
		/* Mostly with right checksums, so that what is behind them gets its share. */
		for (size_t t = 0; t < ARRAY_LEN(tables) && fixture_random(&seed, 8); t++)
			fix_sum(tables[t].at, tables[t].bytes, tables[t].sum);
		CHECK(parse() <= 256);
		CHECK(info.ioapic_count <= ACPI_IOAPICS);
		CHECK(info.pm_timer_port == 0 || info.pm_timer_bits == 24 || info.pm_timer_bits == 32);
	}
}
