/* Which frames CPUs keep in their caches, so that a second free is caught: asked at each free of a frame, by any CPU,
 * without the lock.
 *
 * Looking through the caches takes too long, and a mark for each frame too much memory. So the frames a CPU keeps are
 * counted by the low bits of their pfn. A row of counts is a word: one byte for each of 8 CPUs, which only that CPU
 * writes, so that neither lock nor atomic is needed. A row of zeroes says that nobody keeps the frame. Another one says
 * that somebody may, and then the caches are looked through (kept_search).
 *
 * For who owns a frame the answer is right at any time: the frame may have been in a cache, but whoever took it out
 * did so before handing it on.
 */
#pragma once

#include "mm/state.h"

#define KEPT_ROWS AREA_FRAMES /* so that frames of one area never share a row */
#define KEPT_CPUS 8u	      /* to a row; the next ones have rows of their own, after these */

/* Whether one of the caches holds the frame; for kept_holds. */
bool kept_search(const struct mm *mm, pfn_t pfn);

/* The count that is a CPU's. */
static inline uint8_t *kept_count(const struct mm_cpu *cpu, pfn_t pfn)
{
	return cpu->kept + pfn % KEPT_ROWS * KEPT_CPUS;
}

static inline void kept_mark(struct mm_cpu *cpu, pfn_t pfn)
{
	++*kept_count(cpu, pfn);
}

static inline void kept_unmark(struct mm_cpu *cpu, pfn_t pfn)
{
	--*kept_count(cpu, pfn);
}

static inline bool kept_holds(const struct mm *mm, pfn_t pfn)
{
	return unlikely(mm->kept[pfn % KEPT_ROWS] != 0 || mm->cpu_count > KEPT_CPUS) && kept_search(mm, pfn);
}
