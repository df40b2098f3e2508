/* The page tables that the kernel starts with, made in one run of memory. No EFI in here: unit tests run it on the
 * host.
 *
 * Four levels (SDM volume 3, 4.5). The direct map covers what the firmware's map calls memory, rounded outwards to
 * 2 MiB, in 1 GiB pages where a range covers one whole and the CPU has them. Addresses from TABLES_PADDR_LIMIT on
 * aren't mapped: that bounds what a firmware that lies can cost.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/boot_info.h"

#define TABLES_PADDR_LIMIT (4ull << 40)

struct tables {
	uint64_t *memory; /* where the run can be written ... */
	uint64_t paddr;	  /* ... and its physical address, which is also that of the top table */
	size_t frames;	  /* how many 4 KiB tables it has room for */
	size_t used;
	bool nx;	/* the CPU has no-execute pages: leave the bit out otherwise, it would fault */
	bool gib_pages; /* the CPU has 1 GiB pages */
};

/* How many frames are enough for the direct map of these ranges, a kernel of kernel_bytes and one page elsewhere. */
size_t tables_frames(const struct boot_range *ranges, size_t count, uint64_t kernel_bytes);

/* Empties the run and makes the top table. memory, paddr, frames, nx and gib_pages are set by the caller. */
void tables_init(struct tables *t);

/* Each returns false when the run is full. */
bool tables_direct_map(struct tables *t, const struct boot_range *ranges, size_t count);

/* Maps bytes (rounded up to 4 KiB) at vaddr to paddr, both page-aligned, in 4 KiB pages, readable; rights: TABLES_*. */
#define TABLES_WRITE   1u
#define TABLES_EXECUTE 2u
bool tables_map(struct tables *t, uint64_t vaddr, uint64_t paddr, uint64_t bytes, unsigned rights);
