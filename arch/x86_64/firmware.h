/* The firmware's runtime services, of which one is used: switching the machine off when nothing else does.
 *
 * SetVirtualAddressMap isn't called, so the service runs with its memory mapped where it lies (UEFI specification 2.10,
 * section 8.4). That is in the lower half, where the kernel maps nothing; so it has page tables of its own, which are
 * loaded for the call only.
 */
#pragma once

#include "boot/boot_info.h"
#include "lib/types.h"

/* Maps what the firmware's map marks for runtime, once paging is ours. reset_system is the service's address. Returns
 * NULL, or why it can't be called. */
const char *firmware_init(const struct boot_range *ranges, size_t count, uint64_t reset_system);

/* Frames that firmware_init takes from paging's allocator at most. */
uint64_t firmware_tables_bound(const struct boot_range *ranges, size_t count);

/* Whether firmware_init found the service. */
bool firmware_can(void);

/* Calls the service, with interrupts off. Returns only when it did. */
void firmware_power_off(void);
