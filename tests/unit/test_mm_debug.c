/* What DEBUG builds catch on top: writes to memory that is free. In other builds there is nothing to see. */
#include "tests/unit/fixture.h"

/* Functions of their own, since a loop's counter wouldn't survive the panic's jump. */
static void write_after_free(unsigned order)
{
	struct mm *mm;
	unsigned char *bytes;
	pfn_t pfn;

	fixture_end();
	fixture_quiet();
	mm = fixture_mm(512, MM_FRESH_DIRTY);
	pfn = mm_alloc(mm, order, MM_ANY);
	mm_free(mm, pfn, order);
	mm_drain(mm);
	bytes = mm_port_frame(pfn);
	bytes[((size_t)FRAME_SIZE << order) - 1] ^= 1;
	CHECK_PANIC((void)mm_alloc(mm, 9, MM_ANY), "written after it was freed");
}

static void write_to_stock(unsigned want)
{
	struct mm *mm;
	unsigned char *bytes;

	fixture_end();
	fixture_quiet();
	mm = fixture_mm(512, MM_FRESH_DIRTY);
	fixture_zero_all(mm);
	bytes = mm_port_frame(fixture_base() + 300);
	bytes[4095] = 1;
	CHECK_PANIC((void)mm_alloc(mm, 9, want), "zero");
}

TEST(mm_debug, a_write_after_free_is_caught_when_the_frame_is_handed_out)
{
	if (!DEBUG)
		return;
	write_after_free(0);
	write_after_free(3);
	write_after_free(9);
}

TEST(mm_debug, a_write_to_a_hot_frame_is_caught)
{
	struct mm *mm;
	unsigned char *bytes;
	pfn_t pfn;

	if (!DEBUG)
		return;
	fixture_quiet();
	mm = fixture_mm(512, MM_FRESH_DIRTY);
	pfn = fixture_base() + 7;
	CHECK_EQ(mm_take_range(mm, fixture_base(), 512), 0);
	mm_free(mm, pfn, 0);
	bytes = mm_port_frame(pfn);
	bytes[100] ^= 1;
	CHECK_PANIC((void)mm_alloc(mm, 0, MM_ANY), "written after it was freed");
}

TEST(mm_debug, a_write_to_the_stock_is_caught)
{
	if (!DEBUG)
		return;
	write_to_stock(MM_ANY);
	write_to_stock(MM_ZERO_COLD);
}

TEST(mm_debug, reported_frames_are_not_looked_at)
{
	struct mm *mm;
	pfn_t pfn;

	fixture_quiet();
	mm = fixture_mm(512, MM_FRESH_REPORTED);
	fixture_fill(fixture_base(), 512, 0x3c);
	pfn = mm_alloc(mm, 9, MM_ANY);
	CHECK(fixture_is(pfn, 512, 0x3c)); /* nor filled */
	mm_free(mm, pfn, 9);
	CHECK_MM(mm);
}

TEST(mm_debug, mm_check_reads_the_stock)
{
	struct mm *mm;
	unsigned char *bytes;

	if (!DEBUG)
		return;
	fixture_quiet();
	mm = fixture_mm(512, MM_FRESH_DIRTY);
	fixture_zero_all(mm);
	CHECK(mm_check(mm));
	bytes = mm_port_frame(fixture_base() + 300);
	bytes[17] = 1;
	CHECK(!mm_check(mm));
}
