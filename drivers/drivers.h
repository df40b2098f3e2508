/* What the kernel calls to start the devices that Nought has drivers for: the balloon, so far. */
#pragma once

#include "drivers/pci.h"
#include "lib/types.h"

struct mm;

/* Looks through the PCI buses of each ecam entry, and lets mm report free memory to the first balloon that works.
 * Where no entry leads to a function, ports 0xCF8 and 0xCFC are tried. Whatever goes wrong is logged and leaves
 * reporting off; the allocator doesn't depend on it.
 *
 * ecams    what ACPI's MCFG table has, count entries; 0: there is no MCFG
 * Called   once, by a thread, when mm_init is done. It may wait for devices, about a second each at most. */
void drivers_start(struct mm *mm, const struct pci_ecam *ecams, size_t count);
