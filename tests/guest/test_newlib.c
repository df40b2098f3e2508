/* newlib on this kernel: its integer output, and malloc drawing on the allocator and giving back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/machine/fw_cfg.h"
#include "lib/bits.h"
#include "mm/mm.h"
#include "tests/unit/test.h"

TEST(newlib, output_knows_every_width)
{
	char text[128];

	sniprintf(text, sizeof(text), "%d %u %hhx %lld %zu %#lx %5s|%-5s|%05d %p", -1, 2u, (unsigned char)0xff, -3ll,
		  (size_t)4, 0x123456789abcdeful, "ab", "cd", 42, (void *)0x10);
	CHECK_STR(text, "-1 2 ff -3 4 0x123456789abcdef    ab|cd   |00042 0x10");
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

TEST(newlib, sorts_and_reads_numbers)
{
	int v[] = {5, 3, 9, 1};

	qsort(v, ARRAY_LEN(v), sizeof(v[0]), by_value);
	CHECK(v[0] == 1 && v[1] == 3 && v[2] == 5 && v[3] == 9);
	CHECK_EQ(strtoul("0xff", NULL, 0), 255);
}

static uint64_t allocated(void)
{
	struct mm_totals t;

	mm_totals(&mm_system, &t);
	return t.allocated;
}

TEST(newlib, malloc_takes_frames_and_gives_them_back)
{
	const size_t bytes = 4 * MIB;
	free(malloc(bytes)); /* makes the page tables, which stay */
	uint64_t before = allocated();
	unsigned char *p = malloc(bytes);

	CHECK(p);
	CHECK(allocated() >= before + bytes / FRAME_SIZE - 64); /* some was left at the top */
	memset(p, 0x5a, bytes);
	unsigned char *larger = realloc(p, 2 * bytes);
	CHECK(larger);
	CHECK(larger[0] == 0x5a && larger[bytes - 1] == 0x5a);
	free(larger);
	CHECK(allocated() <= before + 64);
}

TEST(newlib, malloc_refuses_what_is_too_much)
{
	uint64_t before = allocated();

	void *large = malloc(GIB), *absurd = malloc(SIZE_MAX / 2);
	CHECK(!large);
	CHECK(!absurd);
	CHECK(allocated() <= before + 64);
}

TEST(newlib, malloc_until_it_fails_gives_all_back)
{
	void **list = NULL;
	uint64_t before = allocated();
	unsigned count = 0;

	for (void **p; (p = malloc(MIB)); count++) {
		*p = list;
		list = p;
	}
	while (list) {
		void **next = *list;
		free(list);
		list = next;
	}
	CHECK(count > 8);
	CHECK(allocated() <= before + 256); /* page tables stay */
}

TEST(fw_cfg, a_file_that_is_not_there_has_no_size)
{
	char c;

	CHECK_EQ(fw_cfg_size("opt/nought/no-such-file"), -1);
	CHECK_EQ(fw_cfg_read("opt/nought/no-such-file", &c, 1), -1);
}
