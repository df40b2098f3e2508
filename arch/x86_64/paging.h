/* Page tables: the kernel's own address space, and device registers mapped into it on demand.
 *
 *   0                     never mapped: the null page, and the whole lower half (but for a call of the firmware's)
 *   DIRECT_MAP_BASE       RAM, writable, never executable; without the kernel image and page 0
 *   PAGING_MMIO_BASE      device registers, uncached, never executable
 *   PAGING_STACKS_BASE    thread stacks, with unmapped space below each
 *   PAGING_HEAP_BASE      what malloc draws on
 *   KERNEL_VBASE          the kernel image, each section with its own rights (W^X)
 *
 * Locks: none. Called by the boot CPU at boot and by threads, which switch only where they ask to; not by interrupt
 * handlers.
 */
#pragma once

#include "boot/boot_info.h"
#include "lib/types.h"

#define PAGING_MMIO_BASE   0xffffc00000000000ull
#define PAGING_STACKS_BASE 0xffffc80000000000ull
#define PAGING_HEAP_BASE   0xffffd00000000000ull

#define PAGING_WRITE  0x1u
#define PAGING_EXEC   0x2u
#define PAGING_DEVICE 0x4u /* uncached */

static inline void *phys_to_virt(paddr_t paddr)
{
	return (void *)(uintptr_t)(DIRECT_MAP_BASE + paddr);
}

/* Where page tables come from: returns a frame that the direct map covers (contents don't matter), or 0 for none. */
typedef paddr_t paging_alloc_fn(void);
void paging_set_alloc(paging_alloc_fn *alloc);

/* One frame from there, for whatever is mapped by paging_map. */
paddr_t paging_alloc_frame(void);

/* Starts a new, empty address space, filled by paging_map and not in use yet. Returns 0, or -1: no memory. */
int paging_begin(void);

/* Makes it the one in use, and switches on what protects it: CR0.WP, NX, SMEP, SMAP, UMIP, where the CPU has them. */
void paging_activate(void);

/* Maps bytes at va to paddr, all three multiples of 4 KiB, in the largest pages that fit. flags: PAGING_*. What lies
 * there must not be mapped already. Returns 0, or -1: no memory for a table (a part may then be mapped). */
int paging_map(uint64_t va, paddr_t paddr, uint64_t bytes, unsigned flags);

/* Removes one 4 KiB page, from the TLB too. Returns the frame, or 0 when there was none. */
paddr_t paging_unmap(uint64_t va);

/* The address that va translates to; false: not mapped. flags gets PAGING_* (may be NULL). */
bool paging_lookup(uint64_t va, paddr_t *paddr, unsigned *flags);

/* Whether anything is mapped in that run, which doesn't reach the end of the address space. Quick where nothing is. */
bool paging_any(uint64_t va, uint64_t bytes);

/* A second address space, for calling the firmware: the same upper half, and in the lower one memory where it lies,
 * readable, writable and executable, for as much as was mapped so. What is mapped twice stays as it was first. Returns
 * as paging_map does. */
int paging_map_identity(paddr_t paddr, uint64_t bytes, bool device);

/* Moves to that address space, and back. */
void paging_enter_identity(void);
void paging_leave_identity(void);

/* An upper bound of the tables that mapping one run of that length takes, in frames. */
uint64_t paging_tables_bound(uint64_t bytes);

/* The first address that this CPU's physical addresses can't reach (CPUID 8000_0008). */
paddr_t paging_paddr_limit(void);

/* Registers of a device at paddr, any alignment, uncached; the same ones are mapped once. NULL: out of the CPU's reach,
 * empty, wraps round, or no memory for a table. Never unmapped. */
void *mmio_map(paddr_t paddr, size_t bytes);
