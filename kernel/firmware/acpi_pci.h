/* Where PCI lies, for firmware that writes it into its DSDT and nowhere else. Pure; the bytes are untrusted.
 *
 * A machine without firmware to speak of (QEMU's microvm) may have no MCFG table: a method _CBA returns where the
 * configuration space lies, and nobody has given the devices addresses, which are the host bridge's to give, _CRS. As
 * for S5 (acpi_power.h) there is no interpreter: the names and the shape of constants are looked for among the bytes.
 */
#pragma once

#include "lib/types.h"

struct acpi_pci {
	paddr_t ecam; /* configuration space of the bus bus_first would be 0's; 0: nothing says so */
	uint8_t bus_first;
	uint8_t bus_last;
	paddr_t window; /* below 4 GiB, for devices' memory; 0: none */
	uint64_t window_bytes;
};

/* Looks for them among the bytes of a definition block. */
void acpi_pci_dsdt(const uint8_t *aml, size_t bytes, struct acpi_pci *out);
