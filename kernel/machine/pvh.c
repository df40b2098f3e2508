/* Gives the start info's reader physical memory, through the direct map that boot/pvh/entry.S has made.
 */
#include "kernel/machine/pvh.h"

#include "arch/x86_64/paging.h"
#include "boot/pvh/start_info.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"

extern const char __kernel_start[], __boot_start[], __boot_end[];

/* What boot/pvh/entry.S knows of the struct. */
_Static_assert(offsetof(struct boot_info, version) == 8 && offsetof(struct boot_info, way) == 12 &&
		       offsetof(struct boot_info, start_info) == 16 && offsetof(struct boot_info, entry_tsc) == 24 &&
		       offsetof(struct boot_info, ranges) == 32 && offsetof(struct boot_info, reach) == 48 &&
		       sizeof(struct boot_info) == 152 && sizeof(struct boot_range) == 32 && BOOT_INFO_VERSION == 3 &&
		       BOOT_BY_PVH == 1,
	       "as boot/pvh/entry.S has them");

static uint64_t reach; /* (B) */

static const void *map(uint64_t paddr, uint64_t bytes)
{
	return paddr < reach && bytes <= reach - paddr ? phys_to_virt(paddr) : NULL;
}

static uint64_t paddr_of(const char *symbol)
{
	return (uint64_t)(uintptr_t)symbol - KERNEL_VBASE;
}

void pvh_read(struct boot_info *info)
{
	const uint64_t end = paddr_of(__boot_end);
	const struct pvh_reader reader = {
		.map = map,
		.say = log_printf,
		.ranges = phys_to_virt(info->ranges),
		.ranges_max = (uint32_t)((end - info->ranges) / sizeof(struct boot_range)),
	};
	struct pvh_error error;

	info->kernel_paddr = paddr_of(__kernel_start);
	info->kernel_bytes = end - info->kernel_paddr;
	info->tables_paddr = paddr_of(__boot_start);
	info->tables_bytes = end - info->tables_paddr;
	reach = info->reach;
	if (!pvh_start_info(&reader, info, &error))
		panic("boot: PVH: start info at 0x%lx: %s is 0x%lx, %s", info->start_info, error.what, error.value,
		      error.rule);
}
