/* Started by PVH: fills boot_info from the start info, as the EFI loader does from the firmware.
 */
#pragma once

#include "boot/boot_info.h"

/* Reads what info->start_info leads to, on the entry's page tables. What can't be is logged; panics where there is no
 * start info or memory map that could be read. */
void pvh_read(struct boot_info *info);
