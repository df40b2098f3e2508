/* Maps device registers for drivers, but never over memory: where they lie is what the device says.
 */
#include "port/driver_port.h"

#include "lib/bits.h"

#define DIRECT_MAP_BYTES (PAGING_MMIO_BASE - DIRECT_MAP_BASE) /* other things are mapped behind it */

extern const char __kernel_start[], __kernel_end[];

/* Whether the direct map or the kernel image has a page of these. */
static bool is_memory(paddr_t paddr, size_t bytes)
{
	const paddr_t start = align_down(paddr, FRAME_SIZE), last = paddr + (bytes - 1);
	paddr_t there;

	if (start < DIRECT_MAP_BYTES && paging_any((uint64_t)(uintptr_t)phys_to_virt(start), last - start + 1))
		return true;
	for (uint64_t va = (uint64_t)(uintptr_t)__kernel_start; va < (uint64_t)(uintptr_t)__kernel_end;
	     va += FRAME_SIZE)
		if (paging_lookup(va, &there, NULL) && there >= start && there <= last)
			return true;
	return false;
}

volatile void *driver_port_map(paddr_t paddr, size_t bytes)
{
	const paddr_t limit = paging_paddr_limit();

	if (bytes == 0 || paddr >= limit || bytes > limit - paddr || is_memory(paddr, bytes))
		return NULL;
	return mmio_map(paddr, bytes);
}
