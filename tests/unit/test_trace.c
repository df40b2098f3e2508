/* The trace: each operation against the events that it must write. */
#include "mm/state.h"
#include "tests/unit/trace_rig.h"

TEST(trace, a_frame_out_of_a_whole_block_and_back)
{
	struct mm *mm = traced_mm();
	struct trace_entry e;
	pfn_t pfn = mm_alloc(mm, 0, MM_ANY);

	CHECK_EQ(trace_written(), 2);
	CHECK_EQ(trace_events(TRACE_SPLIT, 0, &e), 1);
	CHECK_EQ(e.pfn, pfn);
	CHECK_EQ(e.order, 0);
	CHECK_EQ(e.run, 11);
	CHECK_EQ(e.frames, 1);
	CHECK_EQ(e.from, MM_STATE_DIRTY);
	CHECK_EQ(trace_events(TRACE_ALLOC, 0, &e), 1);
	CHECK_EQ(e.pfn, pfn);
	CHECK_EQ(e.from, MM_STATE_DIRTY);
	CHECK_EQ(e.to, MM_STATE_ALLOCATED);
	CHECK_EQ(e.cycles, 2);
	CHECK(e.caller);

	mm_free(mm, pfn, 0);
	CHECK_EQ(trace_written(), 4);
	CHECK_EQ(trace_events(TRACE_MERGE, 0, &e), 1);
	CHECK_EQ(e.pfn, pfn);
	CHECK_EQ(e.order, 0);
	CHECK_EQ(e.run, 11);
	CHECK_EQ(trace_events(TRACE_FREE, 0, &e), 1);
	CHECK_EQ(e.pfn, pfn);
	CHECK_EQ(e.from, MM_STATE_ALLOCATED);
	CHECK_EQ(e.to, MM_STATE_DIRTY);
}

/* Every order: what it is taken out of and what it completes is told by the frames themselves. */

TEST(trace, runs_are_those_that_the_frames_make)
{
	struct mm *mm = traced_mm();
	struct trace_entry e;
	unsigned splits = 0, merges = 0;
	pfn_t held[11];

	for (unsigned order = 0; order < 11; order++) {
		unsigned run = order;
		held[order] = mm_alloc(mm, order, MM_ANY);
		CHECK(held[order] != MM_PFN_NONE);
		/* All around it that is free now, and it, were one run. */
		for (; run < 11; run++) {
			pfn_t first = held[order] & ~((2ull << run) - 1);
			if (fixture_count(mm, first, 2ul << run, MM_STATE_DIRTY) != (2ul << run) - (1ul << order))
				break;
		}
		if (run > order) {
			CHECK_EQ(trace_events(TRACE_SPLIT, splits, &e), splits + 1);
			CHECK_EQ(e.pfn, held[order]);
			CHECK_EQ(e.order, order);
			CHECK_EQ(e.run, run);
			splits++;
		}
		CHECK_EQ(trace_events(TRACE_SPLIT, 0, &e), splits);
	}
	CHECK(splits >= 1);
	for (unsigned i = 0; i < 11; i++) {
		unsigned order = i * 7 % 11, run = order;
		mm_free(mm, held[order], order);
		for (; run < 11; run++) {
			pfn_t first = held[order] & ~((2ull << run) - 1);
			if (fixture_count(mm, first, 2ul << run, MM_STATE_DIRTY) != 2ul << run)
				break;
		}
		merges += run > order;
		CHECK_EQ(trace_events(TRACE_MERGE, merges - 1, &e), merges);
		if (run > order) {
			CHECK_EQ(e.pfn, held[order]);
			CHECK_EQ(e.run, run);
		}
	}
	CHECK_EQ(e.run, 11);
	CHECK_EQ(trace_events(TRACE_ALLOC, 0, &e), 11);
	CHECK_EQ(trace_events(TRACE_FREE, 0, &e), 11);
}

TEST(trace, a_cache_keeps_and_gives_later)
{
	struct mm *mm = traced_mm();
	struct trace_entry e;
	pfn_t pfn;

	mm_cache_enable(mm, MM_ON);
	pfn = mm_alloc(mm, 0, MM_ANY);
	mm_free(mm, pfn, 0);
	CHECK_EQ(trace_events(TRACE_FREE, 0, &e), 1);
	CHECK_EQ(e.to, MM_STATE_CACHED);
	CHECK_EQ(trace_events(TRACE_MERGE, 0, &e), 0);
	CHECK_EQ(mm_alloc(mm, 0, MM_ANY), pfn);
	CHECK_EQ(trace_events(TRACE_ALLOC, 1, &e), 2);
	CHECK_EQ(e.from, MM_STATE_CACHED);
	mm_free(mm, pfn, 0);
	/* Frames that were taken ahead are a split, and no allocation. */
	CHECK(trace_events(TRACE_SPLIT, 1, &e) > 1);
	CHECK_EQ(trace_events(TRACE_ALLOC, 0, &e), 2);
	mm_drain(mm);
	unsigned merges = trace_events(TRACE_MERGE, 0, &e);
	CHECK(merges > 0);
	trace_events(TRACE_MERGE, merges - 1, &e);
	CHECK_EQ(e.run, 11);

	pfn = mm_alloc(mm, 9, MM_ANY);
	mm_free(mm, pfn, 9);
	CHECK_EQ(trace_events(TRACE_FREE, 2, &e), 3);
	CHECK_EQ(e.to, MM_STATE_CACHED);
	CHECK_EQ(e.order, 9);
}

TEST(trace, frames_of_a_word_that_come_back_together)
{
	struct mm *mm = traced_mm();
	struct trace_entry e;
	pfn_t base = fixture_base();

	CHECK_EQ(mm_take_range(mm, base, 2048), 0);
	CHECK_EQ(trace_events(TRACE_ALLOC, 0, &e), 1);
	CHECK_EQ(e.frames, 2048);
	mm->pressure = false;
	mm_cache_enable(mm, MM_ON);
	/* 8 frames stay hot, further ones come back 16 at a time */
	for (unsigned i = 0; i < 64; i++)
		mm_free(mm, base + i, 0);
	CHECK_EQ(trace_events(TRACE_FREE, 0, &e), 64);
	mm_drain(mm);
	unsigned merges = trace_events(TRACE_MERGE, 0, &e);
	CHECK(merges > 0 && merges < 64);
	trace_events(TRACE_MERGE, merges - 1, &e);
	CHECK_EQ(e.run, 6);
}

TEST(trace, bulk_calls_write_an_event_for_each_block)
{
	struct mm *mm = traced_mm();
	pfn_t pfns[20];
	struct trace_entry e;

	CHECK(mm_alloc_bulk(mm, 3, MM_ANY, 20, pfns));
	CHECK_EQ(trace_events(TRACE_ALLOC, 19, &e), 20);
	CHECK_EQ(e.pfn, pfns[19]);
	CHECK_EQ(e.order, 3);
	CHECK(e.caller);
	mm_free_bulk(mm, 3, 20, pfns);
	CHECK_EQ(trace_events(TRACE_FREE, 19, &e), 20);
	CHECK_EQ(e.pfn, pfns[19]);
	CHECK_EQ(e.to, MM_STATE_DIRTY);
	/* all or nothing */
	CHECK(!mm_alloc_bulk(mm, 9, MM_ANY, 20, pfns));
	CHECK_EQ(trace_events(TRACE_ALLOC, 0, &e), 20);
}

TEST(trace, a_block_that_is_cut_and_frames_that_are_taken)
{
	struct mm *mm = traced_mm();
	struct trace_entry e;
	pfn_t pfn = mm_alloc(mm, 10, MM_ANY), base = fixture_base();
	unsigned splits = trace_events(TRACE_SPLIT, 0, &e);

	mm_split(mm, pfn, 10, 4);
	CHECK_EQ(trace_events(TRACE_SPLIT, splits, &e), splits + 1);
	CHECK_EQ(e.order, 4);
	CHECK_EQ(e.run, 10);
	CHECK_EQ(e.from, MM_STATE_ALLOCATED);
	trace_begin(mm, TRACE_RING);
	pfn_t other = pfn == base ? base + 1024 : base;
	CHECK_EQ(mm_take_range(mm, other + 3, 6), 0); /* of a run of order 10, in one piece */
	CHECK_EQ(trace_events(TRACE_ALLOC, 0, &e), 1);
	CHECK_EQ(e.order, TRACE_ORDER_NONE);
	CHECK_EQ(e.frames, 6);
	CHECK_EQ(trace_events(TRACE_SPLIT, 0, &e), 1);
	CHECK_EQ(e.frames, 6);
	CHECK_EQ(e.run, 10);
	CHECK_EQ(mm_retire(mm, other), 0);
	CHECK_EQ(trace_events(TRACE_ALLOC, 1, &e), 2);
	CHECK_EQ(e.from, MM_STATE_DIRTY);
	CHECK_EQ(e.to, MM_STATE_UNMANAGED);
	CHECK_EQ(mm_retire(mm, other + 3), 0);
	CHECK_EQ(trace_events(TRACE_ALLOC, 2, &e), 3);
	CHECK_EQ(e.from, MM_STATE_ALLOCATED);
}

TEST(trace, mixed_frames_are_called_so)
{
	struct mm *mm;
	struct trace_entry e;
	pfn_t pfn;

	fixture_quiet();
	mm = fixture_mm(512, MM_FRESH_DIRTY);
	fixture_zero_all(mm);
	fixture_dirty(mm, fixture_base() + 100, 3);
	mm_cache_enable(mm, MM_OFF);
	trace_begin(mm, TRACE_RING);
	pfn = mm_alloc(mm, 9, MM_ANY);
	CHECK_EQ(trace_events(TRACE_ALLOC, 0, &e), 1);
	CHECK_EQ(e.from, TRACE_MIXED);
	CHECK_STR(trace_state_name(e.from), "mixed");
	mm_free(mm, pfn, 9);
}

TEST(trace, the_ring_keeps_the_newest)
{
	struct mm *mm = traced_mm();
	struct trace_entry e;

	trace_begin(mm, 7);
	for (unsigned i = 0; i < 5; i++)
		mm_free(mm, mm_alloc(mm, 0, MM_ANY), 0);
	const uint64_t written = trace_written();
	CHECK_EQ(written, 20);
	CHECK_EQ(trace_overwritten(), written - 7);
	CHECK(!trace_read(0, &e));
	CHECK(!trace_read(written - 7, &e));
	CHECK(trace_read(written - 6, &e));
	CHECK_EQ(e.number, written - 6);
	CHECK_EQ(e.cycles, written - 6);
	CHECK(trace_read(written, &e));
	CHECK(!trace_read(written + 1, &e));
	CHECK_STR(trace_event_name(e.event), "free");
}

TEST(trace, off_it_writes_nothing_and_what_it_wrote_stays)
{
	struct mm *mm = traced_mm();
	struct trace_entry e;

	CHECK(trace_is_on());
	mm_alloc(mm, 0, MM_ANY);
	const uint64_t written = trace_written();
	trace_stop(mm);
	CHECK(!trace_is_on());
	mm_alloc(mm, 0, MM_ANY);
	mm_free(mm, mm_alloc(mm, 9, MM_ANY), 9);
	CHECK_EQ(trace_written(), written);
	CHECK(trace_read(written, &e));
	CHECK_MM(mm);
}

/* Traced or not, the allocator does the same. */

TEST(trace, what_is_traced_is_what_happens_anyway)
{
	pfn_t before[64];

	for (unsigned pass = 0; pass < 2; pass++) {
		struct mm *mm;
		uint64_t seed = 7;
		pfn_t held[64], base;
		unsigned order[64];

		fixture_quiet();
		mm = fixture_mm(4096, MM_FRESH_DIRTY);
		base = fixture_base();
		if (pass == 1)
			trace_begin(mm, TRACE_RING);
		for (unsigned i = 0; i < 64; i++)
			held[i] = MM_PFN_NONE;
		for (unsigned i = 0; i < 2000; i++) {
			unsigned at = (unsigned)fixture_random(&seed, 64);
			unsigned k = (unsigned)fixture_random(&seed, 12) / 2;
			k += fixture_random(&seed, 40) == 0 ? 4 : 0;
			if (held[at] != MM_PFN_NONE) {
				mm_free(mm, held[at], order[at]);
				held[at] = MM_PFN_NONE;
			} else {
				order[at] = k;
				held[at] = mm_alloc(mm, k, i % 3 == 0 ? MM_ZERO_HOT : MM_ANY);
			}
		}
		for (unsigned i = 0; i < 64; i++) {
			pfn_t pfn = held[i] == MM_PFN_NONE ? MM_PFN_NONE : held[i] - base;
			if (pass == 0)
				before[i] = pfn;
			else
				CHECK_EQ(pfn, before[i]);
		}
		CHECK_MM(mm);
	}
	CHECK(trace_written() > 2000);
}
