/* The memory map made trustworthy: from whatever the firmware says to sorted runs of frames that don't overlap.
 *
 * Pure: no hardware, no allocation, no log of its own. Each frame ends up with the strictest kind that any entry gives
 * it, so a wrong map can cost memory but can't hand out a frame that somebody else uses. Frames that no entry speaks of
 * are in no run.
 */
#pragma once

#include "boot/boot_info.h"
#include "lib/types.h"

/* From the weakest to the strictest. */
enum memmap_kind {
	MEMMAP_NONE,
	MEMMAP_FREE,	 /* conventional: nobody's */
	MEMMAP_BOOT,	 /* the loader's and boot services': ours, once we have stopped using it */
	MEMMAP_ACPI,	 /* ACPI tables: ours, once they have been read */
	MEMMAP_SPECIAL,	 /* conventional, but meant for a specific purpose: nobody's, and not for everybody */
	MEMMAP_UNCACHED, /* conventional, but it can't be cached: of no use to us */
	MEMMAP_FIRMWARE, /* RAM that the firmware keeps */
	MEMMAP_DEVICE,	 /* not RAM, or not known to be */
	/* what the kernel itself takes, by memmap_set */
	MEMMAP_LOST,
	MEMMAP_KERNEL,
	MEMMAP_KEPT, /* what the loader read and the kernel goes on reading */
	MEMMAP_TABLES,
	MEMMAP_METADATA,
	MEMMAP_KINDS,
};

/* Frames start <= pfn < end. */
struct memmap_range {
	pfn_t start;
	pfn_t end;
	enum memmap_kind kind;
};

#define MEMMAP_SPARE 40u /* ranges that memmap_build leaves to memmap_set, each call of which may need two */

/* Sorted by start, no two overlap, neighbours that touch differ in kind. range has room for max of them, which is the
 * caller's to provide and to keep. */
struct memmap {
	struct memmap_range *range;
	size_t max; /* more than MEMMAP_SPARE */
	size_t count;
};

/* How many ranges are enough for a map of so many entries, and for memmap_set. */
static inline size_t memmap_enough(size_t entries)
{
	return 2 * entries + 1 + MEMMAP_SPARE;
}

typedef void memmap_say_fn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Builds the map. Entries may be in any order, overlap, be empty, unaligned, wrap round or be absurd: what can't be is
 * told to say, one line each (the first 16), and refused, as is memory from limit on; what several entries claim is
 * told as well. Where m hasn't enough room the smallest ranges are left out, whatever they are, so that no frame is
 * ever of a weaker kind; how many frames that costs is told. Costs count^2. */
void memmap_build(struct memmap *m, const struct boot_range *in, size_t count, pfn_t limit, memmap_say_fn *say);

/* Makes start <= pfn < end that kind, whatever it was; MEMMAP_NONE takes it out. Returns 0, or -1 with the map as it
 * was: too many ranges, or an empty one. */
int memmap_set(struct memmap *m, pfn_t start, pfn_t end, enum memmap_kind kind);

/* Finds room in FREE memory: the top of the smallest range that has it, so that large blocks stay whole; the highest of
 * several. Looks below the frame number below only. MEMMAP_NO_ROOM: there is none. */
#define MEMMAP_NO_ROOM (~(pfn_t)0)
pfn_t memmap_find(const struct memmap *m, uint64_t frames, pfn_t below);

/* Before there is a map, and room to keep it in: finds frames below limit that each entry that speaks of them calls
 * conventional, apart from those in `taken`. The top of the smallest entry that has them. MEMMAP_NO_ROOM: there is
 * none. Costs count^2. */
pfn_t memmap_find_room(const struct boot_range *in, size_t count, pfn_t limit, uint64_t frames,
		       const struct memmap_range *taken, size_t taken_count);

/* Frames of that kind, all told. */
uint64_t memmap_frames(const struct memmap *m, enum memmap_kind kind);

/* The kind of one frame. */
enum memmap_kind memmap_at(const struct memmap *m, pfn_t pfn);
