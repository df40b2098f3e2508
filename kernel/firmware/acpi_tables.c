/* ACPI tables: RSDP, then XSDT (or RSDT), then MADT, MCFG, FADT and HPET. ACPI specification 6.4, chapter 5; IA-PC HPET
 * specification 1.0a, section 3.2.4.
 *
 * Every read is of a field that was checked to lie in its table; tables are little-endian and unaligned.
 */
#include "kernel/firmware/acpi_tables.h"

#include <string.h>

#include "kernel/firmware/acpi_bytes.h"
#include "kernel/firmware/acpi_madt.h"
#include "kernel/firmware/acpi_pci.h"
#include "lib/bits.h"

#define HEADER_BYTES 36u
#define TABLE_MAX    (1u * 1024 * 1024) /* a length beyond that is a lie */
#define OTHERS_MAX   256u		/* of the tables that nothing is read from, so many are checked */
#define COMPLAINTS   16u		/* said of single tables; of the rest, how many they are */

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

/* What is read, each from the first table of its name that is long enough. */
enum { MADT, MCFG, FADT, HPET, KNOWN };

struct parser {
	acpi_map_fn *map;
	acpi_say_fn *say;
	struct acpi_info *out;
	unsigned sound;
	unsigned complaints, unsaid;
	unsigned others, unchecked;
	paddr_t read[KNOWN]; /* where it lay; 0: not read */
};

static void say_nothing(const char *fmt, ...)
{
	(void)fmt;
}

/* For what is wrong with one of many tables. */
static acpi_say_fn *complain(struct parser *p)
{
	if (p->complaints++ < COMPLAINTS)
		return p->say;
	p->unsaid++;
	return say_nothing;
}

/* Maps a whole table and checks it. NULL: it isn't sound, and that was said. */
static const uint8_t *table_at(struct parser *p, paddr_t paddr, const char *what, uint32_t *bytes)
{
	const uint8_t *table = paddr ? p->map(paddr, HEADER_BYTES) : NULL;

	if (!table) {
		complain(p)("ACPI: %s at 0x%lx: address can't be read", what, (unsigned long)paddr);
		return NULL;
	}
	struct signature name = signature_of(table);
	*bytes = u32_at(table + 4);
	if (*bytes < HEADER_BYTES || *bytes > TABLE_MAX) {
		complain(p)("ACPI: %s at 0x%lx: length %u is not %u to %u", name.text, (unsigned long)paddr,
			    (unsigned)*bytes, HEADER_BYTES, TABLE_MAX);
		return NULL;
	}
	table = p->map(paddr, *bytes);
	if (!table) {
		complain(p)("ACPI: %s at 0x%lx: its %u bytes can't be read", name.text, (unsigned long)paddr,
			    (unsigned)*bytes);
		return NULL;
	}
	if (!sums_to_zero(table, *bytes)) {
		complain(p)("ACPI: %s at 0x%lx: checksum is wrong", name.text, (unsigned long)paddr);
		return NULL;
	}
	return table;
}

/* PCI configuration space in memory. */
static void parse_mcfg(struct parser *p, const uint8_t *table, uint32_t bytes)
{
	acpi_mcfg_parse(table, bytes, p->say, &p->out->mcfg);
}

#define PM_PORT_MAX 0xfffcu

/* The PM timer's port: the extended field where there is one that can be, else the old one. */
static void parse_pm_timer(struct parser *p, const uint8_t *table, uint32_t bytes)
{
	uint64_t port = 0;

	if (bytes >= 220 && table[208] == 1) /* address space: I/O */
		port = u64_at(table + 212);
	if ((port == 0 || port > PM_PORT_MAX) && table[91] == 4) /* its length */
		port = u32_at(table + 76);
	if (port == 0 || port > PM_PORT_MAX) {
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

/* The block of AML that the FADT names, where S5 is defined: by the extended field, or by the old one where that leads
 * to none. Other software may have tried but one of the two. */
static const uint8_t *find_dsdt(struct parser *p, const uint8_t *fadt, uint32_t fadt_bytes, uint32_t *bytes)
{
	const paddr_t old = u32_at(fadt + 40), extended = fadt_bytes >= 148 ? u64_at(fadt + 140) : 0;
	const uint8_t *dsdt = extended ? table_at(p, extended, "DSDT", bytes) : NULL;

	return dsdt || (extended && (!old || old == extended)) ? dsdt : table_at(p, old, "DSDT", bytes);
}

static void parse_dsdt(struct parser *p, const uint8_t *fadt, uint32_t fadt_bytes)
{
	const bool registers = p->out->power.control_a || p->out->power.sleep.space != ACPI_NOWHERE;
	uint32_t bytes;
	const uint8_t *dsdt = find_dsdt(p, fadt, fadt_bytes, &bytes);

	if (!registers)
		p->say("ACPI: FACP: no PM1 control or sleep control register that could switch the machine off");
	if (!dsdt)
		return;
	parse_dsdt_pci(p, dsdt + HEADER_BYTES, bytes - HEADER_BYTES);
	if (registers && !acpi_power_s5(dsdt + HEADER_BYTES, bytes - HEADER_BYTES, &p->out->power))
		p->say("ACPI: %s: no sleep state S5 that could switch the machine off", signature_of(dsdt).text);
}

static void parse_fadt(struct parser *p, const uint8_t *table, uint32_t bytes)
{
	parse_pm_timer(p, table, bytes);
	acpi_power_fadt(table, bytes, &p->out->power);
	parse_dsdt(p, table, bytes);
}

static void parse_madt(struct parser *p, const uint8_t *table, uint32_t bytes)
{
	acpi_madt(table, bytes, p->say, p->out);
}

/* The timer's registers: a generic address, which has to be memory. */
static void parse_hpet(struct parser *p, const uint8_t *table, uint32_t bytes)
{
	(void)bytes;
	if (table[40] == 0)
		p->out->hpet = u64_at(table + 44);
	if (p->out->hpet == 0)
		p->say("ACPI: HPET: no address in memory");
}

static const struct {
	char name[5];
	uint32_t least;
	void (*parse)(struct parser *p, const uint8_t *table, uint32_t bytes);
} known[KNOWN] = {
	[MADT] = {"APIC", ACPI_MADT_BYTES, parse_madt},
	[MCFG] = {"MCFG", 44, parse_mcfg},
	[FADT] = {"FACP", 116, parse_fadt},
	[HPET] = {"HPET", 56, parse_hpet},
};

static unsigned which(const uint8_t *header)
{
	unsigned i = 0;

	while (i < KNOWN && memcmp(header, known[i].name, 4) != 0)
		i++;
	return i;
}

static void parse_table(struct parser *p, paddr_t paddr)
{
	const uint8_t *header = p->map(paddr, HEADER_BYTES);
	const unsigned kind = header ? which(header) : KNOWN;
	uint32_t bytes;

	/* However many there are, and wherever among them it stands, no table that is read goes missing. */
	if (kind == KNOWN && p->others++ >= OTHERS_MAX) {
		p->unchecked++;
		return;
	}
	if (kind < KNOWN && p->read[kind]) {
		complain(p)("ACPI: a second %s at 0x%lx is left out, the one at 0x%lx counts", known[kind].name,
			    (unsigned long)paddr, (unsigned long)p->read[kind]);
		return;
	}
	const uint8_t *table = table_at(p, paddr, "table", &bytes);
	if (!table)
		return;
	p->sound++;
	if (kind == KNOWN)
		return;
	if (bytes < known[kind].least) {
		complain(p)("ACPI: %s: %u bytes are too short", known[kind].name, (unsigned)bytes);
		return;
	}
	p->read[kind] = paddr;
	known[kind].parse(p, table, bytes);
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
	unsigned empty = 0;
	p->complaints = p->unsaid = p->others = p->unchecked = 0;
	for (uint32_t at = HEADER_BYTES; at + entry_bytes <= bytes; at += entry_bytes) {
		const paddr_t table = entry_bytes == 8 ? u64_at(root + at) : u32_at(root + at);

		if (table)
			parse_table(p, table);
		else
			empty++;
	}
	if (empty)
		p->say("ACPI: %s: %u entries are 0", name, empty);
	if (p->unsaid)
		p->say("ACPI: %s: %u more complaints about tables", name, p->unsaid);
	if (p->unchecked)
		p->say("ACPI: %s: %u more tables, which nothing is read from, weren't checked", name, p->unchecked);
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
		else if (u64_at(rsdp + 24) && parse_root(&p, u64_at(rsdp + 24), "XSDT", 8) && p.sound)
			return p.sound;
	}
	parse_root(&p, rsdt, "RSDT", 4);
	return p.sound;
}
