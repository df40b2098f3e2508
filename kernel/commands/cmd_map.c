/* map: physical memory as a picture, a letter for each cell of so many MiB. */
#include <stdio.h>
#include <string.h>

#include "kernel/console/console.h"
#include "kernel/memory/memory.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/json.h"
#include "mm/mm.h"

#define ROW_CELLS    64u
#define ROWS_WANTED  16u
#define MIB_FRAMES   ((pfn_t)(MIB / FRAME_SIZE))
#define CELL_MIB_MAX (1u << 20)

/* Kinds of frames: those of enum mm_state, where a frame that isn't managed is kept by somebody; and no RAM at all. */
#define NO_RAM	   MM_STATE_COUNT
#define KIND_COUNT (MM_STATE_COUNT + 1)

static const struct kind {
	char letter;
	unsigned char sgr; /* its colour */
	const char *name;  /* and its key in JSON */
	const char *says;
} kinds[KIND_COUNT] = {
	[MM_STATE_UNMANAGED] = {'K', 90, "kept", "firmware, kernel"},
	[MM_STATE_ALLOCATED] = {'A', 31, "allocated", "allocated"},
	[MM_STATE_CACHED] = {'C', 35, "cached", "cached"},
	[MM_STATE_DIRTY] = {'D', 33, "dirty", "dirty"},
	[MM_STATE_ZERO] = {'Z', 32, "zero", "zero"},
	[MM_STATE_REPORTED] = {'R', 34, "reported", "reported"},
	[MM_STATE_REPORTED_ZERO] = {'B', 36, "reported_zero", "reported, zero"},
	[MM_STATE_FRESH] = {'F', 37, "fresh", "fresh"},
	[MM_STATE_ISOLATED] = {'I', 95, "isolated", "being worked on"},
	[NO_RAM] = {'.', 90, "no_ram", "no RAM"},
};

/* Frames first <= pfn < end by kind. */
static void count_kinds(pfn_t first, pfn_t end, uint64_t counts[KIND_COUNT])
{
	mm_count(&mm_system, first, end, counts);
	uint64_t ram = memory_ram_frames(first, end), managed = end - first - counts[MM_STATE_UNMANAGED];
	counts[MM_STATE_UNMANAGED] = ram - managed;
	counts[NO_RAM] = end - first - ram;
}

/* The kind that most of the RAM in a cell is. */
static unsigned main_kind(const uint64_t counts[KIND_COUNT])
{
	unsigned best = NO_RAM;

	for (unsigned kind = 0; kind < NO_RAM; kind++)
		if (counts[kind] > (best == NO_RAM ? 0 : counts[best]))
			best = kind;
	return best;
}

/* Of the picture, without those that have no RAM. */
static uint64_t count_rows(pfn_t end, uint64_t cell_mib)
{
	pfn_t row = cell_mib * MIB_FRAMES * ROW_CELLS;
	uint64_t rows = 0;

	for (pfn_t first = 0; first < end; first += row)
		rows += memory_ram_frames(first, first + row) > 0;
	return rows;
}

/* The smallest power of two, in MiB, that makes the picture no longer than wanted. */
static uint64_t fitting_cell_mib(pfn_t end)
{
	uint64_t mib = 1;

	while (mib < CELL_MIB_MAX && count_rows(end, mib) > ROWS_WANTED)
		mib *= 2;
	return mib;
}

static void print_cell(pfn_t first, pfn_t end, unsigned *sgr)
{
	uint64_t counts[KIND_COUNT];

	count_kinds(first, end, counts);
	unsigned main = main_kind(counts);
	char letter = kinds[main].letter;
	if (counts[main] < end - first && main != NO_RAM)
		letter = (char)(letter - 'A' + 'a');
	if (kinds[main].sgr != *sgr)
		console_color(*sgr = kinds[main].sgr);
	putchar(letter);
}

static void print_row(pfn_t first, pfn_t end, pfn_t cell)
{
	unsigned sgr = 0;

	iprintf("%8lu MiB ", first / MIB_FRAMES);
	for (; first < end; first += cell)
		print_cell(first, end - first < cell ? end : first + cell, &sgr);
	if (sgr)
		console_color(0);
	iprintf("\n");
}

static void print_legend(pfn_t end, uint64_t cell_mib)
{
	uint64_t counts[KIND_COUNT];
	char size[CMD_SIZE_BYTES];
	unsigned padding = 0, shown = 0;

	iprintf("A cell is %lu MiB: a capital where all of it is so, small where most of it is.\n", cell_mib);
	count_kinds(0, end, counts);
	for (unsigned kind = 0; kind < NO_RAM; kind++) {
		if (counts[kind] == 0)
			continue;
		iprintf("%*s", (int)padding, "");
		console_color(kinds[kind].sgr);
		iprintf("%c", kinds[kind].letter);
		console_color(0);
		cmd_size_text(counts[kind] * FRAME_SIZE, size);
		iprintf(" %-17s %s", kinds[kind].says, size);
		padding = 20 - (unsigned)strlen(size);
		if (++shown % 2 == 0) {
			iprintf("\n");
			padding = 0;
		}
	}
	if (padding)
		iprintf("\n");
}

/* False: interrupted. */
static bool print_map(pfn_t end, uint64_t cell_mib)
{
	pfn_t cell = cell_mib * MIB_FRAMES, row = cell * ROW_CELLS;
	bool skipped = false;

	for (pfn_t first = 0; first < end; first += row) {
		pfn_t next = end - first < row ? end : first + row;
		if (console_interrupted("map"))
			return false;
		if (memory_ram_frames(first, next) > 0)
			print_row(first, next, cell);
		else if (!skipped)
			iprintf("%8s     ...\n", "");
		skipped = memory_ram_frames(first, next) == 0;
	}
	print_legend(end, cell_mib);
	return true;
}

/* Frames by kind of every cell that has RAM. False: interrupted. */
static bool print_json(pfn_t end, uint64_t cell_mib)
{
	pfn_t cell = cell_mib * MIB_FRAMES;
	struct json json = json_begin();
	uint64_t counts[KIND_COUNT];
	bool interrupted = false;

	json_u64(&json, "cell_mib", cell_mib);
	json_array(&json, "cells");
	for (pfn_t first = 0; first < end && !interrupted; first += cell) {
		count_kinds(first, end - first < cell ? end : first + cell, counts);
		if (main_kind(counts) == NO_RAM)
			continue;
		json_object(&json, NULL);
		json_u64(&json, "mib", first / MIB_FRAMES);
		for (unsigned kind = 0; kind < NO_RAM; kind++)
			json_u64(&json, kinds[kind].name, counts[kind]);
		json_close(&json);
		interrupted = console_interrupted("map");
	}
	json_close(&json);
	json_end(&json);
	return !interrupted;
}

static int cmd_map(int argc, char **argv)
{
	bool as_json = false;
	const char *cell_text = NULL;
	const struct cmd_option options[] = {
		{.letter = 'c', .value_name = "MIB", .value = &cell_text}, {.letter = 'j', .set = &as_json}, {0}};
	pfn_t end = memory_ram_end();
	uint64_t cell_mib = fitting_cell_mib(end);

	if (cmd_args(argc, argv, options, NULL, 0, 0) == CMD_FAILED)
		return CMD_FAILED;
	if (cell_text && cmd_number(argv[0], "MIB", cell_text, parse_numbers(1, CELL_MIB_MAX), &cell_mib) != 0)
		return CMD_FAILED;
	console_pages();
	return (as_json ? print_json(end, cell_mib) : print_map(end, cell_mib)) ? 0 : CMD_FAILED;
}

CMD(map, "map", "[-c MIB] [-j]", "a picture of memory, a letter for each cell of so many MiB", cmd_map);
