/* Checks kernel.elf: see elf.h. Field names are those of the ELF-64 object file format. */

#include "boot/elf.h"

#include "boot/boot_info.h"

#define PAGE	      4096ull
#define KERNEL_WINDOW (1ull << 30) /* what may be mapped from KERNEL_VBASE on */

enum { PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3, PT_TLS = 7 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };

struct elf_header {
	uint8_t e_ident[16];
	uint16_t e_type;
	uint16_t e_machine;
	uint32_t e_version;
	uint64_t e_entry;
	uint64_t e_phoff;
	uint64_t e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize;
	uint16_t e_phentsize;
	uint16_t e_phnum;
	uint16_t e_shentsize;
	uint16_t e_shnum;
	uint16_t e_shstrndx;
};

struct program_header {
	uint32_t p_type;
	uint32_t p_flags;
	uint64_t p_offset;
	uint64_t p_vaddr;
	uint64_t p_paddr;
	uint64_t p_filesz;
	uint64_t p_memsz;
	uint64_t p_align;
};

_Static_assert(sizeof(struct elf_header) == 64, "the format's size");
_Static_assert(sizeof(struct program_header) == 56, "the format's size");

static bool refuse(struct elf_error *error, int header, const char *field, uint64_t value, const char *rule)
{
	*error = (struct elf_error){.header = header, .field = field, .value = value, .rule = rule};
	return false;
}

static bool check_header(const struct elf_header *h, size_t bytes, struct elf_error *error)
{
	uint32_t magic;
	__builtin_memcpy(&magic, h->e_ident, sizeof(magic));
	if (magic != 0x464c457f)
		return refuse(error, -1, "the magic number", magic, "0x464c457f (ELF) is needed");
	if (h->e_ident[4] != 2)
		return refuse(error, -1, "EI_CLASS", h->e_ident[4], "0x2 (64 bits) is needed");
	if (h->e_ident[5] != 1)
		return refuse(error, -1, "EI_DATA", h->e_ident[5], "0x1 (little-endian) is needed");
	if (h->e_ident[6] != 1)
		return refuse(error, -1, "EI_VERSION", h->e_ident[6], "0x1 is needed");
	if (h->e_type != 2)
		return refuse(error, -1, "e_type", h->e_type, "0x2 (executable) is needed");
	if (h->e_machine != 0x3e)
		return refuse(error, -1, "e_machine", h->e_machine, "0x3e (x86-64) is needed");
	if (h->e_version != 1)
		return refuse(error, -1, "e_version", h->e_version, "0x1 is needed");
	if (h->e_phentsize != sizeof(struct program_header))
		return refuse(error, -1, "e_phentsize", h->e_phentsize, "0x38 is needed");
	if (h->e_phnum == 0)
		return refuse(error, -1, "e_phnum", 0, "there must be a program header");
	if (h->e_phoff > bytes || (uint64_t)h->e_phnum * sizeof(struct program_header) > bytes - h->e_phoff)
		return refuse(error, -1, "e_phoff", h->e_phoff, "the program headers must lie within the file");
	return true;
}

static bool check_segment(const struct program_header *p, int n, size_t bytes, struct elf_error *error)
{
	if (p->p_offset > bytes || p->p_filesz > bytes - p->p_offset)
		return refuse(error, n, "p_offset", p->p_offset, "the segment must lie within the file");
	if (p->p_filesz > p->p_memsz)
		return refuse(error, n, "p_filesz", p->p_filesz, "it must not be more than p_memsz");
	if (p->p_vaddr < KERNEL_VBASE || p->p_vaddr - KERNEL_VBASE >= KERNEL_WINDOW)
		return refuse(error, n, "p_vaddr", p->p_vaddr,
			      "0xffffffff80000000 to 0xffffffffbfffffff is the kernel's place");
	if (p->p_memsz > KERNEL_WINDOW - (p->p_vaddr - KERNEL_VBASE))
		return refuse(error, n, "p_memsz", p->p_memsz, "the segment must end by 0xffffffffc0000000");
	if (p->p_vaddr % PAGE != 0)
		return refuse(error, n, "p_vaddr", p->p_vaddr, "a multiple of 0x1000 is needed");
	if (p->p_align & (p->p_align - 1))
		return refuse(error, n, "p_align", p->p_align, "a power of two is needed");
	if (p->p_align > 1 && (p->p_vaddr - p->p_offset) % p->p_align != 0)
		return refuse(error, n, "p_offset", p->p_offset, "it must equal p_vaddr modulo p_align");
	if (p->p_flags & ~(uint32_t)(PF_R | PF_W | PF_X) || !(p->p_flags & PF_R))
		return refuse(error, n, "p_flags", p->p_flags, "0x4 (read), 0x5 (execute) or 0x6 (write) is needed");
	if ((p->p_flags & PF_W) && (p->p_flags & PF_X))
		return refuse(error, n, "p_flags", p->p_flags, "no segment may be both writable and executable");
	return true;
}

static uint64_t end_page(const struct elf_segment *s)
{
	return (s->vaddr + s->mem_bytes + PAGE - 1) & ~(PAGE - 1);
}

/* Puts the segment in its place by address; refuses one that shares a page with another. */
static bool insert(struct elf_image *image, const struct elf_segment *s, int n, struct elf_error *error)
{
	if (image->segment_count == ELF_SEGMENTS_MAX)
		return refuse(error, n, "p_type", PT_LOAD, "there may be 8 loadable segments at most");

	unsigned at = image->segment_count;
	while (at > 0 && image->segments[at - 1].vaddr > s->vaddr)
		at--;
	if ((at > 0 && end_page(&image->segments[at - 1]) > s->vaddr) ||
	    (at < image->segment_count && end_page(s) > image->segments[at].vaddr))
		return refuse(error, n, "p_vaddr", s->vaddr, "the segment overlaps another one, or shares a page");

	for (unsigned i = image->segment_count; i > at; i--)
		image->segments[i] = image->segments[i - 1];
	image->segments[at] = *s;
	image->segment_count++;
	return true;
}

/* Code that the file doesn't hold would be zeroes, so the entry must lie in what it does hold. */
static bool entry_is_code(const struct elf_image *image)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segments[i];
		if (s->execute && image->entry >= s->vaddr && image->entry - s->vaddr < s->file_bytes)
			return true;
	}
	return false;
}

bool elf_check(const void *file, size_t bytes, struct elf_image *image, struct elf_error *error)
{
	struct elf_header h;
	if (bytes < sizeof(h))
		return refuse(error, -1, "the file's size", bytes, "an ELF header takes 0x40 bytes");
	__builtin_memcpy(&h, file, sizeof(h));
	if (!check_header(&h, bytes, error))
		return false;

	image->entry = h.e_entry;
	image->segment_count = 0;
	for (int n = 0; n < h.e_phnum; n++) {
		struct program_header p;
		__builtin_memcpy(&p, (const char *)file + h.e_phoff + (size_t)n * sizeof(p), sizeof(p));
		if (p.p_type == PT_DYNAMIC || p.p_type == PT_INTERP || p.p_type == PT_TLS)
			return refuse(error, n, "p_type", p.p_type, "a static executable without TLS is needed");
		if (p.p_type != PT_LOAD || p.p_memsz == 0)
			continue;
		if (!check_segment(&p, n, bytes, error))
			return false;
		struct elf_segment s = {.vaddr = p.p_vaddr,
					.mem_bytes = p.p_memsz,
					.file_offset = p.p_offset,
					.file_bytes = p.p_filesz,
					.write = p.p_flags & PF_W,
					.execute = p.p_flags & PF_X};
		if (!insert(image, &s, n, error))
			return false;
	}
	if (!entry_is_code(image))
		return refuse(error, -1, "e_entry", h.e_entry, "it must lie in an executable segment's contents");

	image->start = image->segments[0].vaddr;
	image->end = end_page(&image->segments[image->segment_count - 1]);
	return true;
}
