/* Where PCI configuration space lies in memory, by the MCFG table. Pure; the bytes are untrusted. */
#pragma once

#include "lib/types.h"

/* The configuration space of some buses of a segment: base is where bus 0's would lie. */
struct acpi_ecam {
	paddr_t base; /* a multiple of 1 MiB, not 0; all its buses lie below 2^64 */
	uint16_t segment;
	uint8_t bus_first;
	uint8_t bus_last;
};

#define ACPI_ECAMS 64u

struct acpi_mcfg {
	struct acpi_ecam ecam[ACPI_ECAMS]; /* in the table's order; entries that continue each other are one */
	unsigned count;
	bool by_dsdt; /* the one that there is was the DSDT's word: an MCFG's goes first */
};

/* Takes in the entries of a table, each segment's. One that can't be is said and passed over. Of more than fit those
 * with the most buses stay (said). */
void acpi_mcfg_parse(const uint8_t *table, size_t bytes, void (*say)(const char *fmt, ...), struct acpi_mcfg *out);
