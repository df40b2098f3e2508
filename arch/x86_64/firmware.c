/* Maps runtime memory one to one, and calls ResetSystem there.
 */
#include "arch/x86_64/firmware.h"

#include "arch/x86_64/paging.h"
#include "lib/bits.h"

#define EFI_MEMORY_RUNTIME    BIT(63)
#define EFI_RUNTIME_CODE      5u
#define EFI_MMIO	      11u
#define EFI_PAGE_BITS	      12u
#define EFI_RESET_SHUTDOWN    2u
#define RUNTIME_FRAMES_MAX    (64 * MIB / FRAME_SIZE) /* OVMF has 2 MiB and half of one of flash */
#define TABLES_FOR_EACH_RANGE 5u		      /* two levels above, and one more at either end */

typedef __attribute__((ms_abi)) void reset_system_fn(uint32_t type, uint64_t status, uint64_t bytes, const void *data);

static reset_system_fn *reset_system; /* NULL: not to be called */

/* Runtime memory that is where physical memory can be; all else in an untrusted map is passed over. */
static bool is_runtime(const struct boot_range *r)
{
	const paddr_t limit = paging_paddr_limit();

	return (r->attributes & EFI_MEMORY_RUNTIME) && r->pages && is_aligned(r->paddr, FRAME_SIZE) &&
	       r->paddr < limit && r->pages <= (limit - r->paddr) >> EFI_PAGE_BITS;
}

/* Of all of it; more than RUNTIME_FRAMES_MAX can only be an absurd map's. */
static uint64_t runtime_frames(const struct boot_range *ranges, size_t count)
{
	uint64_t frames = 0;

	for (size_t i = 0; i < count && frames <= RUNTIME_FRAMES_MAX; i++)
		if (is_runtime(&ranges[i]))
			frames += ranges[i].pages;
	return frames;
}

uint64_t firmware_tables_bound(const struct boot_range *ranges, size_t count)
{
	const uint64_t frames = runtime_frames(ranges, count);
	uint64_t tables = 1 + frames / 512;

	for (size_t i = 0; i < count; i++)
		if (is_runtime(&ranges[i]))
			tables += TABLES_FOR_EACH_RANGE;
	return frames > RUNTIME_FRAMES_MAX ? 0 : tables;
}

const char *firmware_init(const struct boot_range *ranges, size_t count, uint64_t service)
{
	bool found = false;

	if (runtime_frames(ranges, count) > RUNTIME_FRAMES_MAX)
		return "its runtime memory is more than 64 MiB";
	for (size_t i = 0; i < count; i++) {
		const struct boot_range *r = &ranges[i];

		if (!is_runtime(r))
			continue;
		if (paging_map_identity(r->paddr, r->pages << EFI_PAGE_BITS, r->type == EFI_MMIO) < 0)
			return "no memory for its page tables";
		found |= r->type == EFI_RUNTIME_CODE && service >= r->paddr &&
			 service - r->paddr < r->pages << EFI_PAGE_BITS;
	}
	if (!found)
		return "ResetSystem doesn't lie in its runtime code";
	reset_system = (reset_system_fn *)(uintptr_t)service;
	return NULL;
}

bool firmware_can(void)
{
	return reset_system;
}

void firmware_power_off(void)
{
	paging_enter_identity();
	reset_system(EFI_RESET_SHUTDOWN, 0, 0, NULL);
	paging_leave_identity();
}
