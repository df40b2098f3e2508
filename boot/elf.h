/* Checks kernel.elf before a byte of it is used. No EFI in here: unit tests run it on the host.
 *
 * Accepted is what linker.ld makes: a static x86-64 executable of a few page-aligned segments in the top 2 GiB, each
 * readable, none both writable and executable, no two on one page. The file is untrusted: whatever it holds, nothing
 * outside of it is read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 8

struct elf_segment {
	uint64_t vaddr;	      /* a multiple of 4 KiB */
	uint64_t mem_bytes;   /* of memory, more than 0; what the file doesn't fill is zero */
	uint64_t file_offset; /* where its contents start in the file */
	uint64_t file_bytes;  /* at most mem_bytes */
	bool write;
	bool execute;
};

struct elf_image {
	uint64_t entry; /* lies in a segment that may be executed */
	uint64_t start; /* first address, and first one after the last page */
	uint64_t end;
	unsigned segment_count;
	struct elf_segment segments[ELF_SEGMENTS_MAX]; /* by rising address */
};

/* What is wrong, to be printed as "[program header N: ]FIELD is 0xVALUE, RULE". */
struct elf_error {
	int header; /* -1: it isn't about a program header */
	const char *field;
	uint64_t value;
	const char *rule;
};

/* Reads the headers of a whole file of the given size. Returns true with *image set, or false with *error set. */
bool elf_check(const void *file, size_t bytes, struct elf_image *image, struct elf_error *error);
