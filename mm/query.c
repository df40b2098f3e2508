/* Answers to questions about the whole: totals, blocks by order, and the rows of `stats`. */
#include "port/mm_port.h"

#include "lib/table.h"
#include "mm/cache.h"
#include "mm/cpu_sum.h"
#include "mm/index.h"
#include "mm/timing.h"

static uint64_t cached_frames(const struct mm *mm)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < mm->cpu_count; i++)
		n += mm_cache_frames(&mm->cpu[i]) + (mm->cpu[i].hot_area != MM_PFN_NONE ? AREA_FRAMES : 0);
	return n;
}

void mm_totals(struct mm *mm, struct mm_totals *out)
{
	mm_lock(mm);
	uint64_t cached = cached_frames(mm);
	*out = (struct mm_totals){
		.managed = mm->managed,
		.free = mm->free + cached,
		.allocated = mm->managed - mm->free - mm->isolated - cached,
		.isolated = mm->isolated,
		.zero = mm->zero,
		.reported = mm->reported,
		.fresh = mm->fresh,
		.cached = cached,
		.metadata_bytes = mm->metadata_bytes,
	};
	mm_unlock(mm);
}

/* 512 things: which are free, and which of those are of one kind or another. */
struct free_map {
	uint64_t all[8], zero[8], reported[8], fresh[8];
};

/* Counts the largest aligned runs of free things, by order; one that is zero, or another kind, as a whole is counted
 * there too. */
static void count_runs(const struct free_map *map, struct mm_buddy_row *rows)
{
	for (unsigned w = 0; w < 8;) {
		unsigned k = 3;
		for (;; k--) {
			bool whole = w % (1u << k) == 0;
			for (unsigned i = 0; whole && i < 1u << k; i++)
				whole = map->all[w + i] == ~0ull;
			if (whole || k == 0)
				break;
		}
		if (map->all[w] == ~0ull) {
			bool zero = true, reported = true, fresh = true;
			for (unsigned i = w; i < w + (1u << k); i++) {
				zero &= map->zero[i] == ~0ull;
				reported &= map->reported[i] == ~0ull;
				fresh &= map->fresh[i] == ~0ull;
			}
			rows[6 + k].free_blocks++;
			rows[6 + k].zero_blocks += zero;
			rows[6 + k].reported_blocks += reported;
			rows[6 + k].fresh_blocks += fresh;
			w += 1u << k;
			continue;
		}
		uint64_t left = map->all[w];
		for (unsigned order = 6; order-- > 0 && left != 0;) {
			uint64_t starts = run_find(left, order);
			rows[order].free_blocks += bit_count(starts);
			rows[order].zero_blocks += bit_count(starts & run_find(map->zero[w], order));
			rows[order].reported_blocks += bit_count(starts & run_find(map->reported[w], order));
			rows[order].fresh_blocks += bit_count(starts & run_find(map->fresh[w], order));
			left &= ~(starts * bits_low(1u << order));
		}
		w++;
	}
}

static void buddy_area(const struct area_bits *bits, struct mm_buddy_row *rows)
{
	struct free_map map;

	for (unsigned w = 0; w < AREA_WORDS; w++) {
		map.all[w] = bits->word[w].free;
		map.zero[w] = word_class(bits, w, CLASS_ZERO);
		map.fresh[w] = word_class(bits, w, CLASS_FRESH);
		map.reported[w] = bits->word[w].free & bits->word[w].reported & ~map.fresh[w];
	}
	count_runs(&map, rows);
}

/* Areas that are looked at in one hold of the lock; divides 64. */
#define BUDDY_HOLD 32u

/* So many areas of a gib, from number `from` in it: rows of what lies within them, and a map of those wholly free. */
static void buddy_areas(struct mm *mm, uint32_t g, unsigned from, struct free_map *map, struct mm_buddy_row *rows)
{
	const uint32_t first = g * GIB_AREAS + from;
	const unsigned w = from / 64;

	mm_lock_timed(mm);
	for (uint32_t i = 0; i < BUDDY_HOLD && first + i < mm->area_count; i++) {
		const struct mm_area *area = &mm->areas[first + i];
		const uint64_t bit = BIT((from + i) % 64);
		if (area->free == AREA_FRAMES) {
			map->all[w] |= bit;
			map->zero[w] |= area->zero == AREA_FRAMES ? bit : 0;
			map->reported[w] |= area->reported == AREA_FRAMES ? bit : 0;
			map->fresh[w] |= area->fresh == AREA_FRAMES ? bit : 0;
		} else if (area->kind == AREA_MAPPED && area->free != 0) {
			buddy_area(&mm->bits[first + i], rows);
		}
	}
	mm_unlock(mm);
}

void mm_buddy(struct mm *mm, struct mm_buddy_row rows[MM_ORDER_MAX + 1])
{
	memset(rows, 0, sizeof(*rows) * (MM_ORDER_MAX + 1));
	for (uint32_t g = 0; g < mm->gib_count; g++) {
		struct free_map map = {0};
		for (unsigned from = 0; from < GIB_AREAS; from += BUDDY_HOLD)
			buddy_areas(mm, g, from, &map, rows);
		count_runs(&map, rows + MM_ORDER_AREA);
	}
	for (unsigned i = 0; i < mm->cpu_count; i++) {
		rows[0].free_blocks += mm_cache_frames(&mm->cpu[i]);
		rows[MM_ORDER_AREA].free_blocks += mm->cpu[i].hot_area != MM_PFN_NONE ? 1 : 0;
	}
	uint64_t frames = 0;
	for (unsigned order = MM_ORDER_MAX + 1; order-- > 0;) {
		frames += rows[order].free_blocks << order;
		rows[order].frames_at_least = frames;
	}
}

/* --- the kernel's allocator, and rows of stats, all of it --- */

struct mm mm_system __attribute__((aligned(4096)));

static uint64_t free_frames(void)
{
	return mm_system.free + cached_frames(&mm_system);
}

static uint64_t allocated_frames(void)
{
	return mm_system.managed - mm_system.free - mm_system.isolated - cached_frames(&mm_system);
}

static uint64_t stat_cached_frames(void)
{
	return cached_frames(&mm_system);
}

TABLE_FILE(mm_query);

STAT(mm_managed, "mm.managed_frames", "frames", "frames under the allocator's care", &mm_system.managed);
STAT_GET(mm_free, "mm.free_frames", "frames", "free frames, cached ones included", free_frames);
STAT_GET(mm_allocated, "mm.allocated_frames", "frames", "frames that somebody owns", allocated_frames);
STAT(mm_zero, "mm.zero_frames", "frames", "free frames that are zero and backed: the stock", &mm_system.zero);
STAT(mm_reported, "mm.reported_frames", "frames", "free frames that the host needn't back", &mm_system.reported);
STAT(mm_reported_zero, "mm.reported_zero_frames", "frames", "of those, known to be zero all the same (report.poison)",
     &mm_system.reported_zero);
STAT(mm_fresh, "mm.fresh_frames", "frames", "free frames that nobody used nor reported yet", &mm_system.fresh);
STAT(mm_isolated, "mm.isolated_frames", "frames", "frames that are being zeroed or reported", &mm_system.isolated);
STAT_GET(mm_cached, "mm.cached_frames", "frames", "free frames in per-CPU caches", stat_cached_frames);
STAT(mm_retired, "mm.retired_frames", "frames", "bad frames taken out of use", &mm_system.retired);
STAT(mm_metadata, "mm.metadata_bytes", "bytes", "memory that the allocator takes for itself",
     &mm_system.metadata_bytes);
STAT_CPUS(alloc_calls, "mm.alloc_calls", "calls", "allocations asked for, a bulk call is one");
STAT_CPUS(alloc_failed, "mm.alloc_failed", "calls", "allocations refused: no block");
STAT_CPUS(free_calls, "mm.free_calls", "calls", "blocks freed");
STAT_CPUS(hot_hits, "mm.hot_hits", "calls", "allocations served from a CPU's cache");
STAT(mm_pressure, "mm.pressure", "times", "free memory fell below the low watermark", &mm_system.pressure_count);
STAT(mm_lock_max, "mm.lock_max_ns", "ns", "longest time that mm's lock was held (timing.h says what is timed)",
     &mm_system.lock_max_ns);
