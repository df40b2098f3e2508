/* PVH's start info: the memory maps of the machines that start a kernel so, and every way in which one can be wrong. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/pvh/start_info.h"
#include "kernel/firmware/memmap.h"
#include "tests/unit/test.h"

#define MEMORY_BYTES MIB /* physical memory that can be read; the rest of what is spoken of can't */
#define INFO	     0x6000u
#define MODULES	     0x6040u
#define MAP	     0x7000u
#define CMDLINE	     0x20000u
#define KERNEL	     (2 * MIB)
#define LIMIT	     ((pfn_t)1 << 28) /* 1 TiB */

/* The format, said once more. */
struct info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp, map;
	uint32_t map_count, reserved;
};
struct e820 {
	uint64_t start, bytes;
	uint64_t type; /* 32 bits, and 32 reserved ones */
};
struct module {
	uint64_t paddr, bytes, cmdline, reserved;
};

static uint8_t *memory; /* on the heap, so that a read behind it is caught */
static struct boot_range ranges[1024];
static struct boot_info info;
static struct pvh_error error;
static struct memmap_range room[2 * 1024 + 1 + MEMMAP_SPARE];
static struct memmap map = {.range = room, .max = ARRAY_LEN(room)};
static char said[4096];
static unsigned complaints;

static void say(const char *fmt, ...)
{
	const size_t length = strlen(said);
	va_list args;

	va_start(args, fmt);
	vsnprintf(said + length, sizeof(said) - length, fmt, args);
	va_end(args);
	strncat(said, "\n", sizeof(said) - strlen(said) - 1);
	complaints++;
}

static const void *map_memory(uint64_t paddr, uint64_t bytes)
{
	return paddr < MEMORY_BYTES && bytes <= MEMORY_BYTES - paddr ? memory + paddr : NULL;
}

static struct info *header(void)
{
	return (struct info *)(memory + INFO);
}

/* A start info with that memory map; tests change it before they read. */
static void begin(const struct e820 *entries, size_t count)
{
	free(memory);
	memory = calloc(1, MEMORY_BYTES);
	*header() = (struct info){.magic = PVH_MAGIC, .version = 1, .map = MAP, .map_count = (uint32_t)count};
	memcpy(memory + MAP, entries, count * sizeof(*entries));
	said[0] = '\0';
	complaints = 0;
}

#define BEGIN(...)                                                     \
	do {                                                           \
		const struct e820 entries_[] = {__VA_ARGS__};          \
		begin(entries_, sizeof(entries_) / sizeof(*entries_)); \
	} while (0)

static bool start(uint64_t at)
{
	const struct pvh_reader reader = {map_memory, say, ranges, ARRAY_LEN(ranges)};

	memset(&error, 0, sizeof(error));
	info = (struct boot_info){.start_info = at, .kernel_paddr = KERNEL, .kernel_bytes = MIB};
	if (!pvh_start_info(&reader, &info, &error))
		return false;
	memmap_build(&map, ranges, info.range_count, LIMIT, say);
	return true;
}

static void put_module(unsigned n, uint64_t paddr, uint64_t bytes, const char *name)
{
	struct module *m = (struct module *)(memory + MODULES) + n;
	const unsigned at = 0x6800 + n * 0x20;

	*m = (struct module){.paddr = paddr, .bytes = bytes, .cmdline = name ? at : 0};
	if (name)
		strcpy((char *)memory + at, name);
	header()->module_list = MODULES;
	header()->modules = n + 1;
}

static void put_rsdp(uint32_t paddr)
{
	uint8_t sum = 0;

	memset(memory + paddr, 0, 20);
	memcpy(memory + paddr, "RSD PTR ", 8);
	for (unsigned i = 0; i < 20; i++)
		sum = (uint8_t)(sum + memory[paddr + i]);
	memory[paddr + 8] = (uint8_t)-sum;
}

static void check_range(size_t i, uint64_t start_paddr, uint64_t end_paddr, enum memmap_kind kind)
{
	CHECK(i < map.count);
	CHECK_EQ(map.range[i].start << FRAME_SHIFT, start_paddr);
	CHECK_EQ(map.range[i].end << FRAME_SHIFT, end_paddr);
	CHECK_EQ(map.range[i].kind, kind);
}

static void check_refused(const char *what, uint64_t value)
{
	CHECK(!start(INFO));
	CHECK_STR(error.what, what);
	CHECK_EQ(error.value, value);
	CHECK(error.rule[0]);
}

TEST(pvh, as_qemu_starts_a_pc)
{
	/* SeaBIOS, 512 MiB: q35 and pc differ in the window of PCI's configuration space only. */
	BEGIN({0, 0x9fc00, 1}, {0x9fc00, 0x400, 2}, {0xf0000, 0x10000, 2}, {0x100000, 0x1fee0000, 1},
	      {0x1ffe0000, 0x20000, 2}, {0xb0000000, 0x10000000, 2}, {0xfed1c000, 0x4000, 2}, {0xfffc0000, 0x40000, 2},
	      {0xfd00000000, 0x300000000, 2});
	header()->rsdp = 0xf5250;
	header()->cmdline = 0xc9000; /* in the option ROM that reads it */
	strcpy((char *)memory + 0xc9000, "zero.low_pct=7");
	CHECK(start(INFO));
	CHECK_EQ(info.rsdp, 0xf5250);
	CHECK_EQ(info.cmdline_file.paddr, 0xc9000);
	CHECK_EQ(info.cmdline_file.bytes, 14);
	CHECK_EQ(info.script_file.paddr, 0);
	check_range(0, 0, 0x9f000, MEMMAP_BOOT);
	check_range(1, 0x9f000, 0xa0000, MEMMAP_DEVICE);
	check_range(2, 0xf0000, 0x100000, MEMMAP_DEVICE);
	check_range(3, 0x100000, 0x1ffe0000, MEMMAP_FREE);
	check_range(4, 0x1ffe0000, 0x20000000, MEMMAP_DEVICE);
	check_range(5, 0xb0000000, 0xc0000000, MEMMAP_DEVICE);
	CHECK_EQ(map.count, 9);
	CHECK_EQ(complaints, 0);
}

TEST(pvh, as_qemu_starts_a_microvm)
{
	/* qboot: its ACPI tables lie in what it calls NVS, and the last entry is an empty one. */
	BEGIN({0, 0x9fc00, 1}, {0x9fc00, 0x400, 2}, {0xd0000, 0x20000, 4}, {0xf0000, 0x10000, 2},
	      {0x100000, 0x7cf00000, 1}, {0});
	put_module(0, 0x7cfff000, 0x4c5, NULL);
	header()->rsdp = 0xf34d0;
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, 0x7cfff000);
	CHECK_EQ(info.script_file.bytes, 0x4c5);
	check_range(0, 0, 0x9f000, MEMMAP_BOOT);
	check_range(1, 0x9f000, 0xa0000, MEMMAP_DEVICE);
	check_range(2, 0xd0000, 0xf0000, MEMMAP_FIRMWARE);
	check_range(3, 0xf0000, 0x100000, MEMMAP_DEVICE);
	check_range(4, 0x100000, 0x7d000000, MEMMAP_FREE);
	CHECK_EQ(map.count, 5);
	CHECK_EQ(complaints, 0);
}

TEST(pvh, as_cloud_hypervisor_starts_it)
{
	/* 8 GiB: what is handed over lies in low memory that the map calls free, ACPI's tables from 0xa0000 on in what
	 * it doesn't speak of; from 3 GiB to 4 there is a hole, and PCI's window in it. */
	BEGIN({0, 0xa0000, 1}, {0x100000, 0xbff00000, 1}, {0x100000000, 0x140000000, 1}, {0xe8000000, 0x10000000, 2});
	header()->rsdp = 0xa0000;
	header()->cmdline = CMDLINE;
	strcpy((char *)memory + CMDLINE, "report.order=8");
	put_module(0, 0xbffff000, 0x1000, NULL);
	CHECK(start(INFO));
	CHECK_EQ(info.rsdp, 0xa0000);
	CHECK_EQ(info.cmdline_file.bytes, 14);
	CHECK_EQ(info.script_file.paddr, 0xbffff000);
	check_range(0, 0, 0xa0000, MEMMAP_BOOT);
	check_range(1, 0x100000, 0xc0000000, MEMMAP_FREE);
	check_range(2, 0xe8000000, 0xf8000000, MEMMAP_DEVICE);
	check_range(3, 0x100000000, 0x240000000, MEMMAP_FREE);
	CHECK_EQ(map.count, 4);
	CHECK_EQ(complaints, 0);
	/* Neither is given away before it was read: no page table goes there. */
	CHECK_EQ(memmap_find(&map, 1, LIMIT), 0xbffff);
}

TEST(pvh, as_firecracker_starts_it)
{
	/* 300 GiB: holes from 3 GiB to 4 and from 256 GiB to 512, in no order; no RSDP is named, it lies where a PC has
	 * it. */
	BEGIN({0, 0x9fc00, 1}, {0x9fc00, 0x60400, 2}, {0xeec00000, 0x10000000, 2}, {0x8000000000, 0xb40000000, 1},
	      {0x100000000, 0x3f00000000, 1}, {0x100000, 0xbff00000, 1});
	header()->cmdline = CMDLINE;
	put_rsdp(0xe0000);
	CHECK(start(INFO));
	CHECK_EQ(info.rsdp, 0xe0000);
	CHECK_EQ(info.cmdline_file.paddr, 0); /* an empty one is none */
	check_range(0, 0, 0x9f000, MEMMAP_BOOT);
	check_range(1, 0x9f000, 0x100000, MEMMAP_DEVICE);
	check_range(2, 0x100000, 0xc0000000, MEMMAP_FREE);
	check_range(3, 0xeec00000, 0xfec00000, MEMMAP_DEVICE);
	check_range(4, 0x100000000, 0x4000000000, MEMMAP_FREE);
	check_range(5, 0x8000000000, 0x8b40000000, MEMMAP_FREE);
	CHECK_EQ(map.count, 6);
	CHECK_EQ(complaints, 0);
}

TEST(pvh, as_firecracker_did_without_acpi)
{
	BEGIN({0, 0x9fc00, 1}, {0x100000, 0x7f00000, 1});
	CHECK(start(INFO));
	CHECK_EQ(info.rsdp, 0);
	check_range(0, 0, 0x9f000, MEMMAP_BOOT);
	check_range(1, 0x100000, 0x8000000, MEMMAP_FREE);
	CHECK_EQ(map.count, 2);
	CHECK_EQ(complaints, 0);
}

TEST(pvh, all_types_of_memory)
{
	BEGIN({16 * MIB, MIB, 1}, {32 * MIB, MIB, 2}, {48 * MIB, MIB, 3}, {64 * MIB, MIB, 4}, {80 * MIB, MIB, 5},
	      {96 * MIB, MIB, 6}, {112 * MIB, MIB, 7}, {128 * MIB, MIB, 0}, {144 * MIB, MIB, 12},
	      {160 * MIB, MIB, 0xefffffff});
	CHECK(start(INFO));
	const enum memmap_kind kinds[] = {MEMMAP_FREE,	 MEMMAP_DEVICE, MEMMAP_ACPI,   MEMMAP_FIRMWARE, MEMMAP_FIRMWARE,
					  MEMMAP_DEVICE, MEMMAP_DEVICE, MEMMAP_DEVICE, MEMMAP_DEVICE,	MEMMAP_DEVICE};
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
		check_range(i, (16 * i + 16) * MIB, (16 * i + 17) * MIB, kinds[i]);
	CHECK_EQ(complaints, 0);
}

TEST(pvh, bytes_that_are_no_whole_pages)
{
	BEGIN({16 * MIB + 1, 3 * 4096, 1}, {32 * MIB + 1, 4096, 2}, {48 * MIB + 4095, 1, 2}, {64 * MIB + 1, 4094, 1},
	      {80 * MIB, 4096, 1});
	CHECK(start(INFO));
	check_range(0, 16 * MIB + 0x1000, 16 * MIB + 0x3000, MEMMAP_FREE);
	check_range(1, 32 * MIB, 32 * MIB + 0x2000, MEMMAP_DEVICE);
	check_range(2, 48 * MIB, 48 * MIB + 0x1000, MEMMAP_DEVICE);
	check_range(3, 80 * MIB, 80 * MIB + 0x1000, MEMMAP_FREE);
	CHECK_EQ(map.count, 4);
	CHECK_EQ(complaints, 0);
}

TEST(pvh, one_run_from_0_on_is_two_kinds)
{
	BEGIN({0, 64 * MIB, 1}, {0xfff00000, 0x100000, 2});
	CHECK(start(INFO));
	check_range(0, 0, MIB, MEMMAP_BOOT);
	check_range(1, MIB, 64 * MIB, MEMMAP_FREE);
	CHECK_EQ(complaints, 0);
}

TEST(pvh, what_wraps_round_is_told)
{
	BEGIN({MIB, 63 * MIB, 1}, {~0ull - MIB + 1, 2 * MIB, 1}, {~0ull - 0xfff, ~0ull, 2}, {128 * MIB, ~0ull, 2},
	      {256 * MIB, ~0ull, 1});
	CHECK(start(INFO));
	CHECK(strstr(said, "entry 1, type 1: 0x200000 bytes at 0xfffffffffff00000 wrap round\n"));
	CHECK(strstr(said, "entry 2, type 2: 0xffffffffffffffff bytes at 0xfffffffffffff000 wrap round\n"));
	CHECK(strstr(said, "entry 3, type 2: 0xffffffffffffffff bytes at 0x8000000 wrap round\n"));
	CHECK(strstr(said, "entry 4, type 1: 0xffffffffffffffff bytes at 0x10000000 wrap round\n"));
	check_range(0, MIB, 64 * MIB, MEMMAP_FREE);
	check_range(1, 128 * MIB, LIMIT << FRAME_SHIFT, MEMMAP_DEVICE);
	CHECK_EQ(map.count, 2);
}

TEST(pvh, the_last_byte_there_is)
{
	BEGIN({MIB, 63 * MIB, 1}, {~0ull - 0xfff, 0xfff, 2}, {0, 1, 2});
	CHECK(start(INFO));
	check_range(0, 0, 0x1000, MEMMAP_DEVICE);
	check_range(1, MIB, 64 * MIB, MEMMAP_FREE);
	CHECK_EQ(map.count, 2);
	CHECK_EQ(complaints, 0);
}

TEST(pvh, a_start_info_that_is_none)
{
	BEGIN({MIB, 63 * MIB, 1});
	header()->magic = 0x336ec579;
	check_refused("magic", 0x336ec579);
	header()->magic = PVH_MAGIC;
	header()->version = 0; /* what follows is somebody else's */
	check_refused("version", 0);
	header()->version = 0xffffffff; /* whose first fields are those of version 1 */
	CHECK(start(INFO));
	CHECK(!start(MEMORY_BYTES - 4));
	CHECK_STR(error.what, "its address");
	CHECK_EQ(error.value, MEMORY_BYTES - 4);
	CHECK(!start(~0ull - 3));
	CHECK(!start(0)); /* zeroes */
	CHECK_STR(error.what, "magic");
}

TEST(pvh, a_start_info_of_version_0_at_the_end_of_memory)
{
	BEGIN({MIB, 63 * MIB, 1});
	memcpy(memory + MEMORY_BYTES - 40, header(), 40);
	CHECK(!start(MEMORY_BYTES - 40));
	CHECK_STR(error.what, "its address");
	memory[MEMORY_BYTES - 40 + 4] = 0;
	CHECK(!start(MEMORY_BYTES - 40));
	CHECK_STR(error.what, "version");
}

TEST(pvh, a_memory_map_that_is_none)
{
	BEGIN({MIB, 63 * MIB, 1});
	header()->map_count = 0;
	check_refused("memmap_entries", 0);
	header()->map_count = 513;
	check_refused("memmap_entries", 513);
	header()->map_count = 0xffffffff;
	check_refused("memmap_entries", 0xffffffff);
	header()->map_count = 512;
	CHECK(start(INFO)); /* 511 are empty */
	header()->map = 0;
	check_refused("memmap_paddr", 0);
	header()->map = MEMORY_BYTES - 24;
	check_refused("memmap_paddr", MEMORY_BYTES - 24);
	header()->map_count = 1;
	CHECK(start(INFO));
	header()->map = MEMORY_BYTES - 23;
	check_refused("memmap_paddr", MEMORY_BYTES - 23);
	header()->map_count = 512;
	header()->map = ~0ull - 24 * 256 + 1;
	check_refused("memmap_paddr", ~0ull - 24 * 256 + 1);
}

TEST(pvh, as_many_entries_as_are_read_each_in_two)
{
	BEGIN({0});
	for (unsigned i = 0; i < 512; i++)
		((struct e820 *)(memory + MAP))[i] = (struct e820){0, 64 * MIB, 1};
	header()->map_count = 512;
	CHECK(start(INFO));
	CHECK_EQ(info.range_count, 1024);
	check_range(1, MIB, 64 * MIB, MEMMAP_FREE);
}

TEST(pvh, a_command_line_that_is_none)
{
	BEGIN({MIB, 63 * MIB, 1});
	header()->cmdline = MEMORY_BYTES - 3;
	memcpy(memory + MEMORY_BYTES - 3, "abc", 3); /* ends where memory does, without a NUL */
	CHECK(start(INFO));
	CHECK_EQ(info.cmdline_file.paddr, 0);
	CHECK(strstr(said, "the command line at 0xffffd has no end within 65536 bytes that can be read: ignored\n"));
	memory[MEMORY_BYTES - 1] = '\0';
	CHECK(start(INFO));
	CHECK_EQ(info.cmdline_file.bytes, 2);

	header()->cmdline = CMDLINE + 5;
	memset(memory + CMDLINE, 'x', PVH_CMDLINE_MAX + 5);
	CHECK(start(INFO));
	CHECK_EQ(info.cmdline_file.paddr, 0);
	memory[CMDLINE + PVH_CMDLINE_MAX + 4] = '\0'; /* just in time; too long, but that isn't judged here */
	CHECK(start(INFO));
	CHECK_EQ(info.cmdline_file.paddr, CMDLINE + 5);
	CHECK_EQ(info.cmdline_file.bytes, PVH_CMDLINE_MAX - 1);

	header()->cmdline = MEMORY_BYTES;
	CHECK(start(INFO));
	CHECK_EQ(info.cmdline_file.paddr, 0);
	header()->cmdline = ~0ull;
	CHECK(start(INFO));
	CHECK_EQ(info.cmdline_file.paddr, 0);
	CHECK_EQ(complaints, 4);
}

TEST(pvh, the_script_is_the_module_of_that_name_or_the_first)
{
	BEGIN({MIB, 63 * MIB, 1});
	put_module(0, 8 * MIB, 100, "scripts");
	put_module(1, 9 * MIB, 200, NULL);
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, 8 * MIB);
	put_module(2, 10 * MIB, 300, "script");
	put_module(3, 11 * MIB, 400, "script");
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, 10 * MIB);
	CHECK_EQ(info.script_file.bytes, 300);
	((struct module *)(memory + MODULES))[2].paddr = 0; /* then the next one of that name */
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, 11 * MIB);
	CHECK_EQ(complaints, 1);
}

TEST(pvh, modules_where_none_can_be)
{
	static const struct {
		uint64_t paddr, bytes;
		const char *fault;
	} cases[] = {
		{0, 100, "has no address"},
		{8 * MIB, ~0ull, "wraps round"},
		{~0ull, 2, "wraps round"},
		{~0ull - 1, 1, "doesn't lie in what the map calls memory"},
		{64 * MIB - 1, 2, "doesn't lie in what the map calls memory"},	  /* its end sticks out */
		{16 * MIB, 17 * MIB, "doesn't lie in what the map calls memory"}, /* over a window */
		{0x500, 1, "doesn't lie in what the map calls memory"},
		{129 * MIB, 1, "doesn't lie in what the map calls memory"},    /* nothing but a window */
		{24 * MIB + 1, 1, "doesn't lie in what the map calls memory"}, /* a window in memory */
		{KERNEL - 1, 2, "lies in the kernel"},
		{KERNEL + MIB - 1, 1, "lies in the kernel"},
		{MIB, 8 * MIB, "lies in the kernel"},
	};

	BEGIN({MIB, 31 * MIB, 1}, {32 * MIB, 32 * MIB, 1}, {24 * MIB, 4096, 2}, {128 * MIB, 2 * MIB, 2});
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		said[0] = '\0';
		put_module(0, cases[i].paddr, cases[i].bytes, NULL);
		CHECK(start(INFO));
		CHECK_EQ(info.script_file.paddr, 0);
		CHECK_EQ(info.script_file.bytes, 0);
		CHECK(strstr(said, cases[i].fault));
	}
	said[0] = '\0';
	put_module(0, 31 * MIB + 1, 2 * MIB, NULL); /* in two neighbours; too large, but there */
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, 0);
	CHECK_EQ(info.script_file.bytes, 2 * MIB);
	put_module(0, KERNEL - 1, 1, NULL);
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, KERNEL - 1);
	put_module(0, 8 * MIB, 0, NULL); /* an empty script */
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, 8 * MIB);
	CHECK_EQ(info.script_file.bytes, 0);
}

TEST(pvh, lists_of_modules_that_are_none)
{
	BEGIN({MIB, 63 * MIB, 1});
	put_module(0, 8 * MIB, 100, NULL);
	header()->modules = 0xffffffff;
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, 8 * MIB);
	CHECK(strstr(said, "PVH: only the first 64 of 4294967295 modules are looked at\n"));
	header()->modules = 2;
	header()->module_list = MEMORY_BYTES - 40;
	memcpy(memory + MEMORY_BYTES - 40, memory + MODULES, 32);
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, 8 * MIB);
	CHECK(strstr(said, "PVH: module 1: the list at 0xfffd8 can't be read there\n"));
	header()->module_list = ~0ull - 31;
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, 0);
	header()->module_list = 0;
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, 0);
}

TEST(pvh, a_module_whose_name_is_out_of_reach)
{
	BEGIN({MIB, 63 * MIB, 1});
	put_module(0, 8 * MIB, 100, NULL);
	((struct module *)(memory + MODULES))[0].cmdline = MEMORY_BYTES - 6;
	memcpy(memory + MEMORY_BYTES - 6, "script", 6);
	put_module(1, 9 * MIB, 100, "script");
	CHECK(start(INFO));
	CHECK_EQ(info.script_file.paddr, 9 * MIB);
	CHECK_EQ(complaints, 0);
}

TEST(pvh, the_rsdp_is_looked_for)
{
	BEGIN({MIB, 63 * MIB, 1});
	put_rsdp(0xffff0 - 16);
	CHECK(start(INFO));
	CHECK_EQ(info.rsdp, 0xffff0 - 16);
	memcpy(memory + 0x40e, "\xc0\x9f", 2); /* 0x9fc00 */
	put_rsdp(0x9fff0);
	CHECK(start(INFO));
	CHECK_EQ(info.rsdp, 0x9fff0);
	memory[0x9fff0 + 19]++; /* what only begins as one */
	put_rsdp(0xe0010);
	CHECK(start(INFO));
	CHECK_EQ(info.rsdp, 0xe0010);
	memcpy(memory + 0x40e, "\xff\xff", 2);
	CHECK(start(INFO));
	CHECK_EQ(info.rsdp, 0xe0010);
	header()->rsdp = 0xdeadbeef000; /* ACPI's parser judges it */
	CHECK(start(INFO));
	CHECK_EQ(info.rsdp, 0xdeadbeef000);
	CHECK_EQ(complaints, 0);
}
