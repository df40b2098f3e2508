/* The firmware's memory map, and what the kernel and the loader make of it: kernel/firmware/memmap.c, boot/tables.c.
 *
 * Checked: the result is sorted and without overlap; each frame near a border has the strictest kind that any entry
 * gives it, or none at all where there were too many ranges; room is found in free memory only, and found when there is
 * some; the loader's page tables fit the estimate.
 */
#include <stdlib.h>

#include "boot/tables.h"
#include "kernel/firmware/memmap.h"
#include "tests/fuzz/fuzz.h"

#define ENTRIES_MAX 300u
#define PROBES_MAX  4096u
#define PAGES_SPACE (~0ull >> FRAME_SHIFT) /* frames that 64 bits can address, less one */

static struct boot_range entries[ENTRIES_MAX];
static size_t entry_count;
static pfn_t probes[PROBES_MAX];
static size_t probe_count;

static void probe(pfn_t pfn)
{
	for (int off = -1; off <= 1 && probe_count < PROBES_MAX; off++)
		probes[probe_count++] = pfn + (pfn_t)off;
}

/* An entry is 10 bytes: type, shifts, start, pages. Shifts make small numbers of bytes reach far, all ones and odd
 * addresses included. */
static struct boot_range take_entry(struct choices *in)
{
	unsigned type = choice_u8(in), shifts = choice_u8(in);
	uint64_t start = choice_u32(in), pages = choice_u32(in);
	struct boot_range r = {.type = type & 0x80 ? ~type : type & 0x1f};

	r.attributes = (type & 0x40 ? 8 : 0) | (type & 0x20 ? 0x40000 : 0);
	r.paddr = start << (shifts & 3 ? 12 * (shifts & 3) : 0);
	r.pages = pages << (shifts & 0xc ? 10 * (shifts >> 2 & 3) : 0);
	if (shifts & 0x40)
		r.paddr = ~r.paddr;
	if (shifts & 0x80)
		r.pages = ~r.pages;
	return r;
}

/* The kind that one entry gives to a frame, from the types' meaning (UEFI 2.10, 7.2.3): usable memory counts where the
 * whole frame lies in it, all else where any byte does. */
static enum memmap_kind kind_by_entry(const struct boot_range *r, pfn_t pfn, pfn_t limit)
{
	static const enum memmap_kind kinds[] = {
		MEMMAP_NONE,	 MEMMAP_BOOT,	  MEMMAP_BOOT,	 MEMMAP_BOOT,	  MEMMAP_BOOT,
		MEMMAP_FIRMWARE, MEMMAP_FIRMWARE, MEMMAP_FREE,	 MEMMAP_FIRMWARE, MEMMAP_ACPI,
		MEMMAP_FIRMWARE, MEMMAP_DEVICE,	  MEMMAP_DEVICE, MEMMAP_FIRMWARE,
	};
	enum memmap_kind kind = r->type < ARRAY_LEN(kinds) ? kinds[r->type] : MEMMAP_DEVICE;
	unsigned __int128 first = r->paddr, end = first + ((unsigned __int128)r->pages << FRAME_SHIFT);
	unsigned __int128 at = (unsigned __int128)pfn << FRAME_SHIFT;

	if (r->type == 0)
		kind = r->attributes & 8 ? MEMMAP_FIRMWARE : MEMMAP_DEVICE;
	if (kind == MEMMAP_FREE || kind == MEMMAP_BOOT || kind == MEMMAP_ACPI) {
		if (r->attributes >> 63 != 0)
			kind = MEMMAP_FIRMWARE;
		else if ((r->attributes & 8) == 0)
			kind = MEMMAP_UNCACHED;
		else if ((r->attributes & 0x40000) != 0)
			kind = MEMMAP_SPECIAL;
	}
	if (r->pages == 0 || pfn >= limit)
		return MEMMAP_NONE;
	if (kind > MEMMAP_SPECIAL)
		return at + FRAME_SIZE > first && at < end ? kind : MEMMAP_NONE;
	if (r->pages > PAGES_SPACE - (r->paddr >> FRAME_SHIFT))
		return MEMMAP_NONE; /* wraps round: nothing of it can be believed */
	return at >= first && at + FRAME_SIZE <= end ? kind : MEMMAP_NONE;
}

static enum memmap_kind kind_wanted(pfn_t pfn, pfn_t limit)
{
	enum memmap_kind kind = MEMMAP_NONE;

	for (size_t i = 0; i < entry_count; i++) {
		enum memmap_kind by = kind_by_entry(&entries[i], pfn, limit);

		kind = by > kind ? by : kind;
	}
	return kind;
}

static void check_shape(const struct memmap *m)
{
	FUZZ_CHECK(m->count <= m->max);
	for (size_t i = 0; i < m->count; i++) {
		FUZZ_CHECK(m->range[i].start < m->range[i].end);
		FUZZ_CHECK(m->range[i].kind > MEMMAP_NONE && m->range[i].kind < MEMMAP_KINDS);
		if (i == 0)
			continue;
		FUZZ_CHECK(m->range[i - 1].end <= m->range[i].start);
		FUZZ_CHECK(m->range[i - 1].end < m->range[i].start || m->range[i - 1].kind != m->range[i].kind);
	}
}

static void check_find(const struct memmap *m, uint64_t frames, pfn_t below)
{
	pfn_t found = memmap_find(m, frames, below);
	bool room = false;

	for (size_t i = 0; i < m->count; i++) {
		const struct memmap_range *r = &m->range[i];
		pfn_t end = r->end < below ? r->end : below;

		if (r->kind != MEMMAP_FREE || end <= r->start || end - r->start < frames)
			continue;
		room = true;
		if (found >= r->start && found + frames <= end)
			return;
	}
	FUZZ_CHECK(!room && found == MEMMAP_NO_ROOM);
}

/* The kernel's own changes, against the kinds that the probed frames have. */
static void change(struct memmap *m, struct choices *in)
{
	static const enum memmap_kind kinds[] = {MEMMAP_NONE,	MEMMAP_FREE,   MEMMAP_LOST,
						 MEMMAP_KERNEL, MEMMAP_TABLES, MEMMAP_METADATA};
	enum memmap_kind kind = kinds[choice_below(in, ARRAY_LEN(kinds))];
	pfn_t start = probe_count ? probes[choice_u16(in) % probe_count] : choice_u16(in);
	pfn_t end = start + choice_u16(in);
	enum memmap_kind before[PROBES_MAX];
	size_t count = m->count;

	for (size_t i = 0; i < probe_count; i++)
		before[i] = memmap_at(m, probes[i]);
	if (memmap_set(m, start, end, kind) != 0) {
		FUZZ_CHECK(start >= end || count + 2 > m->max);
		FUZZ_CHECK(m->count == count);
		return;
	}
	check_shape(m);
	for (size_t i = 0; i < probe_count; i++)
		FUZZ_CHECK(memmap_at(m, probes[i]) == (probes[i] >= start && probes[i] < end ? kind : before[i]));
	check_find(m, 1 + choice_u8(in), end);
}

/* The loader maps what it believes to be memory; it must not run out of the tables that it asked for. */
static void check_tables(bool gib_pages)
{
	struct tables t = {.paddr = 0x7e000000, .nx = true, .gib_pages = gib_pages};

	t.frames = tables_frames(entries, entry_count, 0x9000);
	if (t.frames > 64) /* tens of GiB in many places: correct, but slow to make */
		return;
	t.memory = malloc(t.frames * FRAME_SIZE);
	tables_init(&t);
	FUZZ_CHECK(tables_direct_map(&t, entries, entry_count));
	FUZZ_CHECK(tables_map(&t, KERNEL_VBASE + 0x200000, 0x1000000, 0x9000, TABLES_EXECUTE));
	FUZZ_CHECK(tables_map(&t, 0x3ffff000, 0x3ffff000, 0x1000, TABLES_EXECUTE));
	FUZZ_CHECK(t.used <= t.frames);
	free(t.memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct choices in = choices_of(data, bytes);
	static struct memmap_range room[2 * ENTRIES_MAX + 1 + MEMMAP_SPARE];
	struct memmap m = {.range = room};
	unsigned head = choice_u8(&in), changes = head & 7;
	pfn_t limit = (head & 8) ? (pfn_t)1 << 30 : (pfn_t)1 << (choice_u8(&in) % 41);
	uint64_t covered = 0;

	entry_count = 0;
	probe_count = 0;
	fuzz_said = 0;
	probe(limit);
	while (choice_left(&in) > 6u * changes && entry_count < ENTRIES_MAX) {
		struct boot_range *r = &entries[entry_count++];

		*r = take_entry(&in);
		probe(r->paddr >> FRAME_SHIFT);
		probe((r->paddr >> FRAME_SHIFT) + r->pages);
	}
	/* Enough room, or for a few of the ranges only. */
	const bool enough = (head & 0x20) == 0;
	m.max = enough ? memmap_enough(entry_count) : MEMMAP_SPARE + 1 + entry_count / 2;
	memmap_build(&m, entries, entry_count, limit, fuzz_say);
	FUZZ_CHECK(fuzz_said <= 18);
	FUZZ_CHECK(m.count <= m.max - MEMMAP_SPARE);
	check_shape(&m);
	for (size_t i = 0; i < probe_count; i++) {
		enum memmap_kind kind = memmap_at(&m, probes[i]);

		if (kind != MEMMAP_NONE || enough)
			FUZZ_CHECK(kind == kind_wanted(probes[i], limit));
	}
	for (int kind = MEMMAP_NONE + 1; kind < MEMMAP_KINDS; kind++)
		covered += memmap_frames(&m, (enum memmap_kind)kind);
	FUZZ_CHECK(covered <= limit);
	check_find(&m, 1 + choice_u8(&in), limit);
	while (changes--)
		change(&m, &in);
	check_tables(head & 0x10);
	return 0;
}
