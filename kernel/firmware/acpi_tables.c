/* ACPI tables: RSDP, then XSDT (or RSDT), then MADT, MCFG and FADT. ACPI specification 6.4, chapter 5.
 *
 * Every read is of a field that was checked to lie in its table; tables are little-endian and unaligned.
 */
#include "kernel/firmware/acpi_tables.h"

#include <string.h>

#include "kernel/firmware/acpi_pci.h"
#include "lib/bits.h"

#define HEADER_BYTES 36u
#define TABLE_MAX    (1u * 1024 * 1024) /* a length beyond that is a lie */
#define TABLES_MAX   256u

static uint32_t u16_at(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32_at(const uint8_t *p)
{
	return u16_at(p) | u16_at(p + 2) << 16;
}

static uint64_t u64_at(const uint8_t *p)
{
	return u32_at(p) | (uint64_t)u32_at(p + 4) << 32;
}

static bool sums_to_zero(const uint8_t *p, size_t bytes)
{
	uint8_t sum = 0;

	while (bytes--)
		sum = (uint8_t)(sum + *p++);
	return sum == 0;
}

/* A signature for a message: what can't be printed becomes a dot. */
struct signature {
	char text[5];
};

static struct signature signature_of(const uint8_t *table)
{
	struct signature s = {{0}};

	for (unsigned i = 0; i < 4; i++)
		s.text[i] = table[i] >= ' ' && table[i] < 127 ? (char)table[i] : '.';
	return s;
}

struct parser {
	acpi_map_fn *map;
	acpi_say_fn *say;
	struct acpi_info *out;
	unsigned sound;
};

/* Maps a whole table and checks it. NULL: it isn't sound, and that was said. */
static const uint8_t *table_at(const struct parser *p, paddr_t paddr, const char *what, uint32_t *bytes)
{
	const uint8_t *table = paddr ? p->map(paddr, HEADER_BYTES) : NULL;

	if (!table) {
		p->say("ACPI: %s at 0x%lx: address can't be read", what, (unsigned long)paddr);
		return NULL;
	}
	struct signature name = signature_of(table);
	*bytes = u32_at(table + 4);
	if (*bytes < HEADER_BYTES || *bytes > TABLE_MAX) {
		p->say("ACPI: %s at 0x%lx: length %u is not %u to %u", name.text, (unsigned long)paddr,
		       (unsigned)*bytes, HEADER_BYTES, TABLE_MAX);
		return NULL;
	}
	table = p->map(paddr, *bytes);
	if (!table) {
		p->say("ACPI: %s at 0x%lx: its %u bytes can't be read", name.text, (unsigned long)paddr,
		       (unsigned)*bytes);
		return NULL;
	}
	if (!sums_to_zero(table, *bytes)) {
		p->say("ACPI: %s at 0x%lx: checksum is wrong", name.text, (unsigned long)paddr);
		return NULL;
	}
	return table;
}

static void parse_ioapic(const struct parser *p, const uint8_t *entry)
{
	struct acpi_info *out = p->out;

	if (out->ioapic_count == ACPI_IOAPICS) {
		p->say("ACPI: APIC: more than %u IOAPICs", ACPI_IOAPICS);
		return;
	}
	out->ioapic[out->ioapic_count].paddr = u32_at(entry + 4);
	out->ioapic[out->ioapic_count].gsi_base = u32_at(entry + 8);
	out->ioapic_count++;
}

static void parse_override(const struct parser *p, const uint8_t *entry)
{
	unsigned bus = entry[2], irq = entry[3], flags = u16_at(entry + 8);

	if (bus != 0 || irq >= ACPI_ISA) {
		p->say("ACPI: APIC: override of interrupt %u on bus %u ignored", irq, bus);
		return;
	}
	p->out->isa[irq].set = true;
	p->out->isa[irq].gsi = u32_at(entry + 4);
	p->out->isa[irq].low = (flags & 3) == 3;	/* 0 and 1: active high, as the ISA bus is */
	p->out->isa[irq].level = (flags >> 2 & 3) == 3; /* 0 and 1: edge */
}

/* The interrupt controllers. */
static void parse_madt(const struct parser *p, const uint8_t *table, uint32_t bytes)
{
	struct acpi_info *out = p->out;
	unsigned cpus = 0;

	if (bytes < 44) {
		p->say("ACPI: APIC: %u bytes are too short", (unsigned)bytes);
		return;
	}
	out->have_madt = true;
	out->lapic = u32_at(table + 36);
	for (uint32_t at = 44; at < bytes;) {
		const uint8_t *entry = table + at;
		uint32_t left = bytes - at;
		/* The shortest that an entry of a type we read may be. */
		static const uint8_t least[] = {[0] = 8, [1] = 12, [2] = 10, [5] = 12, [9] = 16};

		if (left < 2 || entry[1] < 2 || entry[1] > left) {
			p->say("ACPI: APIC: entry at %u doesn't fit, the rest is ignored", (unsigned)at);
			break;
		}
		if (entry[0] < sizeof(least) && entry[1] < least[entry[0]]) {
			p->say("ACPI: APIC: entry at %u, type %u, is too short", (unsigned)at, entry[0]);
		} else {
			switch (entry[0]) {
			case 0: /* local APIC; bit 0: enabled */
				cpus += u32_at(entry + 4) & 1;
				break;
			case 1:
				parse_ioapic(p, entry);
				break;
			case 2:
				parse_override(p, entry);
				break;
			case 5: /* the local APIC's address in 64 bits */
				out->lapic = u64_at(entry + 4);
				break;
			case 9: /* local x2APIC */
				cpus += u32_at(entry + 8) & 1;
				break;
			}
		}
		at += entry[1];
	}
	if (cpus)
		out->cpus = cpus;
	else
		p->say("ACPI: APIC: names no CPU");
}

/* PCI configuration space in memory. */
static void parse_mcfg(const struct parser *p, const uint8_t *table, uint32_t bytes)
{
	acpi_mcfg_parse(table, bytes, p->say, &p->out->mcfg);
}

/* The PM timer's port: the extended field where there is one, else the old one. */
static void parse_pm_timer(const struct parser *p, const uint8_t *table, uint32_t bytes)
{
	uint64_t port = 0;

	if (bytes >= 220 && table[208] == 1) /* address space: I/O */
		port = u64_at(table + 212);
	if (port == 0 && table[91] == 4) /* its length */
		port = u32_at(table + 76);
	if (port == 0 || port > 0xfffc) {
		p->say("ACPI: FACP: no PM timer (port 0x%lx)", (unsigned long)port);
		return;
	}
	p->out->pm_timer_port = (uint16_t)port;
	p->out->pm_timer_bits = u32_at(table + 112) & BIT(8) ? 32 : 24;
}

/* What the DSDT alone says of PCI; an MCFG table goes first, whichever is read first. */
static void parse_dsdt_pci(const struct parser *p, const uint8_t *aml, size_t bytes)
{
	struct acpi_info *out = p->out;
	struct acpi_pci pci;

	acpi_pci_dsdt(aml, bytes, &pci);
	out->window = pci.window;
	out->window_bytes = pci.window_bytes;
	if (out->mcfg.count == 0 && pci.ecam) {
		out->mcfg.ecam[0] =
			(struct acpi_ecam){.base = pci.ecam, .bus_first = pci.bus_first, .bus_last = pci.bus_last};
		out->mcfg.count = 1;
		out->mcfg.by_dsdt = true;
	}
}

/* The block of AML that the FADT names, where S5 is defined. */
static void parse_dsdt(const struct parser *p, const uint8_t *fadt, uint32_t fadt_bytes)
{
	paddr_t paddr = fadt_bytes >= 148 ? u64_at(fadt + 140) : 0;
	uint32_t bytes;
	const uint8_t *dsdt = table_at(p, paddr ? paddr : u32_at(fadt + 40), "DSDT", &bytes);

	if (!dsdt)
		return;
	parse_dsdt_pci(p, dsdt + HEADER_BYTES, bytes - HEADER_BYTES);
	if (!acpi_power_s5(dsdt + HEADER_BYTES, bytes - HEADER_BYTES, &p->out->power))
		p->say("ACPI: %s: no sleep state S5 that could switch the machine off", signature_of(dsdt).text);
}

static void parse_fadt(const struct parser *p, const uint8_t *table, uint32_t bytes)
{
	if (bytes < 116) {
		p->say("ACPI: FACP: %u bytes are too short", (unsigned)bytes);
		return;
	}
	parse_pm_timer(p, table, bytes);
	acpi_power_fadt(table, bytes, &p->out->power);
	if (p->out->power.control_a || p->out->power.sleep.space != ACPI_NOWHERE)
		parse_dsdt(p, table, bytes);
	else
		p->say("ACPI: FACP: no PM1 control or sleep control register that could switch the machine off");
}

static void parse_table(struct parser *p, paddr_t paddr)
{
	static const struct {
		const char *name;
		void (*parse)(const struct parser *p, const uint8_t *table, uint32_t bytes);
	} known[] = {{"APIC", parse_madt}, {"MCFG", parse_mcfg}, {"FACP", parse_fadt}};
	uint32_t bytes;
	const uint8_t *table = table_at(p, paddr, "table", &bytes);

	if (!table)
		return;
	p->sound++;
	for (unsigned i = 0; i < ARRAY_LEN(known); i++)
		if (memcmp(table, known[i].name, 4) == 0)
			known[i].parse(p, table, bytes);
}

/* The table of tables: with entries of entry_bytes, 8 in the XSDT and 4 in the RSDT. False: not sound. */
static bool parse_root(struct parser *p, paddr_t paddr, const char *name, unsigned entry_bytes)
{
	uint32_t bytes;
	const uint8_t *root = table_at(p, paddr, name, &bytes);

	if (!root)
		return false;
	if (memcmp(root, name, 4) != 0) {
		p->say("ACPI: %s at 0x%lx: signature is %s", name, (unsigned long)paddr, signature_of(root).text);
		return false;
	}
	uint32_t count = (bytes - HEADER_BYTES) / entry_bytes;
	if (count > TABLES_MAX) {
		p->say("ACPI: %s: only the first %u of %u tables are read", name, TABLES_MAX, (unsigned)count);
		count = TABLES_MAX;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *entry = root + HEADER_BYTES + i * entry_bytes;

		parse_table(p, entry_bytes == 8 ? u64_at(entry) : u32_at(entry));
	}
	return true;
}

unsigned acpi_parse(paddr_t paddr, acpi_map_fn *map, acpi_say_fn *say, struct acpi_info *out)
{
	struct parser p = {.map = map, .say = say, .out = out};

	memset(out, 0, sizeof(*out));
	out->cpus = 1;
	out->lapic = 0xfee00000;

	const uint8_t *rsdp = paddr ? map(paddr, 20) : NULL;
	if (!rsdp) {
		say("ACPI: no RSDP%s", paddr ? " where the firmware says" : "");
		return 0;
	}
	if (memcmp(rsdp, "RSD PTR ", 8) != 0 || !sums_to_zero(rsdp, 20)) {
		say("ACPI: RSDP at 0x%lx: %s is wrong", (unsigned long)paddr,
		    memcmp(rsdp, "RSD PTR ", 8) != 0 ? "signature" : "checksum");
		return 0;
	}
	paddr_t rsdt = u32_at(rsdp + 16);
	if (rsdp[15] >= 2) {
		rsdp = map(paddr, 36);
		if (!rsdp || u32_at(rsdp + 20) != 36 || !sums_to_zero(rsdp, 36))
			say("ACPI: RSDP at 0x%lx: length or extended checksum is wrong, using the RSDT",
			    (unsigned long)paddr);
		else if (u64_at(rsdp + 24) && parse_root(&p, u64_at(rsdp + 24), "XSDT", 8))
			return p.sound;
	}
	parse_root(&p, rsdt, "RSDT", 4);
	return p.sound;
}
