/* Which way leads to which bus: windows that can be believed, and ports for what they leave over.
 *
 * Firmware may name a window that isn't there, lies elsewhere, or reads as zeros; it may name buses twice. So a window
 * is believed when it can be mapped, has a function at all, and, for segment 0 where there are ports, shows on its
 * first bus what they show. Of a window that memory is in the way of, the rest is used. Ports reach the buses of
 * segment 0 that no window does.
 */
#pragma once

#include "drivers/pci.h"
#include "lib/types.h"

#define PCI_WAYS 80u /* the kernel hands over up to 64 windows; what doesn't fit is logged */

struct pci_ways {
	struct pci_ecam way[PCI_WAYS]; /* no bus is in two of them */
	unsigned count;
	unsigned windows; /* of them; the others are ports */
};

/* ecams    what the firmware says, count entries, none empty or beyond 2^64. Of one that names buses of an earlier one,
 *          or overlaps it, the rest is used (logged) */
void pci_ways_find(struct pci_ways *ways, const struct pci_ecam *ecams, size_t count);
