/* The MADT: processors and interrupt controllers (ACPI specification 6.4, section 5.2.12). Pure; its bytes are
 * untrusted. */
#pragma once

#include "kernel/firmware/acpi_tables.h"

#define ACPI_MADT_BYTES 44u /* the least that it has */

/* Reads a sound table of at least that many bytes into out, which has nothing of a MADT yet. Where two entries speak of
 * the same thing the first counts, and the other is named. */
void acpi_madt(const uint8_t *table, uint32_t bytes, acpi_say_fn *say, struct acpi_info *out);
