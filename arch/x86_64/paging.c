/* Four-level page tables: SDM volume 3, 4.5.
 *
 * Tables are reached through the direct map: the loader's until paging_activate, then our own, which covers every frame
 * that the allocation hook returns.
 */
#include "arch/x86_64/paging.h"

#include <string.h>

#include "arch/x86_64/asm.h"
#include "lib/bits.h"
#include "lib/table.h"

#define PTE_PRESENT  BIT(0)
#define PTE_WRITE    BIT(1)
#define PTE_UNCACHED (BIT(3) | BIT(4)) /* PWT, PCD: entry 3 of the PAT, uncacheable since reset */
#define PTE_LARGE    BIT(7)
#define PTE_NX	     BIT(63)
#define PTE_FRAME    0x000ffffffffff000ull
#define ENTRIES	     512u

#define CR0_WP	 BIT(16)
#define CR4_PGE	 BIT(7)
#define CR4_UMIP BIT(11)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define EFER_NXE BIT(11)

static paging_alloc_fn *alloc_hook;
static paddr_t root;
static paddr_t identity_root; /* 0: nothing was mapped there */
static uint64_t table_frames;
STAT(paging_tables, "paging.table_frames", "frames", "page tables of the kernel's address space", &table_frames);
static uint64_t nx;	   /* PTE_NX where the CPU knows it */
static unsigned level_max; /* of a mapping: 2 with 1 GiB pages, else 1 */
static bool active;

void paging_set_alloc(paging_alloc_fn *alloc)
{
	alloc_hook = alloc;
}

paddr_t paging_alloc_frame(void)
{
	return alloc_hook();
}

/* Bytes that one entry covers: level 0 is 4 KiB, 1 is 2 MiB, 2 is 1 GiB, 3 is 512 GiB. */
static uint64_t entry_bytes(unsigned level)
{
	return 1ull << (FRAME_SHIFT + 9 * level);
}

static paddr_t new_table(void)
{
	paddr_t table = alloc_hook();

	if (table) {
		memset(phys_to_virt(table), 0, FRAME_SIZE);
		table_frames++;
	}
	return table;
}

/* What becomes of tables that aren't there on the way to an entry. */
enum missing { MISSING_STAY, MISSING_MADE };

/* The entry for va at that level. NULL: a table is missing, there is no memory for one, or a large page lies above. */
static uint64_t *entry_in(paddr_t top, uint64_t va, unsigned level, enum missing missing)
{
	uint64_t *table = phys_to_virt(top);

	for (unsigned l = 3;; l--) {
		uint64_t *entry = &table[va / entry_bytes(l) % ENTRIES];

		if (l == level)
			return entry;
		if (!(*entry & PTE_PRESENT)) {
			paddr_t below = missing == MISSING_MADE ? new_table() : 0;

			if (!below)
				return NULL;
			*entry = below | PTE_PRESENT | PTE_WRITE; /* the last level decides */
		} else if (*entry & PTE_LARGE) {
			return NULL;
		}
		table = phys_to_virt(*entry & PTE_FRAME);
	}
}

static uint64_t *entry_at(uint64_t va, unsigned level, enum missing missing)
{
	return entry_in(root, va, level, missing);
}

int paging_begin(void)
{
	nx = cpuid(0x80000001).d & BIT(20) ? PTE_NX : 0;
	level_max = cpuid(0x80000001).d & BIT(26) ? 2 : 1;
	table_frames = 0;
	root = new_table();
	return root ? 0 : -1;
}

int paging_map(uint64_t va, paddr_t paddr, uint64_t bytes, unsigned flags)
{
	uint64_t bits = PTE_PRESENT | (flags & PAGING_WRITE ? PTE_WRITE : 0) | (flags & PAGING_EXEC ? 0 : nx) |
			(flags & PAGING_DEVICE ? PTE_UNCACHED : 0);

	while (bytes) {
		unsigned level = level_max;

		while (level && (!is_aligned(va | paddr, entry_bytes(level)) || bytes < entry_bytes(level)))
			level--;
		uint64_t *entry = entry_at(va, level, MISSING_MADE);
		if (!entry || (*entry & PTE_PRESENT))
			return -1;
		*entry = paddr | bits | (level ? PTE_LARGE : 0);
		va += entry_bytes(level);
		paddr += entry_bytes(level);
		bytes -= entry_bytes(level);
	}
	return 0;
}

int paging_map_identity(paddr_t paddr, uint64_t bytes, bool device)
{
	if (!identity_root)
		identity_root = new_table();
	for (paddr_t at = paddr; at < paddr + bytes; at += FRAME_SIZE) {
		uint64_t *entry = identity_root ? entry_in(identity_root, at, 0, MISSING_MADE) : NULL;

		if (!entry)
			return -1;
		if (!(*entry & PTE_PRESENT))
			*entry = at | PTE_PRESENT | PTE_WRITE | (device ? PTE_UNCACHED : 0);
	}
	return 0;
}

void paging_enter_identity(void)
{
	const uint64_t *from = phys_to_virt(root);
	uint64_t *to = phys_to_virt(identity_root);

	/* What the upper half has now: its tables of the highest level come as they are needed. */
	memcpy(to + ENTRIES / 2, from + ENTRIES / 2, ENTRIES / 2 * sizeof(*to));
	write_cr3(identity_root);
}

void paging_leave_identity(void)
{
	write_cr3(root);
}

paddr_t paging_unmap(uint64_t va)
{
	uint64_t *entry = entry_at(va, 0, MISSING_STAY);

	if (!entry || !(*entry & PTE_PRESENT))
		return 0;
	paddr_t paddr = *entry & PTE_FRAME;
	*entry = 0;
	invlpg(va);
	return paddr;
}

bool paging_lookup(uint64_t va, paddr_t *paddr, unsigned *flags)
{
	if (!active)
		return false;
	for (unsigned level = 0; level <= level_max; level++) {
		uint64_t *entry = entry_at(va, level, MISSING_STAY);

		if (!entry)
			continue;
		if (!(*entry & PTE_PRESENT))
			return false;
		*paddr = (*entry & PTE_FRAME & ~(entry_bytes(level) - 1)) + va % entry_bytes(level);
		if (flags)
			*flags = (*entry & PTE_WRITE ? PAGING_WRITE : 0) | (*entry & PTE_NX ? 0 : PAGING_EXEC) |
				 (*entry & PTE_UNCACHED ? PAGING_DEVICE : 0);
		return true;
	}
	return false;
}

bool paging_any(uint64_t va, uint64_t bytes)
{
	const uint64_t end = va + bytes;

	while (active && va < end) {
		unsigned level = 3;

		/* Down to where nothing is mapped, which may be far up. */
		for (;; level--) {
			const uint64_t *entry = entry_at(va, level, MISSING_STAY);

			if (!entry || !(*entry & PTE_PRESENT))
				break;
			if (level == 0 || (level < 3 && (*entry & PTE_LARGE)))
				return true;
		}
		va = align_down(va, entry_bytes(level)) + entry_bytes(level);
	}
	return false;
}

void paging_activate(void)
{
	struct cpuid features = cpuid(7);
	/* No page is global, so that loading CR3 forgets all that the loader and the firmware had mapped. */
	uint64_t cr4 = read_cr4() & ~CR4_PGE;

	if (nx)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	write_cr4(cr4);
	write_cr3(root);
	write_cr0(read_cr0() | CR0_WP);
	cr4 |= features.b & BIT(7) ? CR4_SMEP : 0;
	cr4 |= features.b & BIT(20) ? CR4_SMAP : 0;
	cr4 |= features.c & BIT(2) ? CR4_UMIP : 0;
	write_cr4(cr4);
	active = true;
}

uint64_t paging_tables_bound(uint64_t bytes)
{
	uint64_t tables = 2; /* for the 4 KiB pages at either end */

	for (unsigned level = 2; level <= 3; level++)
		tables += bytes / entry_bytes(level) + 2;
	return tables;
}

paddr_t paging_paddr_limit(void)
{
	unsigned bits = cpuid(0x80000008).a & 0xff;

	return BIT(bits < 32 || bits > 52 ? 36 : bits);
}
