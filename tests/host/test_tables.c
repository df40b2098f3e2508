/* The loader's page tables: walked here as the processor does. */

#include <stdlib.h>
#include <string.h>

#include "boot/tables.h"
#include "lib/bits.h"
#include "tests/unit/test.h"

#define RUN_PADDR  0x7e000000ull
#define NX	   (1ull << 63)
#define UNMAPPED   (~0ull)
#define GIB_PAGES  (GIB / 4096)
#define CONVENTION 7

/* What the CPU offers. */
enum { HAS_NX = 1, HAS_GIB_PAGES = 2 };

static struct tables make(const struct boot_range *ranges, size_t count, unsigned cpu)
{
	struct tables t = {.paddr = RUN_PADDR, .nx = cpu & HAS_NX, .gib_pages = cpu & HAS_GIB_PAGES};
	t.frames = tables_frames(ranges, count, 0x9000);
	t.memory = malloc(t.frames * 4096);
	memset(t.memory, 0xa5, t.frames * 4096);
	tables_init(&t);
	CHECK(tables_direct_map(&t, ranges, count));
	CHECK(t.used <= t.frames);
	return t;
}

/* The physical address that vaddr leads to, and the entry that says so. */
static uint64_t walk(const struct tables *t, uint64_t vaddr, uint64_t *entry, unsigned *shift)
{
	const uint64_t *table = t->memory;
	for (unsigned at = 39;; at -= 9) {
		*entry = table[vaddr >> at & 511];
		*shift = at;
		if (!(*entry & 1))
			return UNMAPPED;
		if (at == 12 || (*entry & 0x80))
			return (*entry & 0x000ffffffffff000ull & ~(BIT(at) - 1)) | (vaddr & (BIT(at) - 1));
		uint64_t next = *entry & 0x000ffffffffff000ull;
		CHECK(next >= t->paddr && next < t->paddr + t->used * 4096);
		table = t->memory + (next - t->paddr) / 8;
	}
}

static bool maps(const struct tables *t, uint64_t paddr, unsigned shift_wanted)
{
	uint64_t entry;
	unsigned shift;
	return walk(t, DIRECT_MAP_BASE + paddr, &entry, &shift) == paddr && shift == shift_wanted && (entry & 3) == 3 &&
	       (entry & NX);
}

static bool unmapped(const struct tables *t, uint64_t vaddr)
{
	uint64_t entry;
	unsigned shift;
	return walk(t, vaddr, &entry, &shift) == UNMAPPED;
}

TEST(tables, direct_map_covers_memory_rounded_outwards)
{
	static const struct boot_range ranges[] = {
		{.paddr = 0x100000, .pages = 1, .type = CONVENTION},
		{.paddr = 0x5ff000, .pages = 2, .type = 9},
		{.paddr = 0xa00000, .pages = 512, .type = 0},  /* reserved */
		{.paddr = 0xc00000, .pages = 512, .type = 11}, /* MMIO */
	};
	struct tables t = make(ranges, ARRAY_LEN(ranges), HAS_NX | HAS_GIB_PAGES);
	CHECK(maps(&t, 0, 21));
	CHECK(maps(&t, 0x1fffff, 21));
	CHECK(unmapped(&t, DIRECT_MAP_BASE + 0x200000));
	CHECK(maps(&t, 0x5fffff, 21));
	CHECK(maps(&t, 0x600000, 21));
	CHECK(unmapped(&t, DIRECT_MAP_BASE + 0x800000));
	CHECK(unmapped(&t, DIRECT_MAP_BASE + 0xa00000));
	CHECK(unmapped(&t, DIRECT_MAP_BASE + 0xc00000));
	CHECK(unmapped(&t, 0));
	free(t.memory);
}

TEST(tables, gib_pages_only_where_a_range_fills_them)
{
	static const struct boot_range ranges[] = {
		{.paddr = 5 * GIB + 0x200000, .pages = 2 * GIB_PAGES, .type = CONVENTION},
		{.paddr = 4 * GIB, .pages = 2 * GIB_PAGES, .type = CONVENTION}, /* overlaps the one before */
		{.paddr = 4 * GIB, .pages = 3 * GIB_PAGES, .type = CONVENTION},
		{.paddr = 0, .pages = 0, .type = CONVENTION},
	};
	struct tables t = make(ranges, ARRAY_LEN(ranges), HAS_NX | HAS_GIB_PAGES);
	CHECK(maps(&t, 4 * GIB, 30));
	CHECK(maps(&t, 5 * GIB, 21));
	CHECK(maps(&t, 5 * GIB + 0x200000, 21));
	CHECK(maps(&t, 6 * GIB, 30));
	CHECK(maps(&t, 7 * GIB, 21));
	CHECK(unmapped(&t, DIRECT_MAP_BASE + 7 * GIB + 0x200000));
	CHECK(unmapped(&t, DIRECT_MAP_BASE));
	free(t.memory);

	t = make(ranges, ARRAY_LEN(ranges), HAS_NX);
	CHECK(maps(&t, 4 * GIB, 21));
	CHECK(maps(&t, 6 * GIB, 21));
	free(t.memory);
}

TEST(tables, a_firmware_that_lies_costs_little)
{
	static const struct boot_range ranges[] = {
		{.paddr = ~0xfffull, .pages = ~0ull, .type = CONVENTION},
		{.paddr = TABLES_PADDR_LIMIT, .pages = 1, .type = CONVENTION},
		{.paddr = TABLES_PADDR_LIMIT - 4096, .pages = ~0ull, .type = CONVENTION},
		{.paddr = 0x1234567, .pages = 1, .type = CONVENTION},
		{.paddr = 0x200000, .pages = 1, .type = 0x80000001},
	};
	struct tables t = make(ranges, ARRAY_LEN(ranges), HAS_NX | HAS_GIB_PAGES);
	CHECK(t.frames < 40);
	CHECK(maps(&t, TABLES_PADDR_LIMIT - 1, 21));
	CHECK(unmapped(&t, DIRECT_MAP_BASE + TABLES_PADDR_LIMIT));
	CHECK(maps(&t, 0x1234567, 21));
	CHECK(unmapped(&t, DIRECT_MAP_BASE + 0x200000));
	free(t.memory);
}

TEST(tables, whole_limit_fits_the_estimate)
{
	static const struct boot_range all = {.pages = TABLES_PADDR_LIMIT / 4096, .type = CONVENTION};
	struct tables t = make(&all, 1, HAS_NX);
	CHECK(maps(&t, TABLES_PADDR_LIMIT - 1, 21));
	CHECK(tables_map(&t, KERNEL_VBASE + 0x200000, 0x1000000, 0x9000, TABLES_EXECUTE));
	CHECK(tables_map(&t, 0x3ffff000, 0x3ffff000, 0x1000, TABLES_EXECUTE));
	free(t.memory);
}

TEST(tables, kernel_pages_have_their_segments_rights)
{
	static const struct boot_range range = {.paddr = 0, .pages = 1024, .type = CONVENTION};
	for (unsigned nx = 0; nx < 2; nx++) {
		struct tables t = make(&range, 1, (nx ? HAS_NX : 0) | HAS_GIB_PAGES);
		CHECK(tables_map(&t, KERNEL_VBASE + 0x200000, 0x40000, 0x1801, TABLES_EXECUTE));
		CHECK(tables_map(&t, KERNEL_VBASE + 0x202000, 0x42000, 0x1000, 0));
		CHECK(tables_map(&t, KERNEL_VBASE + 0x203000, 0x43000, 0x1000, TABLES_WRITE));

		uint64_t entry;
		unsigned shift;
		CHECK_EQ(walk(&t, KERNEL_VBASE + 0x201800, &entry, &shift), 0x41800);
		CHECK_EQ(shift, 12);
		CHECK_EQ(entry & (NX | 7), 1);
		CHECK_EQ(walk(&t, KERNEL_VBASE + 0x202000, &entry, &shift), 0x42000);
		CHECK_EQ(entry & (NX | 7), nx ? (NX | 1) : 1);
		CHECK_EQ(walk(&t, KERNEL_VBASE + 0x203000, &entry, &shift), 0x43000);
		CHECK_EQ(entry & (NX | 7), nx ? (NX | 3) : 3);
		CHECK(unmapped(&t, KERNEL_VBASE + 0x204000));
		CHECK(unmapped(&t, KERNEL_VBASE + 0x1ff000));
		free(t.memory);
	}
}

TEST(tables, a_full_run_says_so)
{
	static const struct boot_range range = {.paddr = 0, .pages = 1, .type = CONVENTION};
	struct tables t = {.paddr = RUN_PADDR, .frames = 3, .memory = malloc(3 * 4096)};
	tables_init(&t);
	CHECK(tables_direct_map(&t, &range, 1));
	CHECK_EQ(t.used, 3);
	CHECK(!tables_map(&t, KERNEL_VBASE, 0, 0x1000, TABLES_EXECUTE));
	free(t.memory);
}
