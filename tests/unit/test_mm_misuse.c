/* Callers' mistakes: each ends in a panic that names pfn, order, state and caller. */
#include "tests/unit/fixture.h"

/* Frees what mustn't be, and checks that the message tells everything. A panic leaves the allocator as it was when it
 * struck, so that each mistake gets an allocator of its own. */
static void check_free(struct mm *mm, pfn_t pfn, unsigned order, enum mm_state state)
{
	char number[24];

	CHECK_PANIC(mm_free(mm, pfn, order), mm_state_name(state));
	test_port_panic_check(__FILE__, __LINE__, fixture_number(number, pfn, 16));
	test_port_panic_check(__FILE__, __LINE__, "order ");
	test_port_panic_check(__FILE__, __LINE__, fixture_number(number, order, 10));
	test_port_panic_check(__FILE__, __LINE__, "caller 0x");
}

TEST(mm_misuse, double_free_of_a_frame)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);
	pfn_t pfn = mm_alloc(mm, 0, MM_ANY);

	mm_free(mm, pfn, 0);
	mm_drain(mm);
	check_free(mm, pfn, 0, MM_STATE_DIRTY);
}

TEST(mm_misuse, double_free_of_a_cached_frame)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);
	pfn_t pfn = fixture_base() + 99;

	CHECK_EQ(mm_take_range(mm, fixture_base(), 512), 0);
	mm_free(mm, pfn, 0);
	check_free(mm, pfn, 0, mm_frame_state(mm, pfn));
}

TEST(mm_misuse, double_free_of_every_order)
{
	for (unsigned order = 0; order <= 11; order++) {
		struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
		pfn_t pfn = mm_alloc(mm, order, MM_ANY);

		mm_free(mm, pfn, order);
		mm_drain(mm);
		check_free(mm, pfn, order, MM_STATE_DIRTY);
	}
}

TEST(mm_misuse, double_free_of_a_hot_area)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
	pfn_t pfn = mm_alloc(mm, 9, MM_ANY);

	mm_free(mm, pfn, 9);
	check_free(mm, pfn, 9, mm_frame_state(mm, pfn));
}

TEST(mm_misuse, free_of_memory_that_was_never_allocated)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_REPORTED);

	check_free(mm, fixture_base() + 5, 0, MM_STATE_REPORTED);
}

/* Where the base is, is known once there is an allocator. */
static struct mm *with_a_hole(void)
{
	static const struct mm_range ranges[] = {{0, 100, MM_FRESH_DIRTY}, {200, 300, MM_FRESH_DIRTY}};

	return fixture_mm_ranges(512, ranges, 2);
}

TEST(mm_misuse, free_of_a_frame_that_is_not_ours)
{
	struct mm *mm = with_a_hole();

	check_free(mm, fixture_base() + 512, 0, MM_STATE_UNMANAGED);
	mm = with_a_hole();
	check_free(mm, fixture_base() + 150, 0, MM_STATE_UNMANAGED);
	mm = with_a_hole();
	check_free(mm, 1, 0, MM_STATE_UNMANAGED);
	mm = with_a_hole();
	check_free(mm, MM_PFN_LIMIT, 9, MM_STATE_UNMANAGED);
	mm = with_a_hole();
	check_free(mm, MM_PFN_NONE, 0, MM_STATE_UNMANAGED);
}

TEST(mm_misuse, wrong_order)
{
	for (unsigned order = 0; order <= 10; order++) {
		for (unsigned wrong = 0; wrong <= 11; wrong++) {
			struct mm *mm;
			pfn_t pfn;

			if (wrong == order)
				continue;
			mm = fixture_mm(2048, MM_FRESH_DIRTY);
			pfn = mm_alloc(mm, order, MM_ANY);
			check_free(mm, pfn, wrong, MM_STATE_ALLOCATED);
		}
	}
}

TEST(mm_misuse, order_out_of_bounds)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);
	pfn_t pfn = mm_alloc(mm, 0, MM_ANY);

	check_free(mm, pfn, MM_ORDER_MAX + 1, MM_STATE_ALLOCATED);
	mm = fixture_mm(512, MM_FRESH_DIRTY);
	CHECK_PANIC((void)mm_alloc(mm, MM_ORDER_MAX + 1, MM_ANY), "order");
}

/* Frees what lies `at` frames into an allocated block of that order. */
static void check_free_within(unsigned order, pfn_t at, unsigned wrong)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
	pfn_t pfn = mm_alloc(mm, order, MM_ANY);

	check_free(mm, pfn + at, wrong, MM_STATE_ALLOCATED);
}

TEST(mm_misuse, misaligned_block)
{
	check_free_within(4, 1, 4);
	check_free_within(9, 3, 9);
	check_free_within(10, 512, 10);
}

TEST(mm_misuse, free_of_a_block_from_its_middle)
{
	check_free_within(4, 8, 3);
	check_free_within(10, 512, 9);
	check_free_within(10, 3, 0);
}

TEST(mm_misuse, the_old_order_after_a_split)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
	pfn_t pfn = mm_alloc(mm, 9, MM_ANY);

	mm_split(mm, pfn, 9, 3);
	check_free(mm, pfn, 9, MM_STATE_ALLOCATED);
}

TEST(mm_misuse, two_neighbours_freed_as_one)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);

	CHECK_EQ(mm_take_range(mm, fixture_base(), 2), 0);
	check_free(mm, fixture_base(), 1, MM_STATE_ALLOCATED);
}

TEST(mm_misuse, split_of_what_is_not_allocated)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);

	CHECK_PANIC(mm_split(mm, fixture_base(), 9, 0), mm_state_name(MM_STATE_DIRTY));
	mm = fixture_mm(2048, MM_FRESH_DIRTY);
	CHECK_PANIC(mm_split(mm, mm_alloc(mm, 3, MM_ANY), 4, 0), mm_state_name(MM_STATE_ALLOCATED));
}

TEST(mm_misuse, split_to_a_larger_order)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
	pfn_t pfn = mm_alloc(mm, 3, MM_ANY);

	CHECK_PANIC(mm_split(mm, pfn, 3, 4), "");
}

TEST(mm_misuse, bulk_free_of_one_block_twice)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
	pfn_t pfns[4];

	CHECK(mm_alloc_bulk(mm, 0, MM_ANY, 4, pfns));
	pfns[3] = pfns[0];
	CHECK_PANIC(mm_free_bulk(mm, 0, 4, pfns), "order 0");
}

TEST(mm_misuse, retiring_part_of_a_block)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);
	pfn_t pfn = mm_alloc(mm, 9, MM_ANY);

	CHECK_PANIC((void)mm_retire(mm, pfn + 3), mm_state_name(MM_STATE_ALLOCATED));
}

TEST(mm_misuse, free_of_a_retired_frame)
{
	struct mm *mm = fixture_mm(2048, MM_FRESH_DIRTY);

	CHECK_EQ(mm_retire(mm, fixture_base() + 3), 0);
	check_free(mm, fixture_base() + 3, 0, MM_STATE_UNMANAGED);
}
