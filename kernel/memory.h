/* Where all the memory went: from the firmware's map to the allocator, and totals for the `mem` command.
 */
#pragma once

#include "lib/types.h"

struct boot_info;

/* All in bytes. ram == managed + firmware + kernel + tables + metadata + lost. */
struct memory_totals {
	uint64_t ram;	   /* everything the map calls memory, what firmware keeps included, device windows not */
	uint64_t managed;  /* given to the allocator */
	uint64_t firmware; /* kept by the firmware: runtime services, ACPI NVS, reserved RAM */
	uint64_t kernel;   /* the kernel image, bss included */
	uint64_t tables;   /* page tables made at boot; later ones are allocated from the managed memory */
	uint64_t metadata; /* the allocator's own */
	uint64_t lost;	   /* page 0, parts of pages, what lies beyond the allocator's or the CPU's reach */
};
void memory_totals(struct memory_totals *out);
