/* Sums that the allocator keeps cleverly, done the plain way. */
#include "tests/unit/naive.h"

#include "tests/unit/test.h"

static bool is_free(enum mm_state state)
{
	return state == MM_STATE_DIRTY || state == MM_STATE_ZERO || state == MM_STATE_REPORTED ||
	       state == MM_STATE_REPORTED_ZERO || state == MM_STATE_FRESH || state == MM_STATE_CACHED;
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

/* From a frame ahead of the range to one behind it, and from the middle of it: ends needn't be aligned. */
void naive_check_count(struct mm *mm, pfn_t base, size_t frames)
{
	const struct {
		pfn_t first, end;
	} ranges[] = {{base ? base - 1 : 0, base + frames + 1}, {base + frames / 3, base + frames / 3 + frames / 2}};
	uint64_t got[MM_STATE_COUNT];

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		uint64_t want[MM_STATE_COUNT] = {0};

		for (pfn_t pfn = ranges[i].first; pfn < ranges[i].end; pfn++)
			want[mm_frame_state(mm, pfn)]++;
		mm_count(mm, ranges[i].first, ranges[i].end, got);
		for (unsigned state = 0; state < MM_STATE_COUNT; state++)
			if (got[state] != want[state])
				test_port_fail(__FILE__, __LINE__, "%llu frames are %s, not %llu",
					       (unsigned long long)got[state], mm_state_name((enum mm_state)state),
					       (unsigned long long)want[state]);
	}
}

void naive_check_buddy(struct mm *mm, pfn_t base, size_t frames)
{
	struct mm_buddy_row want[MM_ORDER_MAX + 1] = {{0}}, got[MM_ORDER_MAX + 1];
	uint64_t free_frames = 0, zero_frames = 0, reported_frames = 0, fresh_frames = 0;
	struct mm_totals totals;
	pfn_t pfn = base;

	naive_check_count(mm, base, frames);
	mm_drain(mm);
	while (pfn < base + frames) {
		unsigned order;
		uint64_t zero = 0, reported = 0, fresh = 0;

		if (!is_free(mm_frame_state(mm, pfn))) {
			pfn++;
			continue;
		}
		order = largest_block(mm, pfn, base + frames);
		for (pfn_t i = pfn; i < pfn + ((pfn_t)1 << order); i++) {
			enum mm_state state = mm_frame_state(mm, i);

			zero += state == MM_STATE_ZERO;
			reported += is_reported(state);
			fresh += state == MM_STATE_FRESH;
		}
		want[order].free_blocks++;
		want[order].zero_blocks += zero == (uint64_t)1 << order;
		want[order].reported_blocks += reported == (uint64_t)1 << order;
		want[order].fresh_blocks += fresh == (uint64_t)1 << order;
		free_frames += (uint64_t)1 << order;
		zero_frames += zero;
		reported_frames += reported;
		fresh_frames += fresh;
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
		if (got[order].fresh_blocks != want[order].fresh_blocks)
			test_port_fail(__FILE__, __LINE__, "order %u: %llu fresh blocks, not %llu", order,
				       (unsigned long long)got[order].fresh_blocks,
				       (unsigned long long)want[order].fresh_blocks);
		uint64_t at_least = 0;
		for (unsigned larger = order; larger <= MM_ORDER_MAX; larger++)
			at_least += want[larger].free_blocks << larger;
		CHECK_EQ(got[order].frames_at_least, at_least);
	}
	mm_totals(mm, &totals);
	CHECK_EQ(totals.free, free_frames);
	CHECK_EQ(totals.zero, zero_frames);
	CHECK_EQ(totals.reported, reported_frames);
	CHECK_EQ(totals.fresh, fresh_frames);
}
