/* Chooses what is reported: unreported blocks of at least report.order, while more than the reserve and the goal of the
 * stock stays unreported (mm/marks.h). Dirty ones first, the largest first. Blocks with zero frames are reported only
 * as far as the stock exceeds its goal, if it has one, since what was known to be zero is forgotten with it.
 *
 * Fresh ones go once, when there is nothing else to do: whether the host backs them isn't known before it answers. Of
 * them only what zeroing may want below its low mark is left.
 *
 * A sink that keeps zero gets blocks that are zero wholly, as far as the stock exceeds its goal, and nothing else: what
 * is fresh would have to be zeroed for it, which makes the host back it, so it stays as it is.
 */
#include "port/mm_port.h"

#include "mm/report_pick.h"

#include "mm/buddy.h"
#include "mm/marks.h"
#include "mm/unzeroed.h"

uint64_t report_order_min = MM_ORDER_AREA;
uint64_t report_reserve_pct = 0;

bool report_keeps_zero(const struct mm *mm)
{
	const struct report_sink *sink = mm->report_engine.sink;

	return sink && sink->keeps_zero;
}

static uint64_t frames_above(uint64_t have, uint64_t keep)
{
	return have > keep ? have - keep : 0;
}

void report_budget(const struct mm *mm, struct report_budget *out)
{
	const uint64_t goal = marks_goal(mm), reserve = mm->managed * report_reserve_pct / 100;
	const uint64_t left = mm->free - mm->reported, unreported = left - mm->fresh;
	const uint64_t now = marks_hold(mm) ? 0 : mm->report_engine.now_frames;
	const uint64_t keep = larger(reserve, MM_ZERO ? marks_low(mm) : 0);

	out->any = smaller(frames_above(unreported, goal), frames_above(left, reserve));
	out->any = larger(out->any, smaller(unreported, now));
	out->zero = goal == 0 ? out->any : larger(frames_above(mm->zero, goal), smaller(unreported, now));
	out->fresh = marks_hold(mm) || report_keeps_zero(mm) ? 0 : smaller(mm->fresh, frames_above(left, keep));
	if (!report_keeps_zero(mm))
		out->fresh = larger(out->fresh, smaller(mm->fresh, now));
}

/* The largest run of a class, at most max_frames long. */
static bool pick_class(struct mm *mm, unsigned cls, uint64_t max_frames, struct mm_block *block)
{
	uint32_t orders = index_orders(mm, cls);

	if (orders == 0 || max_frames == 0)
		return false;
	unsigned order = bit_last(orders), most = bit_last(max_frames);
	bool whole = order >= MM_ORDER_AREA;
	if (order > most)
		order = most;
	if (order < report_order_min)
		return false;
	pfn_t pfn = MM_PFN_NONE;
	if (order >= MM_ORDER_AREA)
		pfn = buddy_take_whole(mm, order, cls, ANYWHERE, TAKE_ISOLATE);
	else if (!whole)
		pfn = buddy_take_part(mm, order, cls, ANYWHERE, TAKE_ISOLATE);
	if (pfn == MM_PFN_NONE && order < MM_ORDER_AREA)
		pfn = buddy_take_break(mm, order, cls, ANYWHERE, TAKE_ISOLATE);
	if (pfn == MM_PFN_NONE)
		return false;
	*block = mm_block_of(pfn, order);
	return true;
}

bool report_pick(struct mm *mm, uint64_t max_frames, struct mm_block *block)
{
	struct report_budget may;

	buddy_cursor_release(mm);
	report_budget(mm, &may);
	const uint64_t any = smaller(may.any, max_frames), zero = smaller(may.zero, any);
	if (report_keeps_zero(mm))
		return pick_class(mm, CLASS_ZERO, zero, block);
	return pick_class(mm, CLASS_DIRTY, any, block) ||
	       pick_class(mm, CLASS_FRESH, smaller(may.fresh, max_frames), block) ||
	       pick_class(mm, CLASS_UNREPORTED, zero, block) || pick_class(mm, CLASS_ZERO, zero, block);
}

static bool has_block(struct mm *mm, unsigned cls, uint64_t room)
{
	uint32_t orders = index_orders(mm, cls);

	return orders != 0 && bit_last(orders) >= report_order_min && room >= 1ull << report_order_min;
}

/* Whether a gib has an aligned run of 2^k areas that are unreported, and not all of them zero. From k = 7 on a run is
 * 2, 4 or 8 full words. */
static bool gib_has_unzeroed(const struct mm_gib *g, unsigned k)
{
	const unsigned words = k > 6 ? 1u << (k - 6) : 1;

	for (unsigned w = 0; w < AREA_WORDS; w += words) {
		uint64_t any = ~0ull, zero = ~0ull;
		for (unsigned i = w; i < w + words; i++) {
			any &= g->whole[CLASS_UNREPORTED][i];
			zero &= g->whole[CLASS_ZERO][i];
		}
		if ((run_find(any, k > 6 ? 6 : k) & ~run_find(zero, k > 6 ? 6 : k)) != 0)
			return true;
	}
	return false;
}

/* Gibs that are looked into for a run of several areas, in one hold of the lock. */
#define LOOK_GIBS 256u

/* Whether there is a run of whole areas that is large enough and not all zero. The lists don't tell where another one
 * of the gib's, as large, is zero: mostly the stock. For single areas mm.unzeroed has the answer; for longer runs it
 * says in which gibs to look, of which a look takes so many, from where the one before ended. */
static bool has_unzeroed_areas(struct mm *mm)
{
	const unsigned k = report_order_min > MM_ORDER_AREA ? (unsigned)report_order_min - MM_ORDER_AREA : 0;
	const unsigned words = (mm->gib_count + 63) / 64;
	unsigned looks = 0;

	for (unsigned n = 0; n < words && looks < LOOK_GIBS; n++) {
		const unsigned w = (mm->report_engine.look_word + n) % words;
		for (uint64_t left = mm->unzeroed[w]; left != 0; left &= left - 1, looks++) {
			if (k != 0 && !gib_has_unzeroed(&mm->gibs[w * 64 + bit_first(left)], k))
				continue;
			mm->report_engine.look_word = w;
			return true;
		}
		if (looks >= LOOK_GIBS)
			mm->report_engine.look_word = w + 1;
	}
	return false;
}

enum report_found report_find(struct mm *mm)
{
	struct report_budget may;

	buddy_cursor_release(mm);
	report_budget(mm, &may);
	const uint64_t any = may.any, zero = smaller(may.zero, any);
	bool clean = has_block(mm, CLASS_ZERO, zero), dirty = has_block(mm, CLASS_DIRTY, any);
	if (!report_keeps_zero(mm))
		return clean || dirty || has_block(mm, CLASS_UNREPORTED, zero) || has_block(mm, CLASS_FRESH, may.fresh)
			       ? FOUND_BLOCK
			       : FOUND_NOTHING;
	if (clean)
		return FOUND_BLOCK;
	dirty |= has_block(mm, CLASS_UNREPORTED, any) || (MM_ZERO && marks_demand_under_way(mm)) ||
		 (any >= 1ull << report_order_min &&
		  (has_unzeroed_areas(mm) || mm_unzeroed_find(mm, (unsigned)report_order_min) != AREA_NONE));
	return dirty && MM_ZERO ? FOUND_UNZEROED : FOUND_NOTHING;
}
