/* Reads ACPI tables: untrusted bytes in, a few facts out. Pure: physical memory comes through a function, complaints go
 * to another, so that it runs on the host as well.
 */
#pragma once

#include "kernel/firmware/acpi_mcfg.h"
#include "kernel/firmware/acpi_power.h"
#include "lib/types.h"

/* Makes bytes of physical memory readable; NULL when it can't. What it returned stays valid until acpi_parse
 * returns. */
typedef const uint8_t *acpi_map_fn(paddr_t paddr, size_t bytes);
typedef void acpi_say_fn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define ACPI_IOAPICS 64u
#define ACPI_ISA     16u

struct acpi_ioapic {
	paddr_t paddr;
	uint32_t gsi_base; /* the first interrupt that it serves */
};

struct acpi_info {
	bool have_madt;
	paddr_t lapic; /* registers of the local APIC */
	unsigned cpus; /* enabled ones */
	unsigned ioapic_count;
	struct acpi_ioapic ioapic[ACPI_IOAPICS]; /* of more, those that serve the lowest interrupts */
	struct {
		bool set;
		bool level;
		bool low;
		uint32_t gsi;
	} isa[ACPI_ISA]; /* interrupt source overrides of the ISA bus */

	struct acpi_mcfg mcfg; /* PCI configuration space in memory, by the MCFG or else the DSDT */
	paddr_t window;	       /* for PCI devices' memory, by the DSDT; 0: none */
	uint64_t window_bytes;

	uint16_t pm_timer_port; /* 0: none */
	unsigned pm_timer_bits; /* 24 or 32 */
	paddr_t hpet;		/* registers of the HPET; 0: none */

	struct acpi_power power;
};

/* Fills in what the tables that can be reached from the RSDP at paddr say; fields nobody speaks of get what every PC
 * has (the local APIC at 0xfee00000, one CPU) or 0. Each table whose signature, length or checksum is wrong is named
 * and passed over. Of several tables of one name the first that is sound and long enough counts, the others are named;
 * however many other tables there are, none of those read is missed. Returns how many tables were sound. */
unsigned acpi_parse(paddr_t rsdp, acpi_map_fn *map, acpi_say_fn *say, struct acpi_info *out);
