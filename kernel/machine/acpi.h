/* What the machine's ACPI tables say, read once at boot.
 */
#pragma once

#include "kernel/firmware/acpi_tables.h"

/* Reads the tables that the RSDP at that address leads to; 0: there is none. Afterwards nothing points into them. */
void acpi_init(paddr_t rsdp);

const struct acpi_info *acpi_info(void);
