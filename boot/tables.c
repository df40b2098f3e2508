/* Makes the first page tables: see tables.h. */

#include "boot/tables.h"

#define PAGE	 4096ull
#define MIB2	 (2ull << 20)
#define GIB	 (1ull << 30)
#define GIBS_MAX (TABLES_PADDR_LIMIT / GIB)

/* Bits of an entry (SDM volume 3, 4.5.4). */
#define PRESENT (1ull << 0)
#define WRITE	(1ull << 1)
#define LARGE	(1ull << 7)
#define NX	(1ull << 63)
#define PADDR	0x000ffffffffff000ull

/* Levels, named by what one entry of them covers. */
enum level { LEVEL_4K, LEVEL_2M, LEVEL_1G, LEVEL_512G };

/* The part of a range that is direct-mapped, rounded outwards to 2 MiB; empty when none of it is memory. */
struct span {
	uint64_t start, end;
};

/* UEFI's types of memory that hold, or held, something the kernel may want to read: loader, boot and runtime services,
 * conventional, ACPI tables. Not reserved, unusable, MMIO, persistent and what came later. */
static bool is_memory(uint32_t type)
{
	return (type >= 1 && type <= 7) || type == 9 || type == 10;
}

static struct span span_of(const struct boot_range *r)
{
	struct span none = {0, 0};
	if (!is_memory(r->type) || r->pages == 0 || r->paddr >= TABLES_PADDR_LIMIT)
		return none;
	uint64_t room = (TABLES_PADDR_LIMIT - r->paddr) / PAGE;
	uint64_t pages = r->pages < room ? r->pages : room;
	return (struct span){r->paddr & ~(MIB2 - 1), (r->paddr + pages * PAGE + MIB2 - 1) & ~(MIB2 - 1)};
}

size_t tables_frames(const struct boot_range *ranges, size_t count, uint64_t kernel_bytes)
{
	/* One table of 2 MiB entries for each GiB that any range touches, and one above for each 512 of them. */
	uint64_t touched[GIBS_MAX / 64] = {0};
	for (size_t i = 0; i < count; i++) {
		struct span s = span_of(&ranges[i]);
		for (uint64_t g = s.start / GIB; g < (s.end + GIB - 1) / GIB; g++)
			touched[g / 64] |= 1ull << g % 64;
	}
	size_t frames = 1 + GIBS_MAX / 512;
	for (size_t g = 0; g < GIBS_MAX; g++)
		frames += touched[g / 64] >> g % 64 & 1;

	/* The kernel's two GiB windows at most, its 4 KiB entries, unaligned at both ends; three for the page
	 * elsewhere. */
	frames += 1 + 2 + kernel_bytes / MIB2 + 2;
	return frames + 3;
}

void tables_init(struct tables *t)
{
	t->used = 1;
	for (size_t i = 0; i < PAGE / 8; i++)
		t->memory[i] = 0;
}

static uint64_t *table_at(struct tables *t, uint64_t paddr)
{
	return t->memory + (paddr - t->paddr) / 8;
}

/* The entry for vaddr at the level, with the tables above it made where they are missing. NULL when the run is full, or
 * when a larger page covers the address already. */
static uint64_t *entry_of(struct tables *t, uint64_t vaddr, enum level level, bool *covered)
{
	uint64_t *table = t->memory;
	*covered = false;
	for (enum level at = LEVEL_512G;; at--) {
		uint64_t *entry = &table[vaddr >> (12 + 9 * at) & 511];
		if (at == level)
			return entry;
		if (*entry & LARGE) {
			*covered = true;
			return NULL;
		}
		if (!(*entry & PRESENT)) {
			if (t->used == t->frames)
				return NULL;
			uint64_t *fresh = t->memory + t->used * (PAGE / 8);
			for (size_t i = 0; i < PAGE / 8; i++)
				fresh[i] = 0;
			*entry = (t->paddr + t->used * PAGE) | PRESENT | WRITE;
			t->used++;
		}
		table = table_at(t, *entry & PADDR);
	}
}

/* Maps one page of the direct map, unless a range before did. */
static bool direct_map_page(struct tables *t, uint64_t paddr, enum level level)
{
	bool covered;
	uint64_t *entry = entry_of(t, DIRECT_MAP_BASE + paddr, level, &covered);
	if (!entry)
		return covered;
	*entry = paddr | PRESENT | WRITE | LARGE | (t->nx ? NX : 0);
	return true;
}

/* Whether 2 MiB pages in this GiB are mapped already, so that a 1 GiB page can't take the entry. */
static bool gib_is_split(struct tables *t, uint64_t paddr)
{
	bool covered;
	uint64_t *entry = entry_of(t, DIRECT_MAP_BASE + paddr, LEVEL_1G, &covered);
	return !entry || ((*entry & PRESENT) && !(*entry & LARGE));
}

bool tables_direct_map(struct tables *t, const struct boot_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct span s = span_of(&ranges[i]);
		while (s.start < s.end) {
			bool whole = t->gib_pages && s.start % GIB == 0 && s.end - s.start >= GIB;
			enum level level = whole && !gib_is_split(t, s.start) ? LEVEL_1G : LEVEL_2M;
			if (!direct_map_page(t, s.start, level))
				return false;
			s.start += level == LEVEL_1G ? GIB : MIB2;
		}
	}
	return true;
}

bool tables_map(struct tables *t, uint64_t vaddr, uint64_t paddr, uint64_t bytes, unsigned rights)
{
	for (uint64_t done = 0; done < bytes; done += PAGE) {
		bool covered;
		uint64_t *entry = entry_of(t, vaddr + done, LEVEL_4K, &covered);
		if (!entry)
			return false;
		*entry = (paddr + done) | PRESENT | (rights & TABLES_WRITE ? WRITE : 0) |
			 (!(rights & TABLES_EXECUTE) && t->nx ? NX : 0);
	}
	return true;
}
