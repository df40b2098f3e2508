/* Low and high watermark of free memory: below the low one nothing is isolated any more and caches are emptied, until
 * the high one is reached. Whoever takes memory checks, whoever gives some back relaxes; both with mm->lock held.
 */
#pragma once

#include "mm/cache.h"

static inline void pressure_relax(struct mm *mm)
{
	if (unlikely(mm->pressure && mm->free >= mm->watermark_high)) {
		mm->pressure = false;
		mm->hot_open = mm->hot_enabled;
	}
}

static inline void pressure_check(struct mm *mm)
{
	if (unlikely(mm->free < mm->watermark_low && !mm->pressure)) {
		mm->pressure = true;
		mm->hot_open = false;
		mm->pressure_count++;
		mm_cache_drain(mm, mm_this_cpu(mm));
		pressure_relax(mm);
	}
}
