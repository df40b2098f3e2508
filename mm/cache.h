/* What a CPU keeps for itself: the frames it freed last, still in its cache, and one block of 2 MiB.
 *
 * A plain stack of the last freed frames ruins packing: it hands out frames of areas that are nearly free, which then
 * never become whole. So only frames are admitted whose area is nearly full (HOT_AREA_FREE), or is the one that serves order 0
 * anyway (a cursor), and nothing while memory is short. A cached frame stays allocated as far as the buddy knows; a
 * byte of its own marks it, so that a second free is caught.
 *
 * No locks: all of it belongs to the CPU that runs (see mm_port_cpu). cache_drain takes frames to the buddy and wants
 * mm->lock.
 */
#pragma once

#include "mm/buddy.h"

#define HOT_AREA_FREE 8u /* frames: an area with more free ones is better left to become whole */

static inline struct mm_cpu *this_cpu(struct mm *mm)
{
	return &mm->cpu[mm_port_cpu()];
}

static inline pfn_t cache_pop(struct mm *mm, struct mm_cpu *cpu)
{
	cpu->hot_count--;
	cpu->hot_next = (cpu->hot_next - 1) % HOT_FRAMES;
	pfn_t pfn = cpu->hot[cpu->hot_next];
	mm->bits[area_of(mm, pfn)].cached[pfn % AREA_FRAMES] = 0;
	return pfn;
}

/* Whether a frame of this area may be cached; the frame must be within managed memory. */
static inline bool cache_admits(const struct mm *mm, const struct area *area)
{
	return (area->free <= HOT_AREA_FREE || (area->flags & AREA_CURSORS) != 0) && area->kind == AREA_MAPPED &&
	       mm->hot_open;
}

/* Caches a verified allocated block of order 0, which lies in area a. Returns the frame that had to make room for it, or MM_PFN_NONE: it is
 * the caller's to give to the buddy. */
static inline pfn_t cache_push(struct mm *mm, struct mm_cpu *cpu, uint32_t a, pfn_t pfn)
{
	pfn_t oldest = MM_PFN_NONE;

	if (unlikely(cpu->hot_count == HOT_FRAMES)) {
		oldest = cpu->hot[cpu->hot_next];
		mm->bits[area_of(mm, oldest)].cached[oldest % AREA_FRAMES] = 0;
	} else {
		cpu->hot_count++;
	}
	mm->areas[a].may_cache = 1;
	mm->bits[a].cached[pfn % AREA_FRAMES] = 1;
	cpu->hot[cpu->hot_next] = pfn;
	cpu->hot_next = (cpu->hot_next + 1) % HOT_FRAMES;
	return oldest;
}

/* Gives all that this CPU caches to the buddy. Returns whether there was anything. */
bool cache_drain(struct mm *mm, struct mm_cpu *cpu);
