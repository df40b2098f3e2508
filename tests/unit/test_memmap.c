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

static struct memmap map;
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
					{.paddr = 20 << 12, .pages = ~0ull, .type = EFI_FREE},
					{.paddr = 50 << 12, .pages = ~0ull - 3, .type = EFI_RUNTIME_DATA}};

	build(in, ARRAY_LEN(in));
	CHECK_EQ(map.count, 2);
	check_range(0, 10, 50, MEMMAP_FREE);
	check_range(1, 50, LIMIT, MEMMAP_FIRMWARE);
	CHECK_EQ(complaints, 3); /* two that wrap, and the overlap from 50 on */
}

TEST(memmap, unaligned_memory_shrinks_and_unaligned_firmware_grows)
{
	const struct boot_range in[] = {{.paddr = (10 << 12) + 1, .pages = 10, .type = EFI_FREE},
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

TEST(memmap, more_ranges_than_there_is_room_for_lose_the_rest_only)
{
	static struct boot_range in[2 * MEMMAP_MAX];

	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		in[i] = efi(EFI_FREE, 2 * (ARRAY_LEN(in) - i), 1); /* apart, falling */
	build(in, ARRAY_LEN(in));
	CHECK_EQ(map.count, MEMMAP_MAX - MEMMAP_SPARE);
	CHECK_EQ(complaints, 1);
	check_shape();

	size_t sets = 0; /* what the firmware left full can still be cut up, to the last place and no further */
	while (memmap_set(&map, 3 + 2 * sets, 4 + 2 * sets, MEMMAP_KERNEL) == 0)
		sets++;
	CHECK(sets >= MEMMAP_SPARE / 2);
	CHECK(map.count <= MEMMAP_MAX);
	check_shape();
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
