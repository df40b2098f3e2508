/* Interrupt controllers: the local APIC, the IOAPICs, the old 8259s (switched off).
 *
 * What the ACPI tables say is passed in; nothing here reads them.
 */
#pragma once

#include "lib/types.h"

/* Masks the 8259s and enables the local APIC. Its registers lie where the CPU's own register says, or else, where none
 * answer there, at paddr, which is what the firmware says. Returns where; 0: the CPU has none, or none answer. */
paddr_t lapic_init(paddr_t paddr);

/* One IOAPIC and the first global system interrupt it serves; all its inputs are masked. Returns 0, or -1: can't be
 * mapped, or too many. */
int ioapic_add(paddr_t paddr, unsigned gsi_base);

/* An ISA interrupt that isn't wired to the input of its number, edge triggered, active high. */
void irq_isa_override(unsigned isa, unsigned gsi, bool level, bool active_low);
