/* buddy, mem and check: what the allocator holds, where the memory went, and whether it all adds up. */
#include <stdio.h>

#include "kernel/console/console.h"
#include "kernel/machine/dimm.h"
#include "kernel/memory/memory.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/json.h"
#include "mm/mm.h"

/* How much of the whole, in tenths of a per cent, to the nearest. */
static uint64_t per_mille(uint64_t part, uint64_t whole)
{
	return whole ? (part * 1000 + whole / 2) / whole : 0;
}

static void print_buddy_json(const struct mm_buddy_row *rows)
{
	struct json json = json_begin();
	json_array(&json, "orders");
	for (unsigned order = 0; order <= MM_ORDER_MAX; order++) {
		json_object(&json, NULL);
		json_u64(&json, "order", order);
		json_u64(&json, "free", rows[order].free_blocks);
		json_u64(&json, "zero", rows[order].zero_blocks);
		json_u64(&json, "reported", rows[order].reported_blocks);
		json_u64(&json, "fresh", rows[order].fresh_blocks);
		json_u64(&json, "at_least_bytes", rows[order].frames_at_least * FRAME_SIZE);
		json_fixed(&json, "at_least_pct",
			   (int64_t)per_mille(rows[order].frames_at_least, rows[0].frames_at_least), 1);
		json_close(&json);
	}
	json_close(&json);
	json_end(&json);
}

static int cmd_buddy(int argc, char **argv)
{
	bool as_json = false;
	const struct cmd_option options[] = {{.letter = 'j', .set = &as_json}, {0}};
	struct mm_buddy_row rows[MM_ORDER_MAX + 1];
	char size[CMD_SIZE_BYTES];

	if (cmd_args(argc, argv, options, NULL, 0, 0) == CMD_FAILED)
		return CMD_FAILED;
	mm_buddy(&mm_system, rows);
	if (as_json) {
		print_buddy_json(rows);
		return 0;
	}
	iprintf("order   block     free     zero reported    fresh  free in blocks this large\n");
	for (unsigned order = 0; order <= MM_ORDER_MAX; order++) {
		uint64_t share = per_mille(rows[order].frames_at_least, rows[0].frames_at_least);
		iprintf("%5u %7s %8lu %8lu %8lu %8lu", order, cmd_size_text(FRAME_SIZE << order, size),
			rows[order].free_blocks, rows[order].zero_blocks, rows[order].reported_blocks,
			rows[order].fresh_blocks);
		iprintf("  %12s %5lu.%lu%%\n", cmd_size_text(rows[order].frames_at_least * FRAME_SIZE, size),
			share / 10, share % 10);
	}
	return 0;
}

CMD(buddy, "buddy", "[-j]", "free blocks of each order, and the memory in blocks that large", cmd_buddy);

/* MiB with one decimal, and how much that is of the whole in percent with two, both to the nearest. */
static void print_share(const char *what, uint64_t bytes, uint64_t whole, const char *note)
{
	uint64_t tenths = (bytes * 10 + MIB / 2) / MIB, share = whole ? (bytes * 10000 + whole / 2) / whole : 0;
	iprintf("%-11s %9lu.%lu MiB %4lu.%02lu%%  %s\n", what, tenths / 10, tenths % 10, share / 100, share % 100,
		note);
}

static int cmd_mem(int argc, char **argv)
{
	struct memory_totals m;
	struct mm_totals t;

	if (cmd_args(argc, argv, NULL, NULL, 0, 0) == CMD_FAILED)
		return CMD_FAILED;
	memory_totals(&m);
	mm_totals(&mm_system, &t);
	print_share("RAM", m.ram, m.ram, "all of it, as the firmware tells");
	print_share("firmware", m.firmware, m.ram, "kept by the firmware");
	print_share("kernel", m.kernel, m.ram, "its image");
	print_share("tables", m.tables, m.ram, "page tables made at boot");
	print_share("metadata", m.metadata, m.ram, "the allocator's");
	print_share("lost", m.lost, m.ram, "page 0, parts of pages, out of reach");
	print_share("managed", m.managed, m.ram, "the allocator's to give");
	unsigned dimms;
	const uint64_t plugged = dimm_bytes(&dimms);
	if (plugged != 0)
		print_share("DIMM slots", plugged, m.ram, "beside all that: not used");
	iprintf("of the managed memory:\n");
	uint64_t managed = t.managed * FRAME_SIZE;
	print_share("allocated", t.allocated * FRAME_SIZE, managed, "owned by somebody");
	print_share("isolated", t.isolated * FRAME_SIZE, managed, "being zeroed or reported");
	print_share("free", t.free * FRAME_SIZE, managed, "of that:");
	print_share("  zero", t.zero * FRAME_SIZE, managed, "in stock");
	print_share("  fresh", t.fresh * FRAME_SIZE, managed, "not used yet, nor reported");
	print_share("  reported", t.reported * FRAME_SIZE, managed, "not backed by the host");
	print_share("  cached", t.cached * FRAME_SIZE, managed, "in the CPUs' caches");
	return 0;
}

CMD(mem, "mem", "", "where the memory went", cmd_mem);

static bool check_asked(void *unused)
{
	(void)unused;
	return console_interrupt_waits();
}

static int cmd_check(int argc, char **argv)
{
	const struct mm_stop stop = {.asked = check_asked};

	if (cmd_args(argc, argv, NULL, NULL, 0, 0) == CMD_FAILED)
		return CMD_FAILED;
	switch (mm_check_until(&mm_system, &stop)) {
	case MM_CHECKED_GOOD:
		iprintf("check: every invariant holds\n");
		return 0;
	case MM_CHECKED_BROKEN:
		iprintf("check: an invariant is broken, the log says which\n");
		break;
	case MM_CHECKED_NOT:
		console_interrupted(argv[0]);
		break;
	}
	return CMD_FAILED;
}

CMD(check, "check", "", "walk every invariant of the allocator", cmd_check);
