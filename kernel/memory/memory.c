/* From the firmware's map to the allocator.
 *
 *   memory_map     cleans the map, makes our own page tables from frames that the map says are nobody's, switches
 *   memory_start   when ACPI's tables have been read and knobs are set: gives all that may be used to mm
 *
 * In between, page tables come from a run of frames that was reserved for them; what is left of it is given away too.
 */
#include "kernel/memory/memory.h"

#include "arch/x86_64/firmware.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/stacks.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/firmware/memmap.h"
#include "lib/bits.h"
#include "lib/table.h"
#include "mm/mm.h"

#define TABLES_SPARE   32u	       /* frames: the kernel image's tables, and MMIO until the allocator is there */
#define MANAGED_LEAST  (4 * MIB)       /* with less there is no room for stacks, malloc and a command to try */
#define TABLE_FRAMES   512u	       /* that one page table maps */
#define METADATA_SHARE 16u	       /* metadata beyond 1/16 of the memory can only be an absurd map's */
#define MEM_MIB_MAX    (4096u * 1024u) /* MM_PFN_LIMIT */

extern const char __kernel_start[], __text_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[],
	__data_end[], __kernel_end[];

static const char *const fresh_words[] = {"absent", "present", NULL};
static const char *const special_words[] = {"leave", "use", NULL};
static uint64_t fresh_present, limit_mib, special_use; /* (B) */

KNOB_CHOICE(boot_fresh, fresh_words, .name = "boot.fresh", .value = &fresh_present, .boot = true,
	    .help = "memory nobody used yet: absent (to be reported once) or present (dirty)");
KNOB_CHOICE(boot_special, special_words, .name = "boot.specific_purpose", .value = &special_use, .boot = true,
	    .help = "memory that the firmware means for a specific purpose (EFI_MEMORY_SP): leave it alone or use it");
KNOB(boot_mem_mib, .name = "boot.mem_mib", .unit = "MiB", .help = "use so much of the memory at most; 0: all",
     .value = &limit_mib, .max = MEM_MIB_MAX, .boot = true);

#define MAP_LEAST 256u /* ranges that there is always room for */

static struct memmap_range least[MAP_LEAST];				/* (B) */
static struct memmap map = {.range = least, .max = MAP_LEAST};		/* (B) */
static struct mm_range usable_least[MAP_LEAST], *usable = usable_least; /* (B) as many as the map's */
static pfn_t map_room, map_room_end;					/* (B) where these lie, if not there */
static uint64_t ram_bytes;						/* (B) what the map calls memory */
static pfn_t tables_next;    /* (B) of the run reserved for page tables, the first frame that is still free */
static pfn_t tables_end;     /* (B) */
static paddr_t kernel_paddr; /* (B) */

static uint64_t kib(uint64_t bytes)
{
	return bytes / 1024;
}

static uint64_t image_address(const char *symbol)
{
	return (uint64_t)(uintptr_t)symbol;
}

/* Page tables before there is an allocator. */
static paddr_t alloc_early(void)
{
	return tables_next < tables_end ? pfn_to_paddr(tables_next++) : 0;
}

static paddr_t alloc_late(void)
{
	pfn_t pfn = mm_alloc(&mm_system, 0, MM_ANY);

	return pfn == MM_PFN_NONE ? 0 : pfn_to_paddr(pfn);
}

/* RAM that the direct map covers: what is or will be ours, but not the kernel image, whose code would be writable
 * there. What the firmware keeps is none of our business. */
static bool is_direct(enum memmap_kind kind)
{
	return kind == MEMMAP_FREE || kind == MEMMAP_BOOT || kind == MEMMAP_ACPI || kind == MEMMAP_SPECIAL ||
	       kind == MEMMAP_TABLES || kind == MEMMAP_METADATA || kind == MEMMAP_KEPT;
}

/* The next run of direct-mapped frames at or after range *i; moves *i behind it. False: none. */
static bool next_direct(size_t *i, pfn_t *start, pfn_t *end)
{
	while (*i < map.count && !is_direct(map.range[*i].kind))
		(*i)++;
	if (*i == map.count)
		return false;
	*start = *end = map.range[*i].start;
	for (; *i < map.count && is_direct(map.range[*i].kind) && map.range[*i].start == *end; (*i)++)
		*end = map.range[*i].end;
	return true;
}

static void must(int result, const char *what)
{
	if (result < 0)
		panic("boot: no room in the memory map for %s", what);
}

/* Takes a run of free frames out, so many more than the direct map needs, below 4 GiB where there is room, so that a
 * CPU that starts in 32-bit mode can load CR3. */
static void reserve_tables(uint64_t frames, pfn_t limit)
{
	pfn_t start, end;

	/* Hundreds of small runs may lie side by side: one that lies where the last one ended takes no table more. */
	pfn_t area = MM_PFN_NONE;
	for (size_t i = 0; next_direct(&i, &start, &end);) {
		if (start / TABLE_FRAMES != area || (end - 1) / TABLE_FRAMES != area)
			frames += paging_tables_bound((end - start) * FRAME_SIZE);
		area = (end - 1) / TABLE_FRAMES;
	}
	tables_next = memmap_find(&map, frames, MM_PFN_4G);
	if (tables_next == MEMMAP_NO_ROOM)
		tables_next = memmap_find(&map, frames, limit);
	if (tables_next == MEMMAP_NO_ROOM)
		panic("too little memory: page tables need %lu KiB in one piece, the memory map has no such piece",
		      kib(frames * FRAME_SIZE));
	tables_end = tables_next + frames;
	must(memmap_set(&map, tables_next, tables_end, MEMMAP_TABLES), "page tables");
}

static void map_or_panic(uint64_t va, paddr_t paddr, uint64_t bytes, unsigned flags)
{
	if (bytes && paging_map(va, paddr, bytes, flags) < 0)
		panic("boot: 0x%lx bytes at 0x%lx can't be mapped", bytes, va);
}

static void map_image(uint64_t from, uint64_t to, unsigned flags)
{
	from = align_down(from, FRAME_SIZE);
	to = align_up(to, FRAME_SIZE);
	map_or_panic(from, kernel_paddr + (from - image_address(__kernel_start)), to - from, flags);
}

/* Maps the data that lies before a guard page, and leaves the page out. */
static void map_up_to_guard(uint64_t guard, void *arg)
{
	uint64_t *from = arg;

	map_image(*from, guard, PAGING_WRITE);
	*from = guard + FRAME_SIZE;
}

static void build_tables(void)
{
	pfn_t start, end;

	paging_set_alloc(alloc_early);
	if (paging_begin() < 0)
		panic("boot: no frame for page tables");
	for (size_t i = 0; next_direct(&i, &start, &end);)
		map_or_panic((uint64_t)(uintptr_t)phys_to_virt(pfn_to_paddr(start)), pfn_to_paddr(start),
			     (end - start) * FRAME_SIZE, PAGING_WRITE);
	map_image(image_address(__text_start), image_address(__text_end), PAGING_EXEC);
	map_image(image_address(__rodata_start), image_address(__rodata_end), 0);
	uint64_t from = image_address(__data_start);
	stack_guards(map_up_to_guard, &from);
	map_image(from, image_address(__data_end), PAGING_WRITE);
	paging_activate();
}

/* Frames of all kinds that are memory. */
static uint64_t ram_frames(void)
{
	uint64_t frames = 0;

	for (enum memmap_kind kind = MEMMAP_NONE + 1; kind < MEMMAP_KINDS; kind++)
		if (kind != MEMMAP_DEVICE)
			frames += memmap_frames(&map, kind);
	return frames;
}

/* What the loader left and we still read, in frames; an empty one: it isn't there. */
enum { LEFT_INFO, LEFT_RANGES, LEFT_CMDLINE, LEFT_CMDLINE_FILE, LEFT_TABLES, LEFT_SCRIPT, LEFT_KERNEL, LEFT_COUNT };

static struct memmap_range frames_at(paddr_t paddr, uint64_t bytes, enum memmap_kind kind)
{
	if (!paddr || !bytes || bytes > ~0ull - FRAME_SIZE - paddr)
		return (struct memmap_range){.kind = kind};
	return (struct memmap_range){paddr_to_pfn(paddr), paddr_to_pfn(paddr + bytes - 1) + 1, kind};
}

static void what_is_left(const struct boot_info *info, uint64_t image_bytes, struct memmap_range left[LEFT_COUNT])
{
	const paddr_t info_paddr = (uintptr_t)info - DIRECT_MAP_BASE;

	left[LEFT_INFO] = frames_at(info_paddr, sizeof(*info), MEMMAP_BOOT);
	left[LEFT_RANGES] = frames_at(info->ranges, info->range_count * sizeof(struct boot_range), MEMMAP_BOOT);
	left[LEFT_CMDLINE] = frames_at(info->cmdline, info->cmdline ? BOOT_CMDLINE_MAX + 1 : 0, MEMMAP_BOOT);
	left[LEFT_CMDLINE_FILE] = frames_at(info->cmdline_file.paddr, info->cmdline_file.bytes, MEMMAP_BOOT);
	left[LEFT_TABLES] = frames_at(info->tables_paddr, info->tables_bytes, MEMMAP_BOOT);
	left[LEFT_SCRIPT] = frames_at(info->script_file.paddr, info->script_file.bytes, MEMMAP_KEPT);
	left[LEFT_KERNEL] = frames_at(info->kernel_paddr, image_bytes, MEMMAP_KERNEL);
}

/* It lies where the loader put it, and is mapped and nobody else's, whatever the map says. What the map doesn't call
 * memory that becomes ours is kept for ever. */
static void keep(const struct memmap_range *left)
{
	for (pfn_t pfn = left->start, next; pfn < left->end; pfn = next) {
		const enum memmap_kind kind = memmap_at(&map, pfn);
		const bool ours = kind == MEMMAP_FREE || kind == MEMMAP_BOOT || kind == MEMMAP_ACPI;
		for (next = pfn + 1; next < left->end && memmap_at(&map, next) == kind;)
			next++;
		if (kind != MEMMAP_KERNEL && kind != MEMMAP_KEPT)
			must(memmap_set(&map, pfn, next, left->kind == MEMMAP_BOOT && !ours ? MEMMAP_KEPT : left->kind),
			     "what the loader left");
	}
}

/* Gives the map as much room as its entries may need, in memory that is free by all of them. There is always as much
 * as nearly all machines need. */
static void make_room(const struct boot_info *info, const struct memmap_range left[LEFT_COUNT], pfn_t limit)
{
	const struct boot_range *ranges = phys_to_virt(info->ranges);
	const size_t enough = memmap_enough(info->range_count);
	const uint64_t bytes = align_up(enough * (sizeof(*map.range) + sizeof(*usable)), FRAME_SIZE);

	if (enough <= MAP_LEAST)
		return;
	if (info->reach / FRAME_SIZE < limit)
		limit = info->reach / FRAME_SIZE;
	const pfn_t at = memmap_find_room(ranges, info->range_count, limit, bytes / FRAME_SIZE, left, LEFT_COUNT);
	if (at == MEMMAP_NO_ROOM) {
		log_printf("memory map: no room for %lu entries, there is some for %u ranges", info->range_count,
			   MAP_LEAST);
		return;
	}
	map.range = phys_to_virt(pfn_to_paddr(at));
	map.max = enough;
	usable = (struct mm_range *)(map.range + enough);
	map_room = at;
	map_room_end = at + bytes / FRAME_SIZE;
}

static void say_unused(enum memmap_kind kind, const char *why)
{
	const uint64_t frames = memmap_frames(&map, kind);

	if (frames)
		log_printf("memory map: %lu KiB aren't used: %s", kib(frames * FRAME_SIZE), why);
}

void memory_map(const struct boot_info *info)
{
	uint64_t image_bytes = image_address(__kernel_end) - image_address(__kernel_start);
	pfn_t limit = paddr_to_pfn(paging_paddr_limit());
	struct memmap_range left[LEFT_COUNT];

	if (!is_aligned(info->kernel_paddr, FRAME_SIZE) || info->kernel_bytes < image_bytes)
		panic("boot: the loader says the kernel is %lu bytes at 0x%lx, it has %lu", info->kernel_bytes,
		      info->kernel_paddr, image_bytes);
	kernel_paddr = info->kernel_paddr;
	if (limit > MM_PFN_LIMIT)
		limit = MM_PFN_LIMIT;
	const struct boot_range *ranges = phys_to_virt(info->ranges);
	what_is_left(info, image_bytes, left);
	make_room(info, left, limit);
	memmap_build(&map, ranges, info->range_count, limit, log_printf);
	say_unused(MEMMAP_UNCACHED, "the firmware says that they can't be cached");

	/* Page 0 stays out, so that a null pointer to physical memory is found out as well. */
	if (memmap_at(&map, 0) != MEMMAP_NONE && memmap_at(&map, 0) != MEMMAP_DEVICE)
		must(memmap_set(&map, 0, 1, MEMMAP_LOST), "page 0");
	if (map_room != map_room_end)
		must(memmap_set(&map, map_room, map_room_end, MEMMAP_KEPT), "itself");
	for (unsigned i = LEFT_COUNT; i-- > 0;) /* the kernel first, which nothing else may take */
		keep(&left[i]);
	ram_bytes = ram_frames() * FRAME_SIZE;
	const pfn_t reach = info->reach < MM_PFN_LIMIT * FRAME_SIZE ? paddr_to_pfn(info->reach) : MM_PFN_LIMIT;
	reserve_tables(TABLES_SPARE + firmware_tables_bound(ranges, info->range_count), reach);
	build_tables();
	if (info->way == BOOT_BY_PVH)
		return; /* nobody stays behind whose services could be called */
	const char *why = firmware_init(ranges, info->range_count, info->reset_system);
	if (why)
		log_printf("firmware: it can't switch the machine off: %s", why);
}

static bool is_usable(enum memmap_kind kind)
{
	return kind == MEMMAP_FREE || kind == MEMMAP_BOOT || kind == MEMMAP_ACPI ||
	       (kind == MEMMAP_SPECIAL && special_use != 0);
}

/* Leaves out what lies above the first limit_mib of usable memory. */
static void apply_limit(void)
{
	uint64_t left = limit_mib * MIB / FRAME_SIZE;
	pfn_t cut = MM_PFN_LIMIT;

	for (size_t i = 0; i < map.count && limit_mib; i++) {
		const struct memmap_range *r = &map.range[i];

		if (!is_usable(r->kind))
			continue;
		if (r->end - r->start > left) {
			cut = r->start + left;
			break;
		}
		left -= r->end - r->start;
	}
	for (size_t i = map.count; i-- > 0;) {
		struct memmap_range r = map.range[i];

		if (is_usable(r.kind) && r.end > cut)
			must(memmap_set(&map, r.start > cut ? r.start : cut, r.end, MEMMAP_LOST), "boot.mem_mib");
	}
}

/* Whether nobody has used such memory since the machine started. */
static bool is_untouched(enum memmap_kind kind)
{
	return kind == MEMMAP_FREE || kind == MEMMAP_SPECIAL;
}

/* What the allocator may have. Returns how many ranges. */
static size_t usable_ranges(struct mm_range *out, uint64_t *frames)
{
	size_t count = 0;

	*frames = 0;
	for (size_t i = 0; i < map.count; i++) {
		const struct memmap_range *r = &map.range[i];

		if (!is_usable(r->kind))
			continue;
		out[count++] = (struct mm_range){
			.start = r->start,
			.end = r->end,
			.fresh = is_untouched(r->kind) && !fresh_present ? MM_FRESH_UNKNOWN : MM_FRESH_DIRTY,
		};
		*frames += r->end - r->start;
	}
	return count;
}

void memory_start(void)
{
	struct mm_range *ranges = usable;
	uint64_t frames;
	size_t count, meta_bytes;

	if (tables_next < tables_end)
		must(memmap_set(&map, tables_next, tables_end, MEMMAP_FREE), "unused page tables");
	tables_end = tables_next;
	if (!special_use)
		say_unused(MEMMAP_SPECIAL,
			   "they are meant for a specific purpose (boot.specific_purpose=use takes them)");
	apply_limit();

	/* Metadata is as large as the span of the memory: a range far away from all others must not eat it up. */
	for (;;) {
		count = usable_ranges(ranges, &frames);
		meta_bytes = align_up(mm_meta_bytes(ranges, count), FRAME_SIZE);
		if (meta_bytes <= frames * FRAME_SIZE / METADATA_SHARE || count < 2)
			break;
		const struct mm_range *far = &ranges[count - 1];
		log_printf("memory map: 0x%lx pages at 0x%lx are too far away, left out", far->end - far->start,
			   pfn_to_paddr(far->start));
		must(memmap_set(&map, far->start, far->end, MEMMAP_LOST), "memory left out");
	}
	pfn_t meta = memmap_find(&map, meta_bytes / FRAME_SIZE, MM_PFN_LIMIT);
	if (meta == MEMMAP_NO_ROOM || frames * FRAME_SIZE < meta_bytes + MANAGED_LEAST)
		panic("too little memory: need %lu KiB, have %lu KiB", kib(meta_bytes + MANAGED_LEAST),
		      kib(frames * FRAME_SIZE));
	must(memmap_set(&map, meta, meta + meta_bytes / FRAME_SIZE, MEMMAP_METADATA), "the allocator's metadata");
	count = usable_ranges(ranges, &frames);
	if (mm_init(&mm_system, ranges, count, phys_to_virt(pfn_to_paddr(meta)), meta_bytes) < 0)
		panic("the allocator can't start with %lu KiB of memory", kib(frames * FRAME_SIZE));
	paging_set_alloc(alloc_late);

	struct memory_totals t;
	memory_totals(&t);
	log_printf("memory: %lu MiB of RAM, %lu KiB not managed: firmware %lu, kernel %lu, page tables %lu, "
		   "metadata %lu, lost %lu",
		   kib(t.ram) / 1024, kib(t.ram - t.managed), kib(t.firmware), kib(t.kernel), kib(t.tables),
		   kib(t.metadata), kib(t.lost));
}

void memory_totals(struct memory_totals *out)
{
	struct mm_totals mm;

	mm_totals(&mm_system, &mm);
	*out = (struct memory_totals){
		.ram = ram_bytes,
		.managed = mm.managed * FRAME_SIZE,
		.firmware = memmap_frames(&map, MEMMAP_FIRMWARE) * FRAME_SIZE,
		.kernel = (memmap_frames(&map, MEMMAP_KERNEL) + memmap_frames(&map, MEMMAP_KEPT)) * FRAME_SIZE,
		.tables = memmap_frames(&map, MEMMAP_TABLES) * FRAME_SIZE,
		.metadata = memmap_frames(&map, MEMMAP_METADATA) * FRAME_SIZE,
	};
	out->lost = out->ram - out->managed - out->firmware - out->kernel - out->tables - out->metadata;
}

static bool is_ram(enum memmap_kind kind)
{
	return kind != MEMMAP_NONE && kind != MEMMAP_DEVICE;
}

uint64_t memory_ram_frames(pfn_t first, pfn_t end)
{
	uint64_t frames = 0;

	for (size_t i = 0; i < map.count; i++) {
		const struct memmap_range *range = &map.range[i];
		pfn_t from = range->start > first ? range->start : first, to = range->end < end ? range->end : end;
		if (is_ram(range->kind) && from < to)
			frames += to - from;
	}
	return frames;
}

pfn_t memory_ram_end(void)
{
	for (size_t i = map.count; i-- > 0;)
		if (is_ram(map.range[i].kind) && map.range[i].kind != MEMMAP_FIRMWARE)
			return map.range[i].end;
	return 0;
}
