/* PVH's start info: what a hypervisor or its firmware hands to a kernel that it starts without EFI. Pure: physical
 * memory comes through a function, complaints go to another; unit tests and a fuzz target run it on the host.
 *
 * The format is Xen's (xen/include/public/arch-x86/hvm/start_info.h). Every byte of it is untrusted: with what nobody
 * could start from, no memory map say, reading ends in an error; what else can't be is told and passed over.
 *
 * The memory map's types are E820's (ACPI specification 6.4, table 15.4) and become those of struct boot_range, EFI's.
 * Memory below 1 MiB becomes the loader's, not conventional: there lies what was handed over, whatever the map says,
 * so nothing is put there before it has been read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "boot/boot_info.h"

#define PVH_MAGIC	0x336ec578u
#define PVH_CMDLINE_MAX 65536u /* bytes within which a command line must end */
#define PVH_MODULES_MAX 64u    /* so many are looked at */
#define PVH_SCRIPT_NAME "script"

/* Makes bytes of physical memory readable, at most 64 KiB at once; NULL: out of reach. What it returned stays valid
 * until the next call. */
typedef const void *pvh_map_fn(uint64_t paddr, uint64_t bytes);
typedef void pvh_say_fn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct pvh_reader {
	pvh_map_fn *map;
	pvh_say_fn *say;
	struct boot_range *ranges; /* room for ranges_max; what is found is in the order of the map */
	uint32_t ranges_max;
};

/* Why the machine can't be started, to be printed as "WHAT is 0xVALUE, RULE". */
struct pvh_error {
	const char *what;
	uint64_t value;
	const char *rule;
};

/* Reads the start info at info->start_info and fills in range_count (of the reader's ranges), rsdp, cmdline_file and
 * script_file; kernel_paddr and kernel_bytes are set. Of the modules the first one counts that lies in memory and whose
 * own command line is PVH_SCRIPT_NAME, or else the first one that does. Where the start info names no RSDP it is looked
 * for where a PC has it (ACPI specification 6.4, section 5.2.5.1). Returns true, or false with *error set. */
bool pvh_start_info(const struct pvh_reader *r, struct boot_info *info, struct pvh_error *error);
