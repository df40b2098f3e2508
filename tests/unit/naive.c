/* Sums that the allocator keeps cleverly, done the plain way. */
#include "tests/unit/naive.h"

#include "tests/unit/test.h"

static bool is_free(enum mm_state state)
{
	return state == MM_STATE_DIRTY || state == MM_STATE_ZERO || state == MM_STATE_REPORTED ||
	       state == MM_STATE_REPORTED_ZERO || state == MM_STATE_CACHED;
}

static bool is_reported(enum mm_state state)
{
	return state == MM_STATE_REPORTED || state == MM_STATE_REPORTED_ZERO;
}

bool naive_has_block(struct mm *mm, pfn_t base, size_t frames, unsigned order)
{
	size_t run = 0;

	for (pfn_t pfn = base; pfn < base + frames; pfn++) {
		enum mm_state state = mm_frame_state(mm, pfn);

		if ((pfn & (((pfn_t)1 << order) - 1)) == 0)
			run = 0;
		run = is_free(state) || state == MM_STATE_ISOLATED ? run + 1 : 0;
		if (run == (size_t)1 << order)
			return true;
	}
	return false;
}

/* The order of the largest aligned block of free frames that starts at pfn; 0 when there is only pfn. */
static unsigned largest_block(struct mm *mm, pfn_t pfn, pfn_t end)
{
	unsigned order = 0;

	while (order < MM_ORDER_MAX && (pfn & (((pfn_t)2 << order) - 1)) == 0 && pfn + ((pfn_t)2 << order) <= end) {
		for (pfn_t i = pfn + ((pfn_t)1 << order); i < pfn + ((pfn_t)2 << order); i++) {
			if (!is_free(mm_frame_state(mm, i)))
				return order;
		}
		order++;
	}
	return order;
}

void naive_check_buddy(struct mm *mm, pfn_t base, size_t frames)
{
	struct mm_buddy_row want[MM_ORDER_MAX + 1] = {{0}}, got[MM_ORDER_MAX + 1];
	uint64_t free_frames = 0, zero_frames = 0, reported_frames = 0;
	struct mm_totals totals;
	pfn_t pfn = base;

	mm_drain(mm);
	while (pfn < base + frames) {
		unsigned order;
		uint64_t zero = 0, reported = 0;

		if (!is_free(mm_frame_state(mm, pfn))) {
			pfn++;
			continue;
		}
		order = largest_block(mm, pfn, base + frames);
		for (pfn_t i = pfn; i < pfn + ((pfn_t)1 << order); i++) {
			enum mm_state state = mm_frame_state(mm, i);

			zero += state == MM_STATE_ZERO;
			reported += is_reported(state);
		}
		want[order].free_blocks++;
		want[order].zero_blocks += zero == (uint64_t)1 << order;
		want[order].reported_blocks += reported == (uint64_t)1 << order;
		free_frames += (uint64_t)1 << order;
		zero_frames += zero;
		reported_frames += reported;
		pfn += (pfn_t)1 << order;
	}
	mm_buddy(mm, got);
	for (unsigned order = 0; order <= MM_ORDER_MAX; order++) {
		if (got[order].free_blocks != want[order].free_blocks)
			test_port_fail(__FILE__, __LINE__, "order %u: %llu free blocks, not %llu", order,
				       (unsigned long long)got[order].free_blocks,
				       (unsigned long long)want[order].free_blocks);
		if (got[order].zero_blocks != want[order].zero_blocks)
			test_port_fail(__FILE__, __LINE__, "order %u: %llu zero blocks, not %llu", order,
				       (unsigned long long)got[order].zero_blocks,
				       (unsigned long long)want[order].zero_blocks);
		if (got[order].reported_blocks != want[order].reported_blocks)
			test_port_fail(__FILE__, __LINE__, "order %u: %llu reported blocks, not %llu", order,
				       (unsigned long long)got[order].reported_blocks,
				       (unsigned long long)want[order].reported_blocks);
	}
	mm_totals(mm, &totals);
	CHECK_EQ(totals.free, free_frames);
	CHECK_EQ(totals.zero, zero_frames);
	CHECK_EQ(totals.reported, reported_frames);
}
