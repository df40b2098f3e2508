// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* What `bench ops` measures, done by Linux's page allocator: a module that works while it is loaded, then refuses to
 * stay.
 *
 * Each operation is the one of the same name in tests/bench/guest/ops.c: as many blocks, in as many chunks, kept in an
 * array where ours are kept in one. Every repetition is a line of JSON on the console, {"row", "ns", "count"}, printed
 * between measurements; the host takes the medians. Printed as alerts, since a quiet boot shows nothing less.
 *
 * "Dual BSD/GPL", because alloc_pages_bulk_array() is exported to GPL-compatible modules only.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/swap.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>

#define PAIR_CHUNKS   16
#define PAIR_BLOCKS   4096
#define ZEROED_CHUNKS 16
#define ZEROED_MAX    1024
#define BULK_BATCH    512
#define CHUNK	      65536ul
#define AREA_ORDER    9

/* No row may make Linux reclaim: an allocation that finds nothing fails. */
#define PLAIN  (GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)
#define ZEROED (PLAIN | __GFP_ZERO)

static unsigned int reps = 5;
module_param(reps, uint, 0);
MODULE_PARM_DESC(reps, "repetitions of each row");

static unsigned int spare_mib = 96;
module_param(spare_mib, uint, 0);
MODULE_PARM_DESC(spare_mib, "what drain leaves to the rest of the system, which would reclaim otherwise");

/* As many as memory has pages. */
static struct page **held;

struct spent {
	u64 alloc_ns, alloc_count;
	u64 free_ns, free_count;
};

static void print_row(const char *row, u64 ns, u64 count)
{
	if (count)
		pr_alert("{\"bench\": \"ops\", \"row\": \"%s\", \"ns\": %llu, \"count\": %llu}\n", row, ns, count);
}

static void pair(unsigned int order, struct spent *spent)
{
	for (unsigned int c = 0; c < PAIR_CHUNKS; c++) {
		u64 start = ktime_get_ns();
		for (unsigned int i = 0; i < PAIR_BLOCKS; i++) {
			struct page *page = alloc_pages(PLAIN, order);
			if (!page)
				return;
			__free_pages(page, order);
		}
		spent->alloc_ns += ktime_get_ns() - start;
		spent->alloc_count += PAIR_BLOCKS;
		cond_resched();
	}
}

static void zeroed(unsigned int order, struct spent *spent)
{
	unsigned int blocks = order ? 16 : ZEROED_MAX;
	for (unsigned int c = 0; c < ZEROED_CHUNKS; c++) {
		unsigned int got = 0;
		u64 start = ktime_get_ns(), middle;
		while (got < blocks && (held[got] = alloc_pages(ZEROED, order)))
			got++;
		middle = ktime_get_ns();
		for (unsigned int i = 0; i < got; i++)
			__free_pages(held[i], order);
		spent->free_ns += ktime_get_ns() - middle;
		spent->alloc_ns += middle - start;
		spent->alloc_count += got;
		spent->free_count += got;
		cond_resched();
	}
}

/* Frees held[0 .. count - 1], one by one. */
static void free_chunks(unsigned long count, struct spent *spent)
{
	unsigned long i = 0;
	while (i < count) {
		unsigned long most = min(count, i + CHUNK);
		u64 start = ktime_get_ns();
		for (; i < most; i++)
			__free_pages(held[i], 0);
		spent->free_ns += ktime_get_ns() - start;
		cond_resched();
	}
	spent->free_count += count;
}

/* Up to 1 GiB, or half of what is free. For freeing many pages there is release_pages(), which takes 13% more
 * instructions than one by one, since it serves pages that are on lists of reclaim. */
static void bulk(struct spent *spent)
{
	unsigned long frames = min(nr_free_pages() / 2, 1ul << (30 - PAGE_SHIFT)), got = 0;
	frames -= frames % BULK_BATCH;
	/* Entries that hold a page already are left alone. */
	memset(held, 0, frames * sizeof(*held));
	while (got < frames) {
		u64 start = ktime_get_ns();
		unsigned long n = alloc_pages_bulk_array(PLAIN, BULK_BATCH, held + got);
		spent->alloc_ns += ktime_get_ns() - start;
		got += n;
		if (n < BULK_BATCH)
			break;
		cond_resched();
	}
	free_chunks(got, spent);
	spent->alloc_count = got;
}

/* Every free frame one by one, and back. */
static void drain(struct spent *spent)
{
	unsigned long spare = (unsigned long)spare_mib << (20 - PAGE_SHIFT);
	unsigned long capacity = totalram_pages(), got = 0;
	struct page *page = NULL;
	do {
		unsigned long free = nr_free_pages(), most;
		u64 start;
		if (free <= spare)
			break;
		most = min(got + min(free - spare, CHUNK), capacity);
		start = ktime_get_ns();
		while (got < most && (page = alloc_pages(PLAIN | __GFP_HIGHMEM, 0)))
			held[got++] = page;
		spent->alloc_ns += ktime_get_ns() - start;
		cond_resched();
	} while (page && got < capacity);
	free_chunks(got, spent);
	spent->alloc_count = got;
}

static void pair0(struct spent *spent)
{
	pair(0, spent);
}

static void pair9(struct spent *spent)
{
	pair(AREA_ORDER, spent);
}

static void zero0(struct spent *spent)
{
	zeroed(0, spent);
}

static void zero9(struct spent *spent)
{
	zeroed(AREA_ORDER, spent);
}

static const struct op {
	void (*run)(struct spent *spent);
	const char *row, *free_row;
} ops[] = {
	{pair0, "pair0"},
	{zero0, "zero0-alloc", "zero0-free"},
	{pair9, "pair9"},
	{zero9, "zero9-alloc", "zero9-free"},
	{bulk, "bulk-alloc", "bulk-free"},
	{drain, "drain-alloc", "drain-free"},
};

static int __init page_ops_init(void)
{
	held = vzalloc(totalram_pages() * sizeof(*held));
	if (!held)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		/* The first time is for warming up, and isn't said. */
		for (unsigned int r = 0; r <= reps; r++) {
			struct spent spent = {0};
			ops[i].run(&spent);
			if (r == 0)
				continue;
			print_row(ops[i].row, spent.alloc_ns, spent.alloc_count);
			if (ops[i].free_row)
				print_row(ops[i].free_row, spent.free_ns, spent.free_count);
		}
	}
	vfree(held);
	return -ENODEV; /* done: nothing of it needs to stay */
}

module_init(page_ops_init);
MODULE_DESCRIPTION("the page allocator's operations, timed");
MODULE_LICENSE("Dual BSD/GPL");
