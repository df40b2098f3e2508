/* alloc, handles, fill, verify and free: the allocator by hand. */
#include <stdio.h>
#include <string.h>

#include "kernel/commands/handles.h"
#include "kernel/console/console.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/complete.h"
#include "mm/mm.h"

static const char *want_text(unsigned want)
{
	bool low = want & MM_BELOW_4G;
	switch (want & ~MM_BELOW_4G) {
	case MM_ZERO_COLD:
		return low ? "zero, below 4 GiB" : "zero";
	case MM_ZERO_HOT:
		return low ? "zero (hot), below 4 GiB" : "zero (hot)";
	default:
		return low ? "below 4 GiB" : "";
	}
}

/* "512 blocks of order 9, 1 GiB". */
static void print_blocks(uint64_t count, unsigned order)
{
	char size[CMD_SIZE_BYTES];
	iprintf("%lu block%s of order %u, %s", count, count == 1 ? "" : "s", order,
		cmd_size_text(count * (FRAME_SIZE << order), size));
}

static void print_handle(const struct handle *handle)
{
	const char *want = want_text(handle->want);
	iprintf("handle %lu: ", handle->id);
	print_blocks(handle->count, handle->order);
	iprintf(", first pfn 0x%lx%s%s\n", handle->pfns[0], *want ? ", " : "", want);
}

/* One line: what was asked for, and what there is. The list of blocks takes memory too. */
static void print_failure(enum handle_error error, uint64_t count, unsigned order, unsigned want)
{
	struct mm_buddy_row rows[MM_ORDER_MAX + 1];
	struct mm_totals totals;
	char size[CMD_SIZE_BYTES];
	uint64_t fitting = 0;

	mm_buddy(&mm_system, rows);
	mm_totals(&mm_system, &totals);
	for (unsigned o = order; o <= MM_ORDER_MAX; o++)
		fitting += rows[o].free_blocks << (o - order);
	iprintf("alloc: no memory for %s", error == HANDLE_NO_LIST ? "the list of " : "");
	print_blocks(count, order);
	iprintf("%s; free are %s, %lu block%s of that order%s\n", want & MM_BELOW_4G ? " below 4 GiB" : "",
		cmd_size_text(totals.free * FRAME_SIZE, size), fitting, fitting == 1 ? "" : "s",
		want & MM_BELOW_4G ? " anywhere" : "");
}

static int cmd_alloc(int argc, char **argv)
{
	bool cold = false, hot = false, low = false;
	const char *order_text = "0", *count_text = "1";
	const struct cmd_option options[] = {
		{.letter = 'o', .value_name = "ORDER", .value = &order_text},
		{.letter = 'n', .value_name = "COUNT", .value = &count_text},
		{.letter = 'z', .set = &cold},
		{.letter = 'Z', .set = &hot},
		{.letter = 'l', .set = &low},
		{0},
	};
	uint64_t order, count;
	struct handle *handle;

	if (cmd_args(argc, argv, options, NULL, 0, 0) == CMD_FAILED ||
	    cmd_number(argv[0], "ORDER", order_text, parse_numbers(0, MM_ORDER_MAX), &order) != 0 ||
	    cmd_number(argv[0], "COUNT", count_text, parse_numbers(1, MM_PFN_LIMIT), &count) != 0)
		return CMD_FAILED;
	if (cold && hot) {
		iprintf("alloc: -z and -Z exclude each other\n");
		return CMD_FAILED;
	}
	unsigned want = (cold ? MM_ZERO_COLD : hot ? MM_ZERO_HOT : MM_ANY) | (low ? MM_BELOW_4G : 0);
	enum handle_error error = handle_alloc((unsigned)order, want, count, &handle);
	if (error == HANDLE_STOPPED)
		return CMD_FAILED;
	if (error != HANDLE_OK) {
		print_failure(error, count, (unsigned)order, want);
		return CMD_FAILED;
	}
	print_handle(handle);
	return 0;
}

CMD(alloc, "alloc", "[-o ORDER] [-n COUNT] [-z|-Z] [-l]",
    "get blocks, all or none: -z zero cold, -Z zero hot, -l below 4 GiB", cmd_alloc);

static int cmd_handles(int argc, char **argv)
{
	if (cmd_args(argc, argv, NULL, NULL, 0, 0) == CMD_FAILED)
		return CMD_FAILED;
	if (!handle_first())
		iprintf("no handles\n");
	console_pages();
	for (const struct handle *handle = handle_first(); handle; handle = handle->next)
		print_handle(handle);
	return 0;
}

CMD(handles, "handles", "", "list what alloc got", cmd_handles);

static struct handle *handle_of(const char *cmd, const char *text)
{
	uint64_t id;
	if (cmd_number(cmd, "HANDLE", text, parse_numbers(1, UINT64_MAX), &id) != 0)
		return NULL;
	struct handle *handle = handle_find(id);
	if (!handle)
		iprintf("%s: there is no handle %lu, `handles` lists them\n", cmd, id);
	return handle;
}

static void handle_words(const struct completion *c)
{
	char id[24];

	for (const struct handle *handle = handle_first(); handle; handle = handle->next) {
		sniprintf(id, sizeof(id), "%lu", handle->id);
		c->offer(c->to, id);
	}
}

COMPLETE(handle, "HANDLE", .words = handle_words);

/* The arguments that fill and verify have. NULL: said why. */
static struct handle *handle_and_byte(int argc, char **argv, uint8_t *byte)
{
	uint64_t value;
	if (cmd_args(argc, argv, NULL, "HANDLE BYTE", 2, 2) == CMD_FAILED)
		return NULL;
	struct handle *handle = handle_of(argv[0], argv[1]);
	if (!handle || cmd_number(argv[0], "BYTE", argv[2], parse_numbers(0, 255), &value) != 0)
		return NULL;
	*byte = (uint8_t)value;
	return handle;
}

static int cmd_fill(int argc, char **argv)
{
	uint8_t byte;
	struct handle *handle = handle_and_byte(argc, argv, &byte);
	if (!handle)
		return CMD_FAILED;
	return handle_fill(handle, byte) ? 0 : CMD_FAILED;
}

CMD(fill, "fill", "HANDLE BYTE", "write every byte of a handle's blocks", cmd_fill);

static int cmd_verify(int argc, char **argv)
{
	uint8_t byte, found;
	pfn_t pfn;
	uint64_t offset;
	struct handle *handle = handle_and_byte(argc, argv, &byte);
	if (!handle)
		return CMD_FAILED;
	enum handle_found what = handle_verify(handle, byte, &pfn, &offset, &found);
	if (what == HANDLE_SAME)
		return 0;
	if (what == HANDLE_OTHER)
		iprintf("verify: handle %lu, pfn 0x%lx, offset 0x%lx: 0x%02x, not 0x%02x\n", handle->id, pfn, offset,
			found, byte);
	return CMD_FAILED;
}

CMD(verify, "verify", "HANDLE BYTE", "read every byte of a handle's blocks", cmd_verify);

/* keep 0: all of it. */
static bool free_one(struct handle *handle, uint64_t keep)
{
	return keep == 0 ? handle_free(handle) : handle_thin(handle, keep);
}

static int cmd_free(int argc, char **argv)
{
	const char *keep_text = NULL;
	const struct cmd_option options[] = {{.letter = 'k', .value_name = "N", .value = &keep_text}, {0}};
	uint64_t keep = 0;

	if (cmd_args(argc, argv, options, "HANDLE or all", 1, 1) == CMD_FAILED)
		return CMD_FAILED;
	if (keep_text && cmd_number(argv[0], "N", keep_text, parse_numbers(2, MM_PFN_LIMIT), &keep) != 0)
		return CMD_FAILED;
	if (strcmp(argv[1], "all") == 0) {
		for (struct handle *handle = handle_first(), *next; handle; handle = next) {
			next = handle->next;
			if (!free_one(handle, keep) || (next && console_interrupted(argv[0])))
				return CMD_FAILED;
		}
		return 0;
	}
	if (argv[1][0] < '0' || argv[1][0] > '9') {
		iprintf("%s: takes the number of a handle, or all, not '%.40s'\n", argv[0], argv[1]);
		return CMD_FAILED;
	}
	struct handle *handle = handle_of(argv[0], argv[1]);
	if (!handle)
		return CMD_FAILED;
	return free_one(handle, keep) ? 0 : CMD_FAILED;
}

CMD(free, "free", "[-k N] HANDLE|all", "give blocks back; -k keeps every N-th block, beginning with the first",
    cmd_free);
