/* The loader's check of kernel.elf: what linker.ld makes is accepted, every way to be wrong is named, and no bytes
 * make it read outside of the file (the sanitizers see that). */

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot_info.h"
#include "boot/elf.h"
#include "tests/unit/test.h"

#define TEXT (KERNEL_VBASE + 0x200000)

/* A file such as ours: three segments, and room for more headers. */
struct file {
	Elf64_Ehdr h;
	Elf64_Phdr p[12];
	unsigned char contents[0x3000];
};

static Elf64_Phdr segment(uint64_t vaddr, uint64_t offset, uint64_t file_bytes, uint64_t mem_bytes, uint32_t flags)
{
	return (Elf64_Phdr){.p_type = PT_LOAD,
			    .p_flags = flags,
			    .p_offset = offset,
			    .p_vaddr = vaddr,
			    .p_paddr = vaddr,
			    .p_filesz = file_bytes,
			    .p_memsz = mem_bytes,
			    .p_align = 0x1000};
}

static void good(struct file *f)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->h.e_ident, "\177ELF\2\1\1", 7);
	f->h.e_type = ET_EXEC;
	f->h.e_machine = EM_X86_64;
	f->h.e_version = 1;
	f->h.e_entry = TEXT + 0x10;
	f->h.e_phoff = sizeof(f->h);
	f->h.e_ehsize = sizeof(f->h);
	f->h.e_phentsize = sizeof(f->p[0]);
	f->h.e_phnum = 3;
	f->p[0] = segment(TEXT, 0x1000, 0x800, 0x800, PF_R | PF_X);
	f->p[1] = segment(TEXT + 0x1000, 0x2000, 0x100, 0x100, PF_R);
	f->p[2] = segment(TEXT + 0x2000, 0x3000, 0x80, 0x5000, PF_R | PF_W);
}

/* The file in memory of just its size, so that a read behind it is caught. */
static bool check(const struct file *f, size_t bytes, struct elf_image *image, struct elf_error *error)
{
	void *copy = malloc(bytes);
	memcpy(copy, f, bytes);
	bool ok = elf_check(copy, bytes, image, error);
	free(copy);
	return ok;
}

#define CHECK_REFUSED(f, header_, field_, value_)                                \
	do {                                                                     \
		struct elf_image refused_image;                                  \
		struct elf_error refused = {0};                                  \
		CHECK(!check(f, sizeof(struct file), &refused_image, &refused)); \
		CHECK_EQ((uint64_t)refused.header, (uint64_t)(header_));         \
		CHECK_STR(refused.field, field_);                                \
		CHECK_EQ(refused.value, value_);                                 \
	} while (0)

TEST(elf, accepts_three_segments_in_any_order)
{
	static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (unsigned o = 0; o < ARRAY_LEN(orders); o++) {
		struct file f, sorted;
		struct elf_image image;
		struct elf_error error;
		good(&sorted);
		f = sorted;
		for (unsigned i = 0; i < 3; i++)
			f.p[i] = sorted.p[orders[o][i]];
		CHECK(check(&f, sizeof(f), &image, &error));
		CHECK_EQ(image.entry, TEXT + 0x10);
		CHECK_EQ(image.start, TEXT);
		CHECK_EQ(image.end, TEXT + 0x7000);
		CHECK_EQ(image.segment_count, 3);
		CHECK(image.segments[0].execute && !image.segments[0].write);
		CHECK(!image.segments[1].execute && !image.segments[1].write);
		CHECK(!image.segments[2].execute && image.segments[2].write);
		CHECK_EQ(image.segments[2].file_offset, 0x3000);
		CHECK_EQ(image.segments[2].file_bytes, 0x80);
		CHECK_EQ(image.segments[2].mem_bytes, 0x5000);
	}
}

TEST(elf, ignores_what_takes_no_memory)
{
	struct file f;
	struct elf_image image;
	struct elf_error error;
	good(&f);
	f.p[3] = segment(0, 0, 0, 0, 0);
	f.p[4] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = 7};
	f.p[5] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = ~0ull, .p_filesz = ~0ull};
	f.h.e_phnum = 6;
	CHECK(check(&f, sizeof(f), &image, &error));
	CHECK_EQ(image.segment_count, 3);
}

TEST(elf, names_a_bad_header_field)
{
	struct file f;
#define BAD(field_, value_, name)                    \
	do {                                         \
		good(&f);                            \
		f.h.field_ = (value_);               \
		CHECK_REFUSED(&f, -1, name, value_); \
	} while (0)
	BAD(e_ident[EI_CLASS], 1, "EI_CLASS");
	BAD(e_ident[EI_DATA], 2, "EI_DATA");
	BAD(e_ident[EI_VERSION], 0, "EI_VERSION");
	BAD(e_type, ET_DYN, "e_type");
	BAD(e_machine, EM_AARCH64, "e_machine");
	BAD(e_version, 7, "e_version");
	BAD(e_phentsize, 32, "e_phentsize");
	BAD(e_phnum, 0, "e_phnum");
	BAD(e_phoff, sizeof(f), "e_phoff");
	BAD(e_phoff, ~0ull, "e_phoff");
	BAD(e_phoff, sizeof(f) - 3 * sizeof(f.p[0]) + 1, "e_phoff");
	BAD(e_entry, TEXT - 1, "e_entry");
	BAD(e_entry, TEXT + 0x800, "e_entry");
	BAD(e_entry, TEXT + 0x1000, "e_entry");
	BAD(e_entry, 0, "e_entry");
#undef BAD
	good(&f);
	f.h.e_ident[0] = 'M';
	CHECK_REFUSED(&f, -1, "the magic number", 0x464c454d);
}

TEST(elf, names_a_bad_segment)
{
	struct file f;
#define BAD(n, field_, value_, name)                \
	do {                                        \
		good(&f);                           \
		f.p[n].field_ = (value_);           \
		CHECK_REFUSED(&f, n, name, value_); \
	} while (0)
	BAD(0, p_offset, sizeof(f) + 1, "p_offset");
	BAD(0, p_offset, ~0ull, "p_offset");
	BAD(0, p_offset, 0x1001, "p_offset"); /* not p_vaddr modulo p_align */
	BAD(0, p_memsz, 0x7ffffffffffff000ull, "p_memsz");
	BAD(0, p_memsz, 0x40000000 - 0x200000 + 1, "p_memsz");
	BAD(0, p_vaddr, TEXT + 8, "p_vaddr");
	BAD(0, p_vaddr, 0, "p_vaddr");
	BAD(0, p_vaddr, 0x200000, "p_vaddr");
	BAD(0, p_vaddr, KERNEL_VBASE - 0x1000, "p_vaddr");
	BAD(0, p_vaddr, KERNEL_VBASE + 0x40000000, "p_vaddr");
	BAD(0, p_vaddr, ~0xfffull, "p_vaddr");
	BAD(0, p_align, 0x3000, "p_align");
	BAD(0, p_flags, PF_R | PF_W | PF_X, "p_flags");
	BAD(0, p_flags, PF_X, "p_flags");
	BAD(0, p_flags, PF_R | 8, "p_flags");
	BAD(1, p_type, PT_INTERP, "p_type");
	BAD(1, p_type, PT_DYNAMIC, "p_type");
	BAD(1, p_type, PT_TLS, "p_type");
	BAD(2, p_vaddr, TEXT, "p_vaddr");	   /* the same page */
	BAD(2, p_vaddr, TEXT - 0x4000, "p_vaddr"); /* its end overlaps */
#undef BAD
	good(&f);
	f.p[1].p_vaddr = TEXT + 0x6000; /* within the last one, found when that comes */
	CHECK_REFUSED(&f, 2, "p_vaddr", TEXT + 0x2000);
}

TEST(elf, names_a_segment_larger_in_the_file_than_in_memory)
{
	struct file f;
	good(&f);
	f.p[1].p_filesz = 0x101;
	CHECK_REFUSED(&f, 1, "p_filesz", 0x101);
	good(&f);
	f.p[2].p_filesz = sizeof(f) - 0x3000 + 1;
	CHECK_REFUSED(&f, 2, "p_offset", 0x3000);
}

TEST(elf, refuses_more_segments_than_it_has_room_for)
{
	struct file f;
	good(&f);
	for (unsigned i = 0; i < ELF_SEGMENTS_MAX - 3; i++)
		f.p[3 + i] = segment(TEXT + 0x10000 + 0x1000 * i, 0x1000, 1, 1, PF_R);
	f.h.e_phnum = ELF_SEGMENTS_MAX;
	struct elf_image image;
	struct elf_error error;
	CHECK(check(&f, sizeof(f), &image, &error));
	CHECK_EQ(image.segment_count, ELF_SEGMENTS_MAX);

	f.p[ELF_SEGMENTS_MAX] = segment(TEXT + 0x20000, 0x1000, 1, 1, PF_R);
	f.h.e_phnum = ELF_SEGMENTS_MAX + 1;
	CHECK_REFUSED(&f, ELF_SEGMENTS_MAX, "p_type", PT_LOAD);
}

TEST(elf, a_file_cut_anywhere_is_refused_or_whole)
{
	struct file f;
	struct elf_image image;
	struct elf_error error;
	good(&f);
	for (size_t bytes = 1; bytes < 0x3080; bytes += bytes < 0x400 ? 1 : 97)
		CHECK(!check(&f, bytes, &image, &error));
	CHECK(check(&f, 0x3080, &image, &error));
}

/* Whatever the headers hold, an image that is accepted keeps to the rules that the loader relies on. */
static void check_rules(const struct elf_image *image, size_t bytes)
{
	uint64_t end = KERNEL_VBASE;
	CHECK(image->segment_count > 0 && image->segment_count <= ELF_SEGMENTS_MAX);
	CHECK_EQ(image->start, image->segments[0].vaddr);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct elf_segment *s = &image->segments[i];
		CHECK(s->vaddr % 0x1000 == 0 && s->vaddr >= end);
		CHECK(s->mem_bytes > 0 && s->file_bytes <= s->mem_bytes);
		CHECK(s->file_offset <= bytes && s->file_bytes <= bytes - s->file_offset);
		CHECK(!(s->write && s->execute));
		end = (s->vaddr + s->mem_bytes + 0xfff) & ~0xfffull;
		CHECK(end > s->vaddr);
	}
	CHECK_EQ(image->end, end);
	CHECK(end <= KERNEL_VBASE + 0x40000000);
	CHECK(image->entry >= image->start && image->entry < image->end);
}

TEST(elf, every_value_of_every_header_byte)
{
	struct file f;
	struct elf_image image;
	struct elf_error error;
	for (size_t at = 0; at < sizeof(f.h) + 3 * sizeof(f.p[0]); at++) {
		for (unsigned value = 0; value < 256; value++) {
			good(&f);
			((unsigned char *)&f)[at] = (unsigned char)value;
			if (elf_check(&f, sizeof(f), &image, &error))
				check_rules(&image, sizeof(f));
			else
				CHECK(error.field && error.rule);
		}
	}
}

TEST(elf, random_headers)
{
	uint64_t state = test_port_seed();
	test_port_note("seed %#llx", (unsigned long long)state);
	struct file f;
	struct elf_image image;
	struct elf_error error;
	for (unsigned round = 0; round < 200000; round++) {
		good(&f);
		for (unsigned i = 0; i < 4; i++) {
			state = state * 6364136223846793005ull + 1442695040888963407ull;
			size_t at = (state >> 33) % (sizeof(f.h) + 3 * sizeof(f.p[0]));
			((unsigned char *)&f)[at] ^= (unsigned char)(state >> 25);
		}
		if (elf_check(&f, sizeof(f), &image, &error))
			check_rules(&image, sizeof(f));
	}
}
