/* The memory map's cleaning: whatever the firmware says, no frame gets a weaker kind than any entry gives it. */
#include <stdarg.h>
#include <string.h>

#include "kernel/firmware/memmap.h"
#include "tests/unit/fixture.h"
#include "tests/unit/test.h"

#define WB    0x8ull
#define LIMIT ((pfn_t)1 << 24)

enum {
	EFI_RESERVED = 0,
	EFI_LOADER_DATA = 2,
	EFI_BOOT_DATA = 4,
	EFI_RUNTIME_DATA = 6,
	EFI_FREE = 7,
	EFI_ACPI = 9,
	EFI_MMIO = 11
};

#define ROOM 256u
static struct memmap_range room[ROOM];
static struct memmap map = {.range = room, .max = ROOM};
static unsigned complaints;

static void complain(const char *fmt, ...)
{
	(void)fmt;
	complaints++;
}

static struct boot_range efi(uint32_t type, pfn_t start, uint64_t pages)
{
	return (struct boot_range){.paddr = start << 12, .pages = pages, .type = type, .attributes = WB};
}

static void build(const struct boot_range *in, size_t count)
{
	complaints = 0;
	memmap_build(&map, in, count, LIMIT, complain);
}

static void check_range(size_t i, pfn_t start, pfn_t end, enum memmap_kind kind)
{
	CHECK(i < map.count);
	CHECK_EQ(map.range[i].start, start);
	CHECK_EQ(map.range[i].end, end);
	CHECK_EQ(map.range[i].kind, kind);
}

/* Sorted, apart, not empty, neighbours that touch differ. */
static void check_shape(void)
{
	for (size_t i = 0; i < map.count; i++) {
		CHECK(map.range[i].start < map.range[i].end);
		CHECK(map.range[i].kind != MEMMAP_NONE);
		if (i == 0)
			continue;
		CHECK(map.range[i - 1].end <= map.range[i].start);
		if (map.range[i - 1].end == map.range[i].start)
			CHECK(map.range[i - 1].kind != map.range[i].kind);
	}
}

TEST(memmap, unsorted_neighbours_merge)
{
	const struct boot_range in[] = {efi(EFI_FREE, 300, 100), efi(EFI_LOADER_DATA, 100, 50),
					efi(EFI_BOOT_DATA, 150, 50), efi(EFI_FREE, 200, 100)};

	build(in, ARRAY_LEN(in));
	CHECK_EQ(map.count, 2);
	check_range(0, 100, 200, MEMMAP_BOOT);
	check_range(1, 200, 400, MEMMAP_FREE);
	CHECK_EQ(complaints, 0);
}

TEST(memmap, the_stricter_kind_wins_where_entries_overlap)
{
	/* free     [100                              200)
	 * boot            [120       150)
	 * runtime                [140        160)             one inside, one across, one that covers an end */
	const struct boot_range in[] = {efi(EFI_FREE, 100, 100), efi(EFI_RUNTIME_DATA, 140, 20),
					efi(EFI_BOOT_DATA, 120, 30), efi(EFI_RESERVED, 190, 20)};

	build(in, ARRAY_LEN(in));
	CHECK_EQ(map.count, 5);
	check_range(0, 100, 120, MEMMAP_FREE);
	check_range(1, 120, 140, MEMMAP_BOOT);
	check_range(2, 140, 160, MEMMAP_FIRMWARE);
	check_range(3, 160, 190, MEMMAP_FREE);
	check_range(4, 190, 210, MEMMAP_FIRMWARE);
	CHECK_EQ(complaints, 2); /* 120 to 160 in one, 190 to 200 */
	CHECK_EQ(memmap_frames(&map, MEMMAP_FREE), 50);
}

TEST(memmap, the_same_range_twice_is_the_stricter_one)
{
	const struct boot_range in[] = {efi(EFI_ACPI, 10, 5), efi(EFI_FREE, 10, 5)};

	build(in, ARRAY_LEN(in));
	CHECK_EQ(map.count, 1);
	check_range(0, 10, 15, MEMMAP_ACPI);
	CHECK_EQ(complaints, 1);
}

TEST(memmap, reserved_memory_that_can_not_be_cached_is_a_window)
{
	struct boot_range in[] = {efi(EFI_RESERVED, 10, 5), efi(EFI_RESERVED, 20, 5), efi(EFI_MMIO, 30, 5),
				  efi(77, 40, 5)};

	in[1].attributes = 1; /* uncached only, as ECAM's is */
	build(in, ARRAY_LEN(in));
	check_range(0, 10, 15, MEMMAP_FIRMWARE);
	check_range(1, 20, 25, MEMMAP_DEVICE);
	check_range(2, 30, 35, MEMMAP_DEVICE);
	check_range(3, 40, 45, MEMMAP_DEVICE);
}

TEST(memmap, empty_entries_are_told_and_passed_over)
{
	const struct boot_range in[] = {efi(EFI_FREE, 10, 0), efi(EFI_RESERVED, 12, 0), efi(EFI_FREE, 10, 5)};

	build(in, ARRAY_LEN(in));
	CHECK_EQ(map.count, 1);
	check_range(0, 10, 15, MEMMAP_FREE);
	CHECK_EQ(complaints, 2);
}

TEST(memmap, what_wraps_round_is_refused_or_reaches_to_the_end)
{
	const struct boot_range in[] = {efi(EFI_FREE, 10, 100),
					{.paddr = 20 << 12, .pages = ~0ull, .type = EFI_FREE, .attributes = WB},
					{.paddr = 50 << 12, .pages = ~0ull - 3, .type = EFI_RUNTIME_DATA}};

	build(in, ARRAY_LEN(in));
	CHECK_EQ(map.count, 2);
	check_range(0, 10, 50, MEMMAP_FREE);
	check_range(1, 50, LIMIT, MEMMAP_FIRMWARE);
	CHECK_EQ(complaints, 3); /* two that wrap, and the overlap from 50 on */
}

TEST(memmap, unaligned_memory_shrinks_and_unaligned_firmware_grows)
{
	const struct boot_range in[] = {{.paddr = (10 << 12) + 1, .pages = 10, .type = EFI_FREE, .attributes = WB},
					{.paddr = (15 << 12) + 1, .pages = 1, .type = EFI_RUNTIME_DATA}};

	build(in, ARRAY_LEN(in));
	check_range(0, 11, 15, MEMMAP_FREE);
	check_range(1, 15, 17, MEMMAP_FIRMWARE);
	check_range(2, 17, 20, MEMMAP_FREE);
	CHECK_EQ(complaints, 3); /* two that are ragged, and the overlap */
}

TEST(memmap, memory_beyond_the_limit_is_refused)
{
	const struct boot_range in[] = {efi(EFI_FREE, LIMIT - 10, 20), efi(EFI_FREE, LIMIT + 100, 20),
					efi(EFI_FREE, ((pfn_t)1 << 52) - 10, 5)};

	build(in, ARRAY_LEN(in));
	CHECK_EQ(map.count, 1);
	check_range(0, LIMIT - 10, LIMIT, MEMMAP_FREE);
	CHECK_EQ(complaints, 3);
}

TEST(memmap, no_entries_make_an_empty_map)
{
	build(NULL, 0);
	CHECK_EQ(map.count, 0);
	CHECK_EQ(memmap_find(&map, 1, LIMIT), MEMMAP_NO_ROOM);
	CHECK_EQ(memmap_at(&map, 0), MEMMAP_NONE);
}

/* Whatever comes last in the map isn't what is lost. */
TEST(memmap, without_enough_room_the_smallest_ranges_are_left_out)
{
	static struct boot_range in[2 * ROOM];
	uint64_t frames = 0;

	for (size_t i = 0; i < ARRAY_LEN(in); i++) /* apart, falling; every third one is a large one */
		in[i] = efi(EFI_FREE, 200 * (ARRAY_LEN(in) - i), i % 3 == 0 ? 100 : 1 + i % 3);
	in[ARRAY_LEN(in) - 1] = efi(EFI_FREE, 1 << 20, 1 << 20);
	build(in, ARRAY_LEN(in));
	CHECK_EQ(map.count, ROOM - MEMMAP_SPARE);
	CHECK_EQ(complaints, 1);
	check_shape();
	for (size_t i = 0; i < ARRAY_LEN(in) - 1; i += 3)
		CHECK_EQ(memmap_at(&map, in[i].paddr >> 12), MEMMAP_FREE);
	CHECK_EQ(memmap_at(&map, 1 << 20), MEMMAP_FREE);
	frames = memmap_frames(&map, MEMMAP_FREE);
	CHECK(frames >= 100 * (ARRAY_LEN(in) / 3) + (1 << 20));

	size_t sets = 0; /* what the firmware left full can still be cut up, to the last place and no further */
	while (memmap_set(&map, (1 << 20) + 1 + 2 * sets, (1 << 20) + 2 + 2 * sets, MEMMAP_KERNEL) == 0)
		sets++;
	CHECK_EQ(sets, MEMMAP_SPARE / 2);
	CHECK_EQ(map.count, ROOM);
	check_shape();
}

/* As on a board that somebody has: 312 entries, small free and boot services' ones by turns, the memory at the end. */
TEST(memmap, there_is_room_for_as_many_entries_as_there_are)
{
	static const size_t counts[] = {1, 130, 312, 1000, 3000};

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		const size_t count = counts[i], enough = memmap_enough(count);
		struct boot_range *in = fixture_bytes(count * sizeof(*in));
		struct memmap large = {.range = fixture_bytes(enough * sizeof(*large.range)), .max = enough};

		for (size_t k = 0; k + 1 < count; k++)
			in[k] = efi(k % 2 ? EFI_BOOT_DATA : EFI_FREE, 256 + 2 * k, 2);
		in[count - 1] = efi(EFI_FREE, 1 << 20, 1 << 18);
		complaints = 0;
		memmap_build(&large, in, count, LIMIT, complain);
		CHECK_EQ(complaints, 0);
		CHECK_EQ(large.count, count);
		CHECK_EQ(memmap_frames(&large, MEMMAP_FREE), 2 * (count / 2) + (1 << 18));
		CHECK_EQ(memmap_set(&large, (1 << 20) + 5, (1 << 20) + 6, MEMMAP_KERNEL), 0);
	}
}

TEST(memmap, attributes_decide_what_is_for_us)
{
	static const struct {
		uint32_t type;
		uint64_t attributes;
		enum memmap_kind kind;
	} rows[] = {
		{EFI_FREE, 0xf, MEMMAP_FREE},
		{EFI_FREE, 0x7, MEMMAP_UNCACHED}, /* UC, WC, WT */
		{EFI_FREE, 0x1, MEMMAP_UNCACHED},
		{EFI_FREE, 0, MEMMAP_UNCACHED},
		{EFI_BOOT_DATA, 0x1, MEMMAP_UNCACHED},
		{EFI_LOADER_DATA, 0xf, MEMMAP_BOOT},
		{EFI_ACPI, 0x1, MEMMAP_UNCACHED},
		{EFI_FREE, WB | 0x40000, MEMMAP_SPECIAL},	 /* SP */
		{EFI_FREE, 0x40000, MEMMAP_UNCACHED},		 /* and not WB */
		{EFI_FREE, WB | 0x10000 | 0x80000, MEMMAP_FREE}, /* MORE_RELIABLE, CPU_CRYPTO */
		{EFI_FREE, WB | 1ull << 63, MEMMAP_FIRMWARE},	 /* RUNTIME */
		{14, WB, MEMMAP_DEVICE},			 /* persistent */
		{15, WB, MEMMAP_DEVICE},			 /* to be accepted */
		{EFI_RESERVED, WB, MEMMAP_FIRMWARE},
		{EFI_RESERVED, 1, MEMMAP_DEVICE},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct boot_range in = efi(rows[i].type, 100, 10);

		in.attributes = rows[i].attributes;
		build(&in, 1);
		check_range(0, 100, 110, rows[i].kind);
	}
}

TEST(memmap, room_is_found_where_everybody_says_that_it_is_free)
{
	const struct boot_range in[] = {efi(EFI_FREE, 100, 100), efi(EFI_RUNTIME_DATA, 195, 2), efi(EFI_FREE, 1000, 50),
					efi(EFI_BOOT_DATA, 1000, 50), efi(EFI_FREE, 2000, 40)};
	const struct memmap_range taken[] = {{2030, 2040, MEMMAP_BOOT}, {180, 190, MEMMAP_BOOT}, {0, 0, MEMMAP_KEPT}};

	CHECK_EQ(memmap_find_room(in, ARRAY_LEN(in), LIMIT, 10, taken, ARRAY_LEN(taken)), 2020);
	CHECK_EQ(memmap_find_room(in, ARRAY_LEN(in), LIMIT, 31, taken, ARRAY_LEN(taken)), 149);
	CHECK_EQ(memmap_find_room(in, ARRAY_LEN(in), LIMIT, 81, taken, ARRAY_LEN(taken)), MEMMAP_NO_ROOM);
	CHECK_EQ(memmap_find_room(in, ARRAY_LEN(in), 2020, 20, taken, ARRAY_LEN(taken)), 2000);
	CHECK_EQ(memmap_find_room(in, ARRAY_LEN(in), 150, 20, taken, ARRAY_LEN(taken)), 130);
	CHECK_EQ(memmap_find_room(NULL, 0, LIMIT, 1, taken, ARRAY_LEN(taken)), MEMMAP_NO_ROOM);
}

TEST(memmap, set_takes_a_piece_out_of_the_middle)
{
	const struct boot_range in[] = {efi(EFI_FREE, 100, 100), efi(EFI_BOOT_DATA, 200, 100)};

	build(in, ARRAY_LEN(in));
	CHECK_EQ(memmap_set(&map, 120, 130, MEMMAP_KERNEL), 0);
	check_range(0, 100, 120, MEMMAP_FREE);
	check_range(1, 120, 130, MEMMAP_KERNEL);
	check_range(2, 130, 200, MEMMAP_FREE);
	CHECK_EQ(memmap_set(&map, 190, 210, MEMMAP_TABLES), 0);
	check_range(3, 190, 210, MEMMAP_TABLES);
	check_range(4, 210, 300, MEMMAP_BOOT);
	CHECK_EQ(memmap_set(&map, 120, 130, MEMMAP_FREE), 0);
	check_range(0, 100, 190, MEMMAP_FREE);
	CHECK_EQ(memmap_set(&map, 0, 1000, MEMMAP_NONE), 0);
	CHECK_EQ(map.count, 0);
	CHECK_EQ(memmap_set(&map, 5, 5, MEMMAP_FREE), -1);
	CHECK_EQ(memmap_set(&map, 5, 6, MEMMAP_LOST), 0);
	check_range(0, 5, 6, MEMMAP_LOST);
}

TEST(memmap, find_takes_the_top_of_the_smallest_range_that_fits)
{
	const struct boot_range in[] = {efi(EFI_FREE, 100, 50), efi(EFI_FREE, 200, 20), efi(EFI_BOOT_DATA, 300, 12),
					efi(EFI_FREE, 400, 20), efi(EFI_FREE, 500, 5)};

	build(in, ARRAY_LEN(in));
	CHECK_EQ(memmap_find(&map, 10, LIMIT), 410);
	CHECK_EQ(memmap_find(&map, 10, 400), 210);
	CHECK_EQ(memmap_find(&map, 10, 115), 105); /* cut off by the bound, and still room */
	CHECK_EQ(memmap_find(&map, 21, LIMIT), 129);
	CHECK_EQ(memmap_find(&map, 51, LIMIT), MEMMAP_NO_ROOM);
}

/* Frame by frame, by the definition: the strictest kind that an entry gives it. */
static enum memmap_kind naive_kind(const struct boot_range *in, size_t count, pfn_t pfn)
{
	static const enum memmap_kind kinds[] = {[EFI_RESERVED] = MEMMAP_FIRMWARE, [EFI_LOADER_DATA] = MEMMAP_BOOT,
						 [EFI_BOOT_DATA] = MEMMAP_BOOT,	   [EFI_RUNTIME_DATA] = MEMMAP_FIRMWARE,
						 [EFI_FREE] = MEMMAP_FREE,	   [EFI_ACPI] = MEMMAP_ACPI,
						 [EFI_MMIO] = MEMMAP_DEVICE};
	enum memmap_kind kind = MEMMAP_NONE;

	for (size_t i = 0; i < count; i++)
		if (pfn >= in[i].paddr >> 12 && pfn - (in[i].paddr >> 12) < in[i].pages && kinds[in[i].type] > kind)
			kind = kinds[in[i].type];
	return kind;
}

TEST(memmap, random_maps_are_what_they_are_frame_by_frame)
{
	static const uint32_t types[] = {EFI_RESERVED, EFI_LOADER_DATA, EFI_BOOT_DATA, EFI_RUNTIME_DATA,
					 EFI_FREE,     EFI_ACPI,	EFI_MMIO};
	uint64_t seed = test_port_seed();

	test_port_note("seed %lu", (unsigned long)seed);
	for (unsigned round = 0; round < 200; round++) {
		struct boot_range in[24];
		size_t count = fixture_random(&seed, ARRAY_LEN(in) + 1);

		for (size_t i = 0; i < count; i++) {
			const uint32_t type = types[fixture_random(&seed, ARRAY_LEN(types))];
			const uint64_t first = fixture_random(&seed, 256);

			in[i] = efi(type, first, fixture_random(&seed, 64));
		}
		build(in, count);
		check_shape();
		for (pfn_t pfn = 0; pfn < 330; pfn++)
			CHECK_EQ(memmap_at(&map, pfn), naive_kind(in, count, pfn));

		pfn_t start = fixture_random(&seed, 256), end = start + 1 + fixture_random(&seed, 64);
		CHECK_EQ(memmap_set(&map, start, end, MEMMAP_KERNEL), 0);
		check_shape();
		for (pfn_t pfn = 0; pfn < 330; pfn++)
			CHECK_EQ(memmap_at(&map, pfn),
				 pfn >= start && pfn < end ? MEMMAP_KERNEL : naive_kind(in, count, pfn));
	}
}
