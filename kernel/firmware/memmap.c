/* Cleans the firmware's memory map by asking, run by run, which is the strictest kind that any entry claims.
 *
 * That is quadratic in the number of entries (about 130 under OVMF), and in return needs no scratch memory, no sort and
 * no special case for any way in which two entries can overlap.
 */
#include "kernel/firmware/memmap.h"

#include <string.h>

#include "lib/bits.h"

/* UEFI specification 2.10, section 7.2.3. */
#define EFI_MEMORY_WB 0x8ull
#define EFI_PAGE_BITS 12u

static enum memmap_kind kind_of(const struct boot_range *in)
{
	switch (in->type) {
	case 1: /* EfiLoaderCode */
	case 2: /* EfiLoaderData */
	case 3: /* EfiBootServicesCode */
	case 4: /* EfiBootServicesData */
		return MEMMAP_BOOT;
	case 5:	 /* EfiRuntimeServicesCode */
	case 6:	 /* EfiRuntimeServicesData */
	case 8:	 /* EfiUnusableMemory: RAM with errors */
	case 10: /* EfiACPIMemoryNVS */
	case 13: /* EfiPalCode */
		return MEMMAP_FIRMWARE;
	case 7: /* EfiConventionalMemory */
		return MEMMAP_FREE;
	case 9: /* EfiACPIReclaimMemory */
		return MEMMAP_ACPI;
	case 0: /* EfiReservedMemoryType: RAM if it could be cached, else a window such as ECAM's */
		return (in->attributes & EFI_MEMORY_WB) ? MEMMAP_FIRMWARE : MEMMAP_DEVICE;
	default:
		return MEMMAP_DEVICE;
	}
}

/* One entry in frames; false: nothing in it counts. why gets the complaint, if there is one. Usable memory shrinks to
 * whole frames below the limit; what is not usable grows to whole frames, and to the end of the address space when it
 * wraps round. */
static bool normalise(const struct boot_range *in, pfn_t limit, struct memmap_range *out, const char **why)
{
	enum memmap_kind kind = kind_of(in);
	bool usable = kind <= MEMMAP_ACPI;
	uint64_t space = ~0ull >> EFI_PAGE_BITS; /* frames that 64 bits can address, less one */

	*why = NULL;
	if (in->pages == 0) {
		*why = "empty";
		return false;
	}
	pfn_t first = in->paddr >> EFI_PAGE_BITS;
	bool ragged = !is_aligned(in->paddr, FRAME_SIZE);
	bool wraps = in->pages > space - first;
	if (wraps && usable) {
		*why = "wraps round";
		return false;
	}
	pfn_t start = first + (usable && ragged ? 1 : 0);
	pfn_t end = wraps ? space : first + in->pages + (!usable && ragged ? 1 : 0);
	if (ragged)
		*why = "not aligned to 4 KiB";
	if (wraps)
		*why = "wraps round";
	if (usable && end > limit)
		*why = "beyond what can be addressed";
	if (end > limit)
		end = limit;
	if (start >= end)
		return false;
	*out = (struct memmap_range){start, end, kind};
	return true;
}

/* Adds a run after all others; false when there are max already. */
static bool append(struct memmap *m, size_t max, pfn_t start, pfn_t end, enum memmap_kind kind)
{
	struct memmap_range *last = m->count ? &m->range[m->count - 1] : NULL;

	if (last && last->end == start && last->kind == kind) {
		last->end = end;
		return true;
	}
	if (m->count >= max)
		return false;
	m->range[m->count++] = (struct memmap_range){start, end, kind};
	return true;
}

/* Complaints, of which so many are made. */
struct complaints {
	memmap_say_fn *say;
	unsigned count;
};

#define COMPLAINTS_MAX 16u

static void complain_overlap(struct complaints *c, pfn_t start, pfn_t end)
{
	if (start < end && c->count++ < COMPLAINTS_MAX)
		c->say("memory map: 0x%lx pages at 0x%lx are in several entries, the strictest type counts",
		       (unsigned long)(end - start), (unsigned long)pfn_to_paddr(start));
}

void memmap_build(struct memmap *m, const struct boot_range *in, size_t count, pfn_t limit, memmap_say_fn *say)
{
	struct complaints complaints = {.say = say};

	m->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct memmap_range r;
		const char *why;

		normalise(&in[i], limit, &r, &why);
		if (why && complaints.count++ < COMPLAINTS_MAX)
			say("memory map: entry %lu, type %u at 0x%lx, 0x%lx pages: %s", (unsigned long)i,
			    (unsigned)in[i].type, (unsigned long)in[i].paddr, (unsigned long)in[i].pages, why);
	}

	bool full = false;
	pfn_t next, overlap_start = 0, overlap_end = 0;
	for (pfn_t at = 0; at < limit; at = next) {
		enum memmap_kind kind = MEMMAP_NONE;
		unsigned claims = 0;

		next = limit;
		for (size_t i = 0; i < count; i++) {
			struct memmap_range r;
			const char *why;

			if (!normalise(&in[i], limit, &r, &why) || r.end <= at)
				continue;
			if (r.start > at) {
				next = r.start < next ? r.start : next;
				continue;
			}
			next = r.end < next ? r.end : next;
			kind = r.kind > kind ? r.kind : kind;
			claims++;
		}
		if (claims > 1 && at != overlap_end) {
			complain_overlap(&complaints, overlap_start, overlap_end);
			overlap_start = at;
		}
		if (claims > 1)
			overlap_end = next;
		if (kind != MEMMAP_NONE && !append(m, MEMMAP_MAX - MEMMAP_SPARE, at, next, kind))
			full = true; /* a frame in no run is never used: safe, but a loss */
	}
	complain_overlap(&complaints, overlap_start, overlap_end);
	if (complaints.count > COMPLAINTS_MAX)
		say("memory map: %u more odd entries", complaints.count - COMPLAINTS_MAX);
	if (full)
		say("memory map: more than %u ranges, some memory is left out", MEMMAP_MAX - MEMMAP_SPARE);
}

int memmap_set(struct memmap *m, pfn_t start, pfn_t end, enum memmap_kind kind)
{
	/* At most two runs more than before: the new one and the rest of one that it cuts in two. */
	if (start >= end || m->count + 2 > MEMMAP_MAX)
		return -1;

	struct memmap out = {.count = 0};
	bool placed = kind == MEMMAP_NONE;
	for (size_t i = 0; i < m->count; i++) {
		struct memmap_range r = m->range[i];

		if (r.start < start)
			append(&out, MEMMAP_MAX, r.start, r.end < start ? r.end : start, r.kind);
		if (!placed && r.end > start) {
			append(&out, MEMMAP_MAX, start, end, kind);
			placed = true;
		}
		if (r.end > end)
			append(&out, MEMMAP_MAX, r.start > end ? r.start : end, r.end, r.kind);
	}
	if (!placed)
		append(&out, MEMMAP_MAX, start, end, kind);
	*m = out;
	return 0;
}

pfn_t memmap_find(const struct memmap *m, uint64_t frames, pfn_t below)
{
	pfn_t best = MEMMAP_NO_ROOM;
	uint64_t best_frames = ~0ull;

	for (size_t i = 0; i < m->count; i++) {
		const struct memmap_range *r = &m->range[i];
		pfn_t end = r->end < below ? r->end : below;

		if (r->kind != MEMMAP_FREE || end <= r->start || end - r->start < frames)
			continue;
		if (end - r->start <= best_frames) {
			best_frames = end - r->start;
			best = end - frames;
		}
	}
	return best;
}

uint64_t memmap_frames(const struct memmap *m, enum memmap_kind kind)
{
	uint64_t frames = 0;

	for (size_t i = 0; i < m->count; i++)
		if (m->range[i].kind == kind)
			frames += m->range[i].end - m->range[i].start;
	return frames;
}

enum memmap_kind memmap_at(const struct memmap *m, pfn_t pfn)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->range[i].start <= pfn && pfn < m->range[i].end)
			return m->range[i].kind;
	return MEMMAP_NONE;
}
