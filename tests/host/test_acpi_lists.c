/* ACPI's lists as firmware in the field has them: two of a name, entries of 0, more than anybody would expect, one
 * field that contradicts another. What counts is never a matter of coming early enough. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/firmware/acpi_tables.h"
#include "tests/unit/test.h"

#define BASE	 0x7f000000ull
#define BYTES	 (24 * 1024u)
#define ROOT_AT	 0x40u /* of the XSDT or the RSDT */
#define NEXT_AT	 0x1400u
#define SAID_MAX 4000u

static uint8_t memory[BYTES];
static struct acpi_info info;
static unsigned complaints;
static char said[SAID_MAX];
static uint32_t next, root_bytes;
static unsigned entry_bytes;

static const uint8_t *map(paddr_t paddr, size_t bytes)
{
	if (paddr < BASE || paddr - BASE > BYTES || bytes > BYTES - (paddr - BASE))
		return NULL;
	return memory + (paddr - BASE);
}

static void say(const char *fmt, ...)
{
	const size_t length = strlen(said);
	va_list args;

	va_start(args, fmt);
	vsnprintf(said + length, sizeof(said) - length, fmt, args);
	va_end(args);
	complaints++;
}

static void put(uint32_t at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		memory[at + i] = (uint8_t)(value >> 8 * i);
}

static void fix_sum(uint32_t from, uint32_t bytes, uint32_t at)
{
	uint8_t sum = 0;

	memory[at] = 0;
	for (uint32_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + memory[from + i]);
	memory[at] = (uint8_t)(0x100 - sum);
}

static void finish(uint32_t table, const char *name, uint32_t bytes)
{
	memcpy(memory + table, name, 4);
	put(table + 4, bytes, 4);
	fix_sum(table, bytes, table + 9);
}

/* An RSDP that leads to an XSDT, or an old one that leads to an RSDT, without entries. */
static void begin(const char *name)
{
	const bool xsdt = name[0] == 'X';

	memset(memory, 0, sizeof(memory));
	complaints = 0;
	said[0] = 0;
	memcpy(memory, "RSD PTR ", 8);
	memory[15] = xsdt ? 2 : 0;
	put(xsdt ? 24 : 16, BASE + ROOT_AT, 4);
	put(20, 36, 4);
	fix_sum(0, 20, 8);
	fix_sum(0, 36, 32);
	next = NEXT_AT;
	root_bytes = 36;
	entry_bytes = xsdt ? 8 : 4;
}

static void list(uint64_t paddr)
{
	put(ROOT_AT + root_bytes, paddr, entry_bytes);
	root_bytes += entry_bytes;
}

/* A table of so many bytes, in the list. Returns where it lies; finish makes it sound. */
static uint32_t add(uint32_t bytes)
{
	const uint32_t at = next;

	next += bytes;
	CHECK(next <= BYTES && ROOT_AT + root_bytes + entry_bytes <= NEXT_AT);
	list(BASE + at);
	return at;
}

static unsigned parse(void)
{
	finish(ROOT_AT, entry_bytes == 8 ? "XSDT" : "RSDT", root_bytes);
	return acpi_parse(BASE, map, say, &info);
}

/* A MADT with one CPU more than others, so that one sees which was read. */
static uint32_t add_madt(uint64_t lapic, unsigned cpus)
{
	const uint32_t at = add(44 + 8 * cpus);

	put(at + 36, lapic, 4);
	for (unsigned i = 0; i < cpus; i++)
		put(at + 44 + 8 * i, 0x100000800ull | i << 16, 8);
	finish(at, "APIC", 44 + 8 * cpus);
	return at;
}

static uint32_t add_fadt(uint32_t pm_timer, uint32_t control, uint32_t dsdt)
{
	const uint32_t at = add(276);

	put(at + 40, dsdt ? BASE + dsdt : 0, 4);
	put(at + 64, control, 4);
	memory[at + 89] = 2;
	put(at + 76, pm_timer, 4);
	memory[at + 91] = 4;
	finish(at, "FACP", 276);
	return at;
}

static uint32_t make_dsdt(uint8_t type)
{
	const uint8_t s5[] = {0x08, '_', 'S', '5', '_', 0x12, 6, 2, 0x0a, type, 0x0a, type};
	const uint32_t at = next;

	memcpy(memory + at + 36, s5, sizeof(s5));
	finish(at, "DSDT", 36 + sizeof(s5));
	next += 36 + sizeof(s5);
	return at;
}

static uint32_t add_mcfg(uint64_t base)
{
	const uint32_t at = add(60);

	put(at + 44, base, 8);
	memory[at + 55] = 255;
	finish(at, "MCFG", 60);
	return at;
}

static uint32_t add_hpet(uint8_t space, uint64_t address)
{
	const uint32_t at = add(56);

	memory[at + 40] = space;
	put(at + 44, address, 8);
	finish(at, "HPET", 56);
	return at;
}

TEST(acpi_lists, of_two_tables_of_one_name_the_first_counts_and_the_second_is_named)
{
	begin("XSDT");
	add_madt(0xfee00000, 3);
	add_madt(0xfec80000, 1);
	CHECK_EQ(parse(), 1);
	CHECK_EQ(info.cpus, 3);
	CHECK_EQ(info.lapic, 0xfee00000);
	CHECK_EQ(complaints, 1);
	CHECK(strstr(said, "a second APIC"));

	begin("XSDT");
	add_mcfg(0xb0000000);
	add_mcfg(0xe0000000);
	parse();
	CHECK_EQ(info.mcfg.ecam[0].base, 0xb0000000);
	CHECK_EQ(complaints, 1);
	CHECK(strstr(said, "a second MCFG"));

	begin("RSDT");
	add_hpet(0, 0xfed00000);
	add_hpet(0, 0xfed10000);
	parse();
	CHECK_EQ(info.hpet, 0xfed00000);
	CHECK(strstr(said, "a second HPET"));
}

TEST(acpi_lists, nothing_of_a_second_fadt_is_mixed_into_the_first)
{
	begin("XSDT");
	const uint32_t dsdt = make_dsdt(5);
	add_fadt(0x608, 0x604, dsdt);
	add_fadt(0, 0, 0);
	parse();
	CHECK_EQ(info.pm_timer_port, 0x608);
	CHECK_EQ(info.power.control_a, 0x604);
	CHECK(info.power.has_s5);
	CHECK_EQ(complaints, 1);

	/* As the fuzzer had it: S5 from one, and registers from the other, which has none. */
	begin("XSDT");
	const uint32_t other = make_dsdt(5);
	add_fadt(0x608, 0, other);
	add_fadt(0x708, 0x704, other);
	parse();
	CHECK_EQ(info.power.control_a, 0);
	CHECK(!info.power.has_s5);
	CHECK_EQ(info.pm_timer_port, 0x608);
}

TEST(acpi_lists, what_an_earlier_fadt_left_is_gone)
{
	struct acpi_power power;
	uint8_t fadt[276] = {0};

	memset(&power, 0xff, sizeof(power));
	acpi_power_fadt(fadt, sizeof(fadt), &power);
	CHECK(!power.has_s5);
	CHECK_EQ(power.type_a, 0);
	CHECK_EQ(power.control_b, 0);
	CHECK_EQ(power.reset.space, ACPI_NOWHERE);
	CHECK_EQ(power.reset_value, 0);
	power.has_s5 = true;
	CHECK(!acpi_power_s5(fadt, sizeof(fadt), &power));
	CHECK(!power.has_s5);
}

TEST(acpi_lists, one_that_is_not_sound_or_too_short_is_not_the_first)
{
	begin("XSDT");
	memory[add_madt(0xfec80000, 1) + 20] ^= 1;
	const uint32_t brief = add(40);
	finish(brief, "APIC", 40);
	add_madt(0xfee00000, 2);
	CHECK_EQ(parse(), 2);
	CHECK_EQ(info.cpus, 2);
	CHECK_EQ(complaints, 2);
	CHECK(strstr(said, "checksum") && strstr(said, "40 bytes are too short"));
}

TEST(acpi_lists, the_same_table_twice_in_the_list_is_read_once)
{
	begin("XSDT");
	list(BASE + add_madt(0xfee00000, 2));
	CHECK_EQ(parse(), 1);
	CHECK_EQ(info.cpus, 2);
	CHECK_EQ(complaints, 1);
}

TEST(acpi_lists, entries_of_0_are_counted_in_one_line)
{
	begin("XSDT");
	for (unsigned i = 0; i < 100; i++)
		list(0);
	add_madt(0xfee00000, 2);
	list(0);
	CHECK_EQ(parse(), 1);
	CHECK_EQ(info.cpus, 2);
	CHECK_EQ(complaints, 1);
	CHECK(strstr(said, "XSDT: 101 entries are 0"));
}

TEST(acpi_lists, an_xsdt_that_leads_to_nothing_leaves_it_to_the_rsdt)
{
	begin("XSDT");
	list(0);
	const uint32_t rsdt = next;
	next += 40;
	const uint32_t madt = add_madt(0xfee00000, 2);
	root_bytes -= 8; /* the MADT is in the RSDT alone */
	put(rsdt + 36, BASE + madt, 4);
	finish(rsdt, "RSDT", 40);
	put(16, BASE + rsdt, 4);
	fix_sum(0, 20, 8);
	fix_sum(0, 36, 32);
	CHECK_EQ(parse(), 1);
	CHECK_EQ(info.cpus, 2);
}

TEST(acpi_lists, a_table_that_counts_is_found_behind_hundreds_of_others)
{
	begin("XSDT");
	const uint32_t ssdt = add(36);
	finish(ssdt, "SSDT", 36);
	for (unsigned i = 0; i < 500; i++)
		list(BASE + ssdt);
	add_madt(0xfee00000, 4);
	add_mcfg(0xb0000000);
	CHECK(parse() >= 2);
	CHECK_EQ(info.cpus, 4);
	CHECK_EQ(info.mcfg.ecam[0].base, 0xb0000000);
	CHECK_EQ(complaints, 1);
	CHECK(strstr(said, "245 more tables"));
}

TEST(acpi_lists, what_is_wrong_with_hundreds_of_tables_is_not_hundreds_of_lines)
{
	begin("XSDT");
	for (unsigned i = 0; i < 200; i++)
		list(0x1000);
	add_madt(0xfee00000, 2);
	parse();
	CHECK_EQ(info.cpus, 2);
	CHECK(complaints <= 20);
	CHECK(strstr(said, "184 more complaints"));
}

static void put_ioapic(uint32_t at, uint32_t paddr, uint32_t gsi_base)
{
	put(at, 0x0c01, 2);
	put(at + 4, paddr, 4);
	put(at + 8, gsi_base, 4);
}

TEST(acpi_lists, of_too_many_ioapics_those_with_the_lowest_interrupts_stay)
{
	const unsigned count = ACPI_IOAPICS + 6;
	bool first = false;

	begin("XSDT");
	const uint32_t at = add(44 + 12 * count);
	for (unsigned i = 0; i < count; i++) /* the highest interrupts stand first */
		put_ioapic(at + 44 + 12 * i, 0xfec00000 + 0x1000 * i, 24 * (count - 1 - i));
	finish(at, "APIC", 44 + 12 * count);
	parse();
	CHECK_EQ(info.ioapic_count, ACPI_IOAPICS);
	for (unsigned i = 0; i < info.ioapic_count; i++) {
		CHECK(info.ioapic[i].gsi_base < 24 * ACPI_IOAPICS);
		first |= info.ioapic[i].gsi_base == 0 && info.ioapic[i].paddr == 0xfec00000 + 0x1000 * (count - 1);
	}
	CHECK(first);
	CHECK(strstr(said, "the one at 0xfec00000 for interrupts from 1656 is left out"));
}

TEST(acpi_lists, entries_of_the_madt_that_say_the_same_again)
{
	begin("XSDT");
	const uint32_t at = add(44 + 3 * 12 + 2 * 10 + 2 * 12);
	uint32_t entry = at + 44;
	put_ioapic(entry, 0xfec00000, 0);
	put_ioapic(entry + 12, 0xfec00000, 24); /* the same registers */
	put_ioapic(entry + 24, 0xfec10000, 0);	/* the same interrupts */
	entry += 36;
	for (unsigned i = 0; i < 2; i++, entry += 10) {
		put(entry, 0x0a02, 2);
		put(entry + 4, 2 + i, 4);
	}
	for (unsigned i = 0; i < 2; i++, entry += 12) {
		put(entry, 0x0c05, 2);
		put(entry + 4, 0xfee00000 + 0x1000 * i, 8);
	}
	finish(at, "APIC", entry - at);
	parse();
	CHECK_EQ(info.ioapic_count, 1);
	CHECK_EQ(info.isa[0].gsi, 2);
	CHECK_EQ(info.lapic, 0xfee00000);
	CHECK_EQ(complaints, 5); /* and that there is no CPU */
}

TEST(acpi_lists, the_old_fields_of_a_fadt_serve_where_the_extended_ones_lead_nowhere)
{
	begin("XSDT");
	const uint32_t dsdt = make_dsdt(5), fadt = add_fadt(0x608, 0x604, dsdt);
	put(fadt + 140, BASE + BYTES, 8); /* X_DSDT */
	memory[fadt + 208] = 1;		  /* X_PM_TMR_BLK, an I/O port that can't be */
	put(fadt + 212, 0xffffffff00000608ull, 8);
	finish(fadt, "FACP", 276);
	parse();
	CHECK(info.power.has_s5);
	CHECK_EQ(info.pm_timer_port, 0x608);
	CHECK_EQ(complaints, 1);
}

TEST(acpi_lists, an_hpet_counts_where_it_lies_in_memory)
{
	begin("XSDT");
	add_hpet(0, 0xfed00000);
	CHECK_EQ(parse(), 1);
	CHECK_EQ(info.hpet, 0xfed00000);
	CHECK_EQ(complaints, 0);
	begin("XSDT");
	add_hpet(1, 0x400);
	parse();
	CHECK_EQ(info.hpet, 0);
	CHECK_EQ(complaints, 1);
}

static void put_register(uint32_t at, uint16_t port)
{
	memory[at] = 1; /* an I/O port */
	put(at + 4, port, 8);
}

/* As SeaBIOS has them; what lies behind, of another table say, may look like the fields that there would be. */
TEST(acpi_lists, a_fadt_cut_short_has_nothing_of_what_lies_behind_it)
{
	static const uint32_t lengths[] = {116, 128, 129, 147, 148, 183, 184, 219, 220, 244, 255, 256, 276};

	for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
		const uint32_t bytes = lengths[i];

		begin("XSDT");
		const uint32_t dsdt = make_dsdt(5), other = make_dsdt(6), fadt = add_fadt(0x608, 0x604, dsdt);
		put(fadt + 112, 1 << 10, 4); /* there is a reset register */
		put_register(fadt + 116, 0xcf9);
		put(fadt + 140, BASE + other, 8);
		put_register(fadt + 172, 0x704);
		put_register(fadt + 208, 0x708);
		put_register(fadt + 244, 0x3c0);
		finish(fadt, "FACP", bytes);
		CHECK_EQ(parse(), 1);
		CHECK_EQ(info.power.reset.space, bytes >= 129 ? ACPI_PORT : ACPI_NOWHERE);
		CHECK_EQ(info.power.type_a, bytes >= 148 ? 6 : 5);
		CHECK_EQ(info.power.control_a, bytes >= 184 ? 0x704 : 0x604);
		CHECK_EQ(info.pm_timer_port, bytes >= 220 ? 0x708 : 0x608);
		CHECK_EQ(info.power.sleep.space, bytes >= 256 ? ACPI_PORT : ACPI_NOWHERE);
		CHECK_EQ(complaints, 0);
	}
}
