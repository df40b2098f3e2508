/* Where all the memory went: from the firmware's map to the allocator, and totals for the `mem` command.
 */
#pragma once

#include "lib/types.h"

struct boot_info;

/* Cleans the firmware's map and moves to page tables of our own: what is in the firmware's and the loader's memory can
 * still be read through the direct map. The frames of the boot volume's script, or of PVH's module, are kept for good.
 * Panics when there is no room for page tables. */
void memory_map(const struct boot_info *info);

/* Gives all memory that isn't needed to mm_system, the firmware's boot-time memory, the loader's and ACPI's tables
 * among it: nothing may point there any more. Reads the boot.* knobs. Panics, with what is needed and what there is,
 * when it is too little. */
void memory_start(void);

/* All in bytes. ram == managed + firmware + kernel + tables + metadata + lost. */
struct memory_totals {
	uint64_t ram;	   /* everything the map calls memory, what firmware keeps included, device windows not */
	uint64_t managed;  /* given to the allocator */
	uint64_t firmware; /* kept by the firmware: runtime services, ACPI NVS, reserved RAM */
	uint64_t kernel;   /* the kernel image, bss included, and a script from the boot volume */
	uint64_t tables;   /* page tables made at boot; later ones are allocated from the managed memory */
	uint64_t metadata; /* the allocator's own */
	uint64_t lost;	   /* page 0, parts of pages, what lies beyond the allocator's or the CPU's reach */
};
void memory_totals(struct memory_totals *out);

/* How many of the frames first <= pfn < end are RAM, whoever has them; and the first frame behind all RAM that isn't
 * the firmware's. */
uint64_t memory_ram_frames(pfn_t first, pfn_t end);
pfn_t memory_ram_end(void);
