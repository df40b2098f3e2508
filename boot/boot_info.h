/* What the loader hands to the kernel: the only header that both read.
 *
 * By EFI the loader fills it in memory of its own (EfiLoaderData). By PVH there is no loader: the kernel's entry makes
 * page tables and says where the start info lies, and the kernel fills in the rest from that (boot/pvh/start_info.h)
 * once it has a console. The kernel copies what it wants to keep before it gives loader memory to the allocator. All
 * addresses are physical. Every value in it comes from firmware and is untrusted.
 */
#pragma once

#include <stdint.h>

#define BOOT_INFO_MAGIC	  0x3074686775306e21ull
#define BOOT_INFO_VERSION 3u

/* Where the loader maps things; linker.ld links the kernel at KERNEL_VBASE + its physical offset.
 *   DIRECT_MAP_BASE  all memory in the EFI map below reach, by PVH all addresses below it: readable and writable, never
 *                    executable
 *   KERNEL_VBASE     the kernel image, 4 KiB pages, each segment with its own rights (W^X)
 * The identity map that the loader needs to switch page tables is the kernel's to remove. */
#define DIRECT_MAP_BASE 0xffff800000000000ull
#define KERNEL_VBASE	0xffffffff80000000ull

/* One run of the memory map as the firmware gave it: unsorted, perhaps overlapping, perhaps empty. type is EFI's
 * (UEFI specification 2.10, section 7.2.3, "Memory type"): 1, 2 loader; 3, 4 boot services; 7 conventional ... */
struct boot_range {
	uint64_t paddr;
	uint64_t pages; /* of 4 KiB, any value */
	uint32_t type;
	uint32_t pad;
	uint64_t attributes;
};

/* A file of the boot volume, read into pages of its own; or by PVH a text, anywhere in memory. */
struct boot_file {
	uint64_t paddr; /* 0: there is none, or it isn't there to be read */
	uint64_t bytes; /* without paddr: its size when that is too much, BOOT_FILE_UNREADABLE, or 0: there is none */
};

#define BOOT_FILE_UNREADABLE (~0ull)
#define BOOT_CMDLINE_PATH    "\\nought\\cmdline.txt"
#define BOOT_SCRIPT_PATH     "\\nought\\script.txt"
#define BOOT_FILE_MAX	     (1u << 20) /* bytes; the limit of either file */
#define BOOT_CMDLINE_MAX     4095u	/* characters of a command line that are read */

/* Why EFI load options aren't a command line. */
enum boot_options_fault {
	BOOT_OPTIONS_SOUND,
	BOOT_OPTIONS_LONG, /* more than BOOT_CMDLINE_MAX characters: so many */
	BOOT_OPTIONS_CHAR, /* this UTF-16 unit isn't printable ASCII */
};

/* How the kernel was started. */
enum boot_way { BOOT_BY_EFI, BOOT_BY_PVH };

struct boot_info {
	uint64_t magic;
	uint32_t version;
	uint32_t way;	     /* enum boot_way */
	uint64_t start_info; /* PVH's */
	uint64_t entry_tsc;  /* TSC when the loader started: where the kernel's clock is 0 */
	uint64_t ranges;     /* struct boot_range[range_count] */
	uint64_t range_count;
	uint64_t reach; /* memory from here on isn't in the direct map */
	uint64_t rsdp;	/* 0 where the firmware has none */
	/* The firmware's runtime service, to be called with its memory mapped as it lies; 0 by PVH. */
	uint64_t reset_system;
	uint64_t cmdline;	       /* NUL-terminated ASCII from the EFI load options, or 0 */
	uint32_t options_fault;	       /* enum boot_options_fault: they were dropped, for that reason */
	uint32_t options_value;	       /* ... and which value it was */
	struct boot_file cmdline_file; /* by PVH the start info's */
	struct boot_file script_file;  /* by PVH a module */
	uint64_t kernel_paddr;	       /* where the image lies, contiguous from linker.ld's __kernel_start ... */
	uint64_t kernel_bytes;	       /* ... to its last segment's end, bss included */
	/* The loader's page tables: one run, in use until the kernel has its own. By PVH this struct and the ranges lie
	 * in it as well. */
	uint64_t tables_paddr;
	uint64_t tables_bytes;
};
