/* What a CPU keeps for itself, so that most calls for a frame need no lock:
 *
 *   hot       the frames it freed last, still in its data cache: allocated again first
 *   late      other freed frames, given to the buddy 16 at a time
 *   next      dirty frames, taken from the buddy 16 at a time, allocated next
 *   hot_area  one block of 2 MiB
 *
 * A plain stack of the last freed frames ruins packing: it hands out frames of areas that are nearly free, which then
 * never become whole. So only frames are hot whose area is nearly full (HOT_AREA_FREE), or is the one that serves order
 * 0 anyway (a cursor). What is kept here stays allocated as far as the buddy knows; kept.h catches a second free. While
 * memory is short nothing is kept.
 *
 * No locks: all of it belongs to the CPU that runs (see mm_port_cpu). What moves frames from or to the buddy wants
 * mm->lock.
 */
#pragma once

#include "mm/kept.h"
#include "mm/state.h"

#define HOT_AREA_FREE 8u /* frames: an area with more free ones is better left to become whole */

static inline uint64_t mm_cache_frames(const struct mm_cpu *cpu)
{
	return cpu->hot_count + cpu->late_count + (cpu->next_end - cpu->next_at);
}

/* The frame freed last of those that are hot; there must be one. Its zero and reported bits are out of date. */
static inline pfn_t mm_cache_hot(struct mm_cpu *cpu)
{
	cpu->hot_count--;
	cpu->hot_at = (cpu->hot_at - 1) % HOT_FRAMES;
	pfn_t pfn = cpu->hot[cpu->hot_at];
	cpu->hot[cpu->hot_at] = 0;
	kept_unmark(cpu, pfn);
	return pfn;
}

/* The next of the frames taken ahead; there must be one. */
static inline pfn_t mm_cache_next(struct mm_cpu *cpu)
{
	pfn_t pfn = cpu->next[cpu->next_at];
	cpu->next[cpu->next_at++] = 0;
	kept_unmark(cpu, pfn);
	return pfn;
}

/* Keeps a verified block of order 0, which lies in area a. Returns whether mm_cache_flush is due. */
static inline bool mm_cache_free(struct mm *mm, struct mm_cpu *cpu, uint32_t a, pfn_t pfn)
{
	const struct mm_area *area = &mm->areas[a];

	kept_mark(cpu, pfn);
	if (area->free <= HOT_AREA_FREE || (area->flags & AREA_CURSORS) != 0) {
		const uint32_t oldest = cpu->hot[cpu->hot_at];
		cpu->hot[cpu->hot_at] = (uint32_t)pfn;
		cpu->hot_at = (cpu->hot_at + 1) % HOT_FRAMES;
		if (likely(cpu->hot_count < HOT_FRAMES)) {
			cpu->hot_count++;
			return false;
		}
		pfn = oldest;
	}
	cpu->late[cpu->late_count++] = (uint32_t)pfn;
	return cpu->late_count == LATE_FRAMES;
}

/* Gives the late frames to the buddy, those of a word at once. */
void mm_cache_flush(struct mm *mm, struct mm_cpu *cpu);

/* Takes frames ahead from the area that serves order 0 and dirty ones, if it has more. */
void mm_cache_fill(struct mm *mm, struct mm_cpu *cpu);

/* Gives the late and the next frames back, which might spare a whole area. Returns whether there were any. */
bool mm_cache_unpark(struct mm *mm, struct mm_cpu *cpu);

/* Gives all that this CPU keeps to the buddy, which may end a shortage. Returns whether there was anything. */
bool mm_cache_drain(struct mm *mm, struct mm_cpu *cpu);
