/* Device registers, mapped where asked for.
 *
 * Addresses are given out upwards and never taken back. What is mapped is remembered, so that a driver which asks again
 * gets the same address.
 */
#include "arch/x86_64/paging.h"
#include "lib/bits.h"

#define MMIO_END PAGING_STACKS_BASE

static struct {
	paddr_t start;
	paddr_t end;
	uint64_t va;
} mappings[64];

static unsigned mapping_count;
static uint64_t next_va = PAGING_MMIO_BASE;

void *mmio_map(paddr_t paddr, size_t bytes)
{
	paddr_t limit = paging_paddr_limit();

	if (bytes == 0 || paddr >= limit || bytes > limit - paddr)
		return NULL;
	for (unsigned i = 0; i < mapping_count; i++)
		if (mappings[i].start <= paddr && paddr + bytes <= mappings[i].end)
			return (void *)(uintptr_t)(mappings[i].va + (paddr - mappings[i].start));

	paddr_t start = align_down(paddr, FRAME_SIZE);
	paddr_t end = align_up(paddr + bytes, FRAME_SIZE);
	/* As far from a 1 GiB boundary as paddr is, so that a large window (ECAM's 256 MiB) gets large pages. */
	uint64_t va = align_up(next_va, GIB) + start % GIB;
	if (end - start < 2 * MIB)
		va = next_va;
	if (end - start > MMIO_END - va || paging_map(va, start, end - start, PAGING_WRITE | PAGING_DEVICE) < 0)
		return NULL;
	next_va = va + (end - start) + FRAME_SIZE; /* a hole, so that running over the end faults */
	if (mapping_count < ARRAY_LEN(mappings)) {
		mappings[mapping_count].start = start;
		mappings[mapping_count].end = end;
		mappings[mapping_count].va = va;
		mapping_count++;
	}
	return (void *)(uintptr_t)(va + (paddr - start));
}
