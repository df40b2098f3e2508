/* Cleans the firmware's memory map by asking, run by run, which is the strictest kind that any entry claims.
 *
 * That is quadratic in the number of entries (about 130 under OVMF, 312 on a board that somebody has), and in return
 * needs no scratch memory, no sort and no special case for any way in which two entries can overlap.
 */
#include "kernel/firmware/memmap.h"

#include <string.h>

#include "lib/bits.h"

/* UEFI specification 2.10, section 7.2.3. */
#define EFI_MEMORY_WB	   0x8ull
#define EFI_MEMORY_SP	   0x40000ull
#define EFI_MEMORY_RUNTIME 0x8000000000000000ull
#define EFI_PAGE_BITS	   12u

/* What may be used at all: can be cached, isn't mapped by the firmware's runtime services, and is for everybody. */
static enum memmap_kind usable_kind(const struct boot_range *in, enum memmap_kind kind)
{
	if ((in->attributes & EFI_MEMORY_RUNTIME) != 0)
		return MEMMAP_FIRMWARE;
	if ((in->attributes & EFI_MEMORY_WB) == 0)
		return MEMMAP_UNCACHED;
	return (in->attributes & EFI_MEMORY_SP) != 0 ? MEMMAP_SPECIAL : kind;
}

static enum memmap_kind kind_of(const struct boot_range *in)
{
	switch (in->type) {
	case 1: /* EfiLoaderCode */
	case 2: /* EfiLoaderData */
	case 3: /* EfiBootServicesCode */
	case 4: /* EfiBootServicesData */
		return usable_kind(in, MEMMAP_BOOT);
	case 5:	 /* EfiRuntimeServicesCode */
	case 6:	 /* EfiRuntimeServicesData */
	case 8:	 /* EfiUnusableMemory: RAM with errors */
	case 10: /* EfiACPIMemoryNVS */
	case 13: /* EfiPalCode */
		return MEMMAP_FIRMWARE;
	case 7: /* EfiConventionalMemory */
		return usable_kind(in, MEMMAP_FREE);
	case 9: /* EfiACPIReclaimMemory */
		return usable_kind(in, MEMMAP_ACPI);
	case 0: /* EfiReservedMemoryType: RAM if it could be cached, else a window such as ECAM's */
		return (in->attributes & EFI_MEMORY_WB) ? MEMMAP_FIRMWARE : MEMMAP_DEVICE;
	default: /* devices, persistent memory (14), memory that is still to be accepted (15) */
		return MEMMAP_DEVICE;
	}
}

/* One entry in frames; false: nothing in it counts. why gets the complaint, if there is one. Usable memory shrinks to
 * whole frames below the limit; what is not usable grows to whole frames, and to the end of the address space when it
 * wraps round. */
static bool normalise(const struct boot_range *in, pfn_t limit, struct memmap_range *out, const char **why)
{
	enum memmap_kind kind = kind_of(in);
	bool usable = kind <= MEMMAP_SPECIAL;
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

static uint64_t frames_of(const struct memmap_range *r)
{
	return r->end - r->start;
}

/* Adds a run after all others. When there are max already, the smallest of all goes; returns how many frames it had. */
static uint64_t append(struct memmap *m, size_t max, struct memmap_range run)
{
	struct memmap_range *last = m->count ? &m->range[m->count - 1] : NULL;

	if (last && last->end == run.start && last->kind == run.kind) {
		last->end = run.end;
		return 0;
	}
	if (m->count < max) {
		m->range[m->count++] = run;
		return 0;
	}
	struct memmap_range *smallest = &m->range[0];
	for (struct memmap_range *r = m->range; r <= last; r++)
		if (frames_of(r) < frames_of(smallest))
			smallest = r;
	if (frames_of(smallest) >= frames_of(&run))
		return frames_of(&run);
	const uint64_t gone = frames_of(smallest);
	memmove(smallest, smallest + 1, (size_t)(last - smallest) * sizeof(*last));
	*last = run;
	return gone;
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

	uint64_t left_out = 0; /* in no run, so never used: safe, but a loss */
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
		if (kind != MEMMAP_NONE)
			left_out += append(m, m->max - MEMMAP_SPARE, (struct memmap_range){at, next, kind});
	}
	complain_overlap(&complaints, overlap_start, overlap_end);
	if (complaints.count > COMPLAINTS_MAX)
		say("memory map: %u more odd entries", complaints.count - COMPLAINTS_MAX);
	if (left_out != 0)
		say("memory map: more than %lu ranges, the smallest are left out, 0x%lx pages in all",
		    (unsigned long)(m->max - MEMMAP_SPARE), (unsigned long)left_out);
}

/* Takes the runs from..to - 1 out, and makes room for n others there. */
static struct memmap_range *splice(struct memmap *m, size_t from, size_t to, size_t n)
{
	memmove(&m->range[from + n], &m->range[to], (m->count - to) * sizeof(*m->range));
	m->count = m->count - (to - from) + n;
	return &m->range[from];
}

int memmap_set(struct memmap *m, pfn_t start, pfn_t end, enum memmap_kind kind)
{
	struct memmap_range run[3], middle = {start, end, kind};
	size_t n = 0, from = 0, to;

	/* At most two runs more than before: the new one and the rest of one that it cuts in two. */
	if (start >= end || m->count + 2 > m->max)
		return -1;
	/* Those that it touches: neighbours of its kind become one with it, others keep what lies outside of it. */
	while (from < m->count && m->range[from].end < start)
		from++;
	for (to = from; to < m->count && m->range[to].start <= end; to++) {
		const struct memmap_range r = m->range[to];
		if (r.kind == kind) {
			middle.start = r.start < middle.start ? r.start : middle.start;
			middle.end = r.end > middle.end ? r.end : middle.end;
		}
	}
	if (from < to && m->range[from].kind != kind && m->range[from].start < start)
		run[n++] = (struct memmap_range){m->range[from].start,
						 m->range[from].end < start ? m->range[from].end : start,
						 m->range[from].kind};
	if (kind != MEMMAP_NONE)
		run[n++] = middle;
	if (from < to && m->range[to - 1].kind != kind && m->range[to - 1].end > end)
		run[n++] = (struct memmap_range){m->range[to - 1].start > end ? m->range[to - 1].start : end,
						 m->range[to - 1].end, m->range[to - 1].kind};
	memcpy(splice(m, from, to, n), run, n * sizeof(*run));
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

/* Where the first entry begins that claims some of the frames start <= pfn < end and isn't free; end: none does. */
static pfn_t first_claim(const struct boot_range *in, size_t count, pfn_t limit, pfn_t start, pfn_t end)
{
	pfn_t below = end;

	for (size_t i = 0; i < count; i++) {
		struct memmap_range other;
		const char *why;
		if (normalise(&in[i], limit, &other, &why) && other.kind != MEMMAP_FREE && other.start < end &&
		    other.end > start && other.start < below)
			below = other.start;
	}
	return below;
}

pfn_t memmap_find_room(const struct boot_range *in, size_t count, pfn_t limit, uint64_t frames,
		       const struct memmap_range *taken, size_t taken_count)
{
	pfn_t best = MEMMAP_NO_ROOM;
	uint64_t best_frames = ~0ull;

	for (size_t i = 0; i < count; i++) {
		struct memmap_range r;
		const char *why;
		if (!normalise(&in[i], limit, &r, &why) || r.kind != MEMMAP_FREE || frames_of(&r) >= best_frames)
			continue;
		/* From its end downwards, past whatever is in the way. */
		for (pfn_t end = r.end, below; end >= r.start && end - r.start >= frames; end = below) {
			below = first_claim(in, count, limit, end - frames, end);
			for (size_t k = 0; k < taken_count; k++)
				if (taken[k].start < below && taken[k].end > end - frames)
					below = taken[k].start;
			if (below == end) {
				best = end - frames;
				best_frames = frames_of(&r);
				break;
			}
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
