/* QEMU's chipsets, known by their PCI names: how they switch off where no table has been read that says it.
 */
#pragma once

#include "lib/types.h"

/* Whether this is a q35 or a pc of QEMU's whose firmware has given its power management registers an address. */
bool chipset_can(void);

/* Writes sleep state S5 there. Returns when that did nothing. */
void chipset_power_off(void);
