/* kernel.elf as the loader finds it on its volume: boot/elf.c reads the input as the file.
 *
 * Checked: what is accepted can be loaded. Every segment's contents lie in the file, its addresses in the kernel's
 * window, no two segments share a page, none is writable and executable, and the entry is code.
 */
#include <stdlib.h>

#include "boot/boot_info.h"
#include "boot/elf.h"
#include "tests/fuzz/fuzz.h"

#define PAGE	   4096u
#define WINDOW_END (KERNEL_VBASE + (1ull << 30))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct elf_image image;
	struct elf_error error = {0};
	uint64_t last = KERNEL_VBASE;
	bool entry = false;
	volatile uint8_t seen = 0;
	char *file = malloc(bytes);

	/* A copy, so that its alignment is malloc's and its end is watched. */
	if (bytes)
		memcpy(file, data, bytes);
	if (!elf_check(file, bytes, &image, &error)) {
		FUZZ_CHECK(error.field && fuzz_printable(error.field));
		FUZZ_CHECK(error.rule && fuzz_printable(error.rule));
		free(file);
		return 0;
	}
	FUZZ_CHECK(image.segment_count >= 1 && image.segment_count <= ELF_SEGMENTS_MAX);
	FUZZ_CHECK(image.start == image.segments[0].vaddr);
	for (unsigned i = 0; i < image.segment_count; i++) {
		const struct elf_segment *s = &image.segments[i];

		FUZZ_CHECK(s->vaddr % PAGE == 0 && s->vaddr >= last);
		FUZZ_CHECK(s->mem_bytes != 0 && s->mem_bytes <= WINDOW_END - s->vaddr);
		FUZZ_CHECK(s->file_bytes <= s->mem_bytes);
		FUZZ_CHECK(s->file_offset <= bytes && s->file_bytes <= bytes - s->file_offset);
		FUZZ_CHECK(!(s->write && s->execute));
		if (s->file_bytes)
			seen = (uint8_t)(file[s->file_offset] ^ file[s->file_offset + s->file_bytes - 1]);
		entry |= s->execute && image.entry >= s->vaddr && image.entry < s->vaddr + s->file_bytes;
		last = (s->vaddr + s->mem_bytes + PAGE - 1) / PAGE * PAGE;
	}
	(void)seen;
	FUZZ_CHECK(image.end == last);
	FUZZ_CHECK(entry);
	free(file);
	return 0;
}
