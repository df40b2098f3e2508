/* The lookup of function names, on a table as the build would make it. */

#include "kernel/base/symbols.c" /* kernel/base is the machine's; this file of it needs none */
#include "tests/unit/test.h"

/* 0x100 bytes of code with three functions, the first one after a gap: what the linker gives the kernel. */
__asm__(".pushsection .rodata\n"
	".globl __text_start, __text_end\n"
	"__text_start: .skip 0x100\n"
	"__text_end: .byte 0\n"
	".popsection");
extern const char __text_start[], __text_end[];

const uint32_t symbol_count = 3;
const struct symbol symbol_table[] = {{0x10, 0}, {0x20, 6}, {0x80, 12}};
const char symbol_names[] = "first\0other\0last";

static const char *find(size_t at, size_t *offset)
{
	return symbol_find((uintptr_t)__text_start + at, offset);
}

TEST(symbols, finds_the_function_and_the_offset)
{
	size_t offset;
	CHECK_STR(find(0x10, &offset), "first");
	CHECK_EQ(offset, 0);
	CHECK_STR(find(0x1f, &offset), "first");
	CHECK_EQ(offset, 0xf);
	CHECK_STR(find(0x20, &offset), "other");
	CHECK_STR(find(0x7f, &offset), "other");
	CHECK_EQ(offset, 0x5f);
	CHECK_STR(find(0xff, &offset), "last");
	CHECK_EQ(offset, 0x7f);
}

TEST(symbols, none_outside_of_code)
{
	size_t offset = 77;
	CHECK(!find(0, &offset));
	CHECK(!find(0xf, &offset));
	CHECK(!find(0x100, &offset));
	CHECK(!find((size_t)-1, &offset));
	CHECK(!symbol_find(0, &offset));
	CHECK(!symbol_find(UINTPTR_MAX, &offset));
	CHECK_EQ(offset, 77);
}
