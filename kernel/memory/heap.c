/* What newlib's malloc draws on: a run of addresses that grows and shrinks at its end, frame by frame. */
#include <errno.h>
#include <stddef.h>

#include "arch/x86_64/paging.h"
#include "lib/bits.h"
#include "lib/table.h"
#include "mm/mm.h"

#define HEAP_MAX (256 * MIB)

void *sbrk(ptrdiff_t change);

static uint64_t heap_bytes;  /* (K) given to malloc */
static uint64_t heap_mapped; /* (K, A) of them, or a little more: whole frames */
STAT(heap_mapped, "heap.mapped_bytes", "bytes", "taken from the allocator for malloc", &heap_mapped);

/* Gives back what lies above heap_bytes. */
static void shrink(void)
{
	while (heap_mapped >= heap_bytes + FRAME_SIZE) {
		heap_mapped -= FRAME_SIZE;
		mm_free(&mm_system, paddr_to_pfn(paging_unmap(PAGING_HEAP_BASE + heap_mapped)), 0);
	}
}

void *sbrk(ptrdiff_t change)
{
	uint64_t old = heap_bytes;

	if (change < 0 ? (uint64_t)-change > heap_bytes : (uint64_t)change > HEAP_MAX - heap_bytes)
		goto none;
	heap_bytes += (uint64_t)change;
	while (heap_mapped < heap_bytes) {
		pfn_t pfn = mm_alloc(&mm_system, 0, MM_ANY);

		if (pfn != MM_PFN_NONE &&
		    paging_map(PAGING_HEAP_BASE + heap_mapped, pfn_to_paddr(pfn), FRAME_SIZE, PAGING_WRITE) == 0) {
			heap_mapped += FRAME_SIZE;
			continue;
		}
		if (pfn != MM_PFN_NONE)
			mm_free(&mm_system, pfn, 0);
		heap_bytes = old;
		shrink();
		goto none;
	}
	shrink();
	return (void *)(uintptr_t)(PAGING_HEAP_BASE + old);
none:
	errno = ENOMEM;
	return (void *)-1;
}
