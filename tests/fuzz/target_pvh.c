/* PVH's start info: boot/pvh/start_info.c reads the input as physical memory.
 *
 * The first 6 bytes are where the input lies, in units of 16 bytes, and where the start info is in it. Every map is a
 * copy of just the bytes asked for, so that ASan sees a read behind them. Checked: what comes out can be used as it is.
 * The script lies in memory and outside of the kernel, the command line ends, the ranges fit, and the map made of them
 * gives nobody what an entry reserves, nor yet what lies below 1 MiB.
 */
#include <stdlib.h>

#include "boot/pvh/start_info.h"
#include "kernel/firmware/memmap.h"
#include "tests/fuzz/fuzz.h"

#define RANGES_MAX 64u
#define KERNEL	   (2 * MIB)
#define LIMIT	   ((pfn_t)1 << 30)

static const uint8_t *memory;
static uint64_t memory_base, memory_bytes;
static void *copy;

static const void *map(uint64_t paddr, uint64_t bytes)
{
	FUZZ_CHECK(bytes > 0 && bytes <= PVH_CMDLINE_MAX);
	free(copy);
	copy = NULL;
	if (paddr < memory_base || paddr - memory_base > memory_bytes || bytes > memory_bytes - (paddr - memory_base))
		return NULL;
	copy = malloc(bytes);
	memcpy(copy, memory + (paddr - memory_base), bytes);
	return copy;
}

/* Entry by entry, what isn't memory: no frame that it touches may be free. */
static void check_reserved(const struct memmap *m, const struct boot_info *info)
{
	uint64_t at;
	uint32_t count;

	memcpy(&at, memory + (info->start_info - memory_base) + 40, 8);
	memcpy(&count, memory + (info->start_info - memory_base) + 48, 4);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *entry = memory + (at - memory_base) + 24ull * i;
		uint64_t start, bytes;
		uint32_t type;

		memcpy(&start, entry, 8);
		memcpy(&bytes, entry + 8, 8);
		memcpy(&type, entry + 16, 4);
		if (type == 1 || type == 3 || bytes == 0)
			continue;
		const uint64_t last = bytes - 1 > ~0ull - start ? ~0ull : start + bytes - 1;
		FUZZ_CHECK(memmap_at(m, start >> FRAME_SHIFT) != MEMMAP_FREE);
		FUZZ_CHECK(memmap_at(m, start >> FRAME_SHIFT) != MEMMAP_BOOT);
		FUZZ_CHECK(memmap_at(m, last >> FRAME_SHIFT) != MEMMAP_FREE);
		FUZZ_CHECK(memmap_at(m, last >> FRAME_SHIFT) != MEMMAP_BOOT);
	}
}

static void check_script(const struct memmap *m, const struct boot_file *script)
{
	if (!script->paddr || !script->bytes)
		return;
	FUZZ_CHECK(script->bytes <= BOOT_FILE_MAX && script->bytes <= ~0ull - script->paddr);
	for (uint64_t pfn = script->paddr >> FRAME_SHIFT; pfn <= (script->paddr + script->bytes - 1) >> FRAME_SHIFT;
	     pfn++) {
		const enum memmap_kind kind = memmap_at(m, pfn);

		FUZZ_CHECK(kind == MEMMAP_FREE || kind == MEMMAP_BOOT || pfn >= LIMIT);
		FUZZ_CHECK(pfn < KERNEL >> FRAME_SHIFT || pfn >= (KERNEL + MIB) >> FRAME_SHIFT);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct memmap_range room[2 * RANGES_MAX + 1 + MEMMAP_SPARE];
	struct memmap m = {.range = room, .max = ARRAY_LEN(room)};
	struct boot_range *ranges = malloc(RANGES_MAX * sizeof(*ranges));
	const struct pvh_reader reader = {map, fuzz_say, ranges, RANGES_MAX};
	struct choices in = choices_of(data, bytes);
	struct pvh_error error = {0};

	fuzz_said = 0;
	memory_base = (uint64_t)choice_u32(&in) << 4;
	struct boot_info info = {.kernel_paddr = KERNEL, .kernel_bytes = MIB};
	info.start_info = memory_base + choice_u16(&in);
	memory = in.at;
	memory_bytes = choice_left(&in);
	if (pvh_start_info(&reader, &info, &error)) {
		FUZZ_CHECK(info.range_count <= RANGES_MAX);
		FUZZ_CHECK(fuzz_said <= RANGES_MAX / 2 + PVH_MODULES_MAX + 2);
		FUZZ_CHECK(info.cmdline_file.bytes < PVH_CMDLINE_MAX);
		FUZZ_CHECK(!info.cmdline_file.paddr == !info.cmdline_file.bytes);
		if (info.cmdline_file.paddr)
			FUZZ_CHECK(memory[info.cmdline_file.paddr - memory_base + info.cmdline_file.bytes] == 0);
		memmap_build(&m, ranges, info.range_count, LIMIT, fuzz_say);
		check_reserved(&m, &info);
		for (pfn_t pfn = 0; pfn < MIB >> FRAME_SHIFT; pfn++)
			FUZZ_CHECK(memmap_at(&m, pfn) != MEMMAP_FREE);
		check_script(&m, &info.script_file);
	} else {
		FUZZ_CHECK(error.what && fuzz_printable(error.what));
		FUZZ_CHECK(error.rule && fuzz_printable(error.rule));
	}
	free(copy);
	copy = NULL;
	free(ranges);
	return 0;
}
