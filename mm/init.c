/* Sets an allocator up from a list of ranges, and says first how much metadata that takes.
 *
 * Layout of the metadata: CPUs' caches, areas, gibs, part maps, the top rows for gibs above 4 GiB, counts of kept
 * frames, CPUs' holds, the numbering of gibs, and the bitmaps of areas, which come last and are not touched here unless
 * an area is partly ours.
 */
#include "port/mm_port.h"

#include "lib/assert.h"
#include "lib/table.h"
#include "mm/contents.h"
#include "mm/index.h"
#include "mm/kept.h"
#include "mm/page_proc.h"
#include "mm/place.h"
#include "mm/shuffle.h"

struct layout {
	uint32_t area_count;
	uint32_t gib_count;
	uint32_t gib_span;
	uint32_t high_words;
	uint32_t cpu_count;
	size_t areas_at, gibs_at, parts_at, high_at, kept_at, holds_at, index_at, number_at, bits_at,
		bytes; /* the CPUs come first */
};

/* What of a range can be used: not frame 0, whose number means "none" to much code, and nothing beyond the limit. */
static bool clip(const struct mm_range *r, pfn_t *start, pfn_t *end)
{
	*start = r->start < 1 ? 1 : r->start;
	*end = r->end > MM_PFN_LIMIT ? MM_PFN_LIMIT : r->end;
	return *start < *end;
}

/* How many different gibs the ranges have frames in. Ranges are few and in any order: a look at the others tells for
 * each gib of a range whether it was counted before. */
static uint32_t count_gibs(const struct mm_range *ranges, size_t count)
{
	uint32_t n = 0;

	for (size_t i = 0; i < count; i++) {
		pfn_t start, end, s, e;
		if (!clip(&ranges[i], &start, &end))
			continue;
		for (pfn_t g = start / GIB_FRAMES; g <= (end - 1) / GIB_FRAMES; g++) {
			bool seen = false;
			for (size_t k = 0; k < i && !seen; k++)
				seen = clip(&ranges[k], &s, &e) && s / GIB_FRAMES <= g && g <= (e - 1) / GIB_FRAMES;
			n += seen ? 0 : 1;
		}
	}
	return n;
}

static bool layout_of(const struct mm_range *ranges, size_t count, struct layout *l)
{
	pfn_t high = 0, start, end;

	*l = (struct layout){0};
	for (size_t i = 0; i < count; i++)
		if (clip(&ranges[i], &start, &end) && end > high)
			high = end;
	if (high == 0)
		return false;
	l->gib_count = count_gibs(ranges, count);
	l->gib_span = (uint32_t)((high - 1) / GIB_FRAMES) + 1;
	/* The last gib ends where memory does. */
	l->area_count = (l->gib_count - 1) * GIB_AREAS + (uint32_t)((high - 1) / AREA_FRAMES % GIB_AREAS) + 1;
	l->high_words = high > MM_PFN_4G ? (l->gib_count + 63) / 64 : 0;
	const size_t row_words = l->high_words != 0 ? 1 + l->high_words : 0; /* a sum in front */
	const size_t high_bytes = sizeof(uint64_t) * CLASS_COUNT * SLOT_COUNT * row_words;
	l->cpu_count = mm_port_cpus();
	ASSERT(l->cpu_count != 0 && l->cpu_count <= MM_CPUS_MAX);
	l->areas_at = l->cpu_count * sizeof(struct mm_cpu);
	l->gibs_at = l->areas_at + l->area_count * sizeof(struct mm_area);
	l->parts_at = align_up(l->gibs_at + l->gib_count * sizeof(struct mm_gib), 64);
	l->high_at = l->parts_at + align_up((l->area_count + 63) / 64 * sizeof(struct mm_parts), 64);
	l->kept_at = align_up(l->high_at + high_bytes, 64);
	l->holds_at = l->kept_at + align_up(l->cpu_count, KEPT_CPUS) * KEPT_ROWS;
	l->index_at = l->holds_at + l->cpu_count * sizeof(struct page_hold);
	l->number_at = l->index_at + sizeof(uint16_t) * l->gib_span;
	l->bits_at = align_up(l->number_at + sizeof(uint16_t) * l->gib_count, 64);
	l->bytes = l->bits_at + l->area_count * sizeof(struct area_bits);
	return true;
}

size_t mm_meta_bytes(const struct mm_range *ranges, size_t count)
{
	struct layout l;

	return layout_of(ranges, count, &l) ? l.bytes : 0;
}

static void number_gibs(struct mm *mm, const struct mm_range *ranges, size_t count)
{
	uint32_t n = 0;

	memset(mm->gib_index, 0xff, sizeof(uint16_t) * mm->gib_span);
	for (size_t i = 0; i < count; i++) {
		pfn_t start, end;
		if (!clip(&ranges[i], &start, &end))
			continue;
		for (pfn_t g = start / GIB_FRAMES; g <= (end - 1) / GIB_FRAMES; g++)
			mm->gib_index[g] = 0;
	}
	for (uint32_t g = 0; g < mm->gib_span; g++) {
		if (mm->gib_index[g] == GIB_NONE)
			continue;
		mm->gib_index[g] = (uint16_t)n;
		mm->gib_number[n++] = (uint16_t)g;
		mm->gib_low += g < LOW_GIBS ? 1 : 0;
	}
	ASSERT(n == mm->gib_count);
}

/* An area all of whose frames aren't ours (yet). */
static void area_map_empty(struct mm *mm, uint32_t a)
{
	struct mm_area *area = &mm->areas[a];
	struct area_bits *bits = &mm->bits[a];

	memset(bits, 0, sizeof(*bits));
	for (unsigned w = 0; w < AREA_WORDS; w++) {
		bits->word[w].start = ~0ull;
		bits->isolated[w] = ~0ull;
	}
	area->kind = AREA_MAPPED;
	area->pure = CLASS_DIRTY;
	area->ladder[CLASS_DIRTY] = LADDER_EMPTY;
	area->flags = AREA_HOLES;
}

/* What overlapping ranges make of a frame: the one that promises least is right. */
static unsigned worse(unsigned a, unsigned b)
{
	if (a == CLASS_DIRTY || b == CLASS_DIRTY)
		return CLASS_DIRTY;
	return a == CLASS_FRESH ? a : b;
}

/* Frames at to at + n - 1 of a mapped area become ours; those that are already become what the worse of both says. */
static void area_add(struct mm *mm, uint32_t a, unsigned at, unsigned n, unsigned state)
{
	struct area_bits *bits = &mm->bits[a];

	for (; n != 0;) {
		unsigned w = at / 64, bit = at % 64;
		unsigned k = n < 64 - bit ? n : 64 - bit;
		uint64_t mask = bits_low(k) << bit;
		uint64_t more = mask & bits->isolated[w];
		struct mm_word *word = &bits->word[w];
		word->free |= mask;
		word->start &= ~mask;
		bits->isolated[w] &= ~mask;
		if (state != CLASS_DIRTY)
			word->reported |= more;
		else
			word->reported &= ~mask;
		if (state == CLASS_FRESH)
			bits->fresh[w] |= mask;
		at += k;
		n -= k;
	}
}

static void range_add(struct mm *mm, pfn_t start, pfn_t end, unsigned state)
{
	while (start < end) {
		uint32_t a = mm_area_of(mm, start);
		struct mm_area *area = &mm->areas[a];
		unsigned at = start % AREA_FRAMES;
		unsigned n = end - start < AREA_FRAMES - at ? (unsigned)(end - start) : AREA_FRAMES - at;
		if (area->kind == AREA_FREE) {
			if (n == AREA_FRAMES) {
				area->pure = (uint8_t)worse(area->pure, state);
				start += n;
				continue;
			}
			unsigned was = area->pure;
			area_map_empty(mm, a);
			area_add(mm, a, 0, AREA_FRAMES, was);
		} else if (area->kind == AREA_HOLE) {
			if (n == AREA_FRAMES) {
				area->kind = AREA_FREE;
				area->pure = (uint8_t)state;
				start += n;
				continue;
			}
			area_map_empty(mm, a);
		}
		area_add(mm, a, at, n, state);
		start += n;
	}
}

/* Counts a partly covered area as the ranges left it, and lists it. */
static void area_finish_mapped(struct mm *mm, uint32_t a)
{
	struct mm_area *area = &mm->areas[a];
	struct area_bits *bits = &mm->bits[a];
	unsigned n = 0, reported = 0, fresh = 0;

	for (unsigned w = 0; w < AREA_WORDS; w++) {
		n += bit_count(bits->word[w].free);
		reported += bit_count(word_class(bits, w, CLASS_REPORTED));
		fresh += bit_count(word_class(bits, w, CLASS_FRESH));
	}
	area->free = (uint16_t)n;
	area->reported = (uint16_t)reported;
	area->fresh = (uint16_t)fresh;
	area->pure = CLASS_MIXED;
	area->flags = n == AREA_FRAMES ? 0 : AREA_HOLES;
	area_ladders(mm, a);
	index_area(mm, a);
}

static void gib_finish(struct mm *mm, uint32_t g)
{
	const uint32_t first = g * GIB_AREAS;
	const uint32_t end = first + GIB_AREAS < mm->area_count ? first + GIB_AREAS : mm->area_count;

	for (unsigned c = 0; c < CLASS_COUNT; c++)
		mm->gibs[g].ladder[c] = LADDER_EMPTY;
	for (uint32_t a = first; a < end; a++) {
		struct mm_area *area = &mm->areas[a];
		if (area->kind != AREA_FREE)
			continue;
		area->free = AREA_FRAMES;
		area->reported = area->pure == CLASS_REPORTED ? AREA_FRAMES : 0;
		area->fresh = area->pure == CLASS_FRESH ? AREA_FRAMES : 0;
		index_area_whole(mm, a);
	}
	index_run(mm, first, end - first);
	for (uint32_t a = first; a < end; a++) {
		struct mm_area *area = &mm->areas[a];
		if (area->kind == AREA_MAPPED)
			area_finish_mapped(mm, a);
		mm->managed += area->free;
		mm->free += area->free;
		mm->reported += area->reported;
		mm->fresh += area->fresh;
	}
}

/* DEBUG: what starts dirty gets the fill that it would have, had it been freed. */
static void fill_dirty(struct mm *mm)
{
	for (uint32_t a = 0; a < mm->area_count; a++) {
		for (unsigned i = 0; mm->areas[a].free > mm->areas[a].reported + mm->areas[a].fresh && i < AREA_FRAMES;
		     i++)
			if (mm_frame_state(mm, area_pfn(mm, a) + i) == MM_STATE_DIRTY)
				contents_fill(area_pfn(mm, a) + i, 1);
	}
}

/* How a range's frames start, as a class. */
static unsigned class_of(enum mm_fresh fresh)
{
	switch (fresh) {
	case MM_FRESH_UNKNOWN:
		return CLASS_FRESH;
	case MM_FRESH_REPORTED:
		return CLASS_REPORTED;
	default:
		return CLASS_DIRTY;
	}
}

/* Rows that a program with mm_init in it can't be without. */
TABLE_NEEDS(mm_query);
TABLE_NEEDS(mm_presets);

static bool is_ours(const char *name)
{
	return name[0] == 'm' && name[1] == 'm' && name[2] == '.';
}

/* The first table that hasn't the rows that it must have, or NULL. Such a program would run: with no knobs, and with
 * page processors that don't give back what an allocation wants. */
static const char *lost_table(void)
{
	bool stats = false, knobs = false, presets = false, procs = false;

	TABLE_FOR_EACH (stat, struct stat_row, row)
		stats |= is_ours(row->name);
	TABLE_FOR_EACH (knob, struct knob_row, row)
		knobs |= is_ours(row->name);
	TABLE_FOR_EACH (preset, struct preset_row, row)
		presets |= !!row->settings;
	TABLE_FOR_EACH (page_proc, struct page_proc, proc)
		procs |= !!proc->pick;
	return !stats	  ? "table_stat"
	       : !knobs	  ? "table_knob"
	       : !presets ? "table_preset"
	       : !procs	  ? "table_page_proc"
			  : NULL;
}

int mm_init(struct mm *mm, const struct mm_range *ranges, size_t count, void *meta, size_t meta_bytes)
{
	struct layout l;
	const char *lost = lost_table();

	if (lost) {
		mm_port_log("mm: the linker has dropped rows of section %s, which it must keep (lib/table.h)", lost);
		return -1;
	}
	if (!layout_of(ranges, count, &l)) {
		mm_port_log("mm: no usable frame in %zu ranges", count);
		return -1;
	}
	if (meta_bytes < l.bytes) {
		mm_port_log("mm: %zu bytes of metadata given, %zu needed", meta_bytes, l.bytes);
		return -1;
	}
	ASSERT(is_aligned((uintptr_t)meta, 64));

	memset(mm, 0, sizeof(*mm));
	memset(meta, 0, l.bits_at);
	mm->area_count = l.area_count;
	mm->gib_count = l.gib_count;
	mm->gib_span = l.gib_span;
	mm->high_words = l.high_words;
	mm->areas = (struct mm_area *)((char *)meta + l.areas_at);
	mm->gibs = (struct mm_gib *)((char *)meta + l.gibs_at);
	mm->parts = (struct mm_parts *)((char *)meta + l.parts_at);
	mm->high = (uint64_t *)((char *)meta + l.high_at);
	mm->gib_index = (uint16_t *)((char *)meta + l.index_at);
	mm->gib_number = (uint16_t *)((char *)meta + l.number_at);
	mm->bits = (struct area_bits *)((char *)meta + l.bits_at);
	mm->cursor[0] = mm->cursor[1] = mm->loose = AREA_NONE;
	mm->metadata_bytes = l.bytes + sizeof(*mm);
	mm->cpu_count = l.cpu_count;
	mm->cpu = meta;
	mm->kept = (uint64_t *)((char *)meta + l.kept_at);
	mm->hold = (struct page_hold *)((char *)meta + l.holds_at);
	for (unsigned i = 0; i < l.cpu_count; i++) {
		mm->cpu[i].kept = (uint8_t *)(mm->kept + i / KEPT_CPUS * KEPT_ROWS) + i % KEPT_CPUS;
		mm->cpu[i].hot_area = MM_PFN_NONE;
	}
	number_gibs(mm, ranges, count);
	for (size_t i = 0; i < count; i++) {
		pfn_t start, end;
		if (clip(&ranges[i], &start, &end))
			range_add(mm, start, end, class_of(ranges[i].fresh));
	}
	for (uint32_t g = 0; g < l.gib_count; g++)
		gib_finish(mm, g);
	mm->hot_enabled = mm->hot_open = true;
	shuffle_init(mm);
	if (DEBUG)
		fill_dirty(mm);
	mm->watermark_low = mm->managed / 256;
	mm->watermark_high = mm->managed / 128;
	return 0;
}
