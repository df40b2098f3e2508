/* mm_check itself: whatever is wrong in the allocator's books, it says so. Each row spoils one thing of a sound
 * allocator with blocks of all kinds in it. */
#include "host.h"
#include "mm/index.h"
#include "tests/unit/fixture.h"

#define FRAMES (4 * AREA_FRAMES)

/* Area 0 partly in use and mixed, with a block of 1 MiB; 1 wholly free and mixed; 2 a block; 3 free and uniform. */
static struct mm *sound_mm(void)
{
	struct mm *mm;
	pfn_t base;

	fixture_quiet();
	mm = fixture_mm(FRAMES, MM_FRESH_DIRTY);
	base = fixture_base();
	mm_cache_enable(mm, MM_OFF);
	CHECK_EQ(mm_take_range(mm, base + 2 * AREA_FRAMES, 2 * AREA_FRAMES), 0);
	fixture_zero_all(mm);
	CHECK_EQ(mm_alloc(mm, 0, MM_ZERO_COLD), base);
	CHECK_EQ(mm_alloc(mm, 8, MM_ZERO_COLD), base + 256);
	fixture_dirty(mm, base + 200, 9);
	fixture_dirty(mm, base + AREA_FRAMES + 64, 64);
	for (unsigned i = 0; i < 2 * AREA_FRAMES; i++)
		mm_free(mm, base + 2 * AREA_FRAMES + i, 0);
	mm_drain(mm);
	CHECK_EQ(mm_alloc(mm, 9, MM_ANY), base + 2 * AREA_FRAMES);
	CHECK(mm_check(mm));
	CHECK_EQ(mm->areas[0].pure, CLASS_MIXED);
	CHECK_EQ(mm->areas[3].kind, AREA_FREE);
	return mm;
}

#define SPOILED(change)                                                         \
	do {                                                                    \
		struct mm *mm = sound_mm();                                     \
		struct mm_area *area = mm->areas;                               \
		struct area_bits *bits = mm->bits;                              \
		struct mm_gib *gib = mm->gibs;                                  \
		(void)area, (void)bits, (void)gib;                              \
		change;                                                         \
		host_log_clear();                                               \
		if (mm_check(mm))                                               \
			test_port_fail(__FILE__, __LINE__, "unseen: " #change); \
		CHECK(*host_log() != 0);                                        \
		fixture_end();                                                  \
	} while (0)

static unsigned asked, asked_most;

static bool enough(void *mm)
{
	CHECK(mm_port_lock_held(&((struct mm *)mm)->lock));
	return ++asked == asked_most;
}

/* Whoever asks to stop isn't told that all is well, nor that something is wrong. */
TEST(mm_check, stops_when_asked)
{
	struct mm *mm;
	struct mm_stop stop = {.asked = enough};

	fixture_quiet();
	mm = fixture_mm(3 * 32 * AREA_FRAMES, MM_FRESH_REPORTED);
	stop.arg = mm;
	asked = asked_most = 0;
	CHECK_EQ(mm_check_until(mm, &stop), MM_CHECKED_GOOD);
	CHECK_EQ(asked, 3);
	asked = 0;
	asked_most = 2;
	CHECK_EQ(mm_check_until(mm, &stop), MM_CHECKED_NOT);
	CHECK_EQ(asked, 2);
	CHECK(!mm_port_lock_held(&mm->lock));
	asked = asked_most = 0;
	mm->free++;
	CHECK_EQ(mm_check_until(mm, &stop), MM_CHECKED_BROKEN);
	CHECK_EQ(mm_check_until(mm, NULL), MM_CHECKED_BROKEN);
}

TEST(mm_check, sees_totals_that_are_wrong)
{
	SPOILED(mm->managed++);
	SPOILED(mm->free--);
	SPOILED(mm->zero++);
	SPOILED(mm->reported++);
	SPOILED(mm->reported_zero++);
	SPOILED(mm->fresh++);
	SPOILED(mm->isolated++);
	SPOILED(mm->cursor[0] = 3);
	SPOILED(mm->orders[0][CLASS_DIRTY] ^= 1);
	SPOILED(mm->orders[0][CLASS_ALL] ^= BIT(18));
	SPOILED(mm->low[CLASS_ZERO][7] ^= 1);
}

TEST(mm_check, sees_areas_that_are_wrong)
{
	SPOILED(area[0].free++);
	SPOILED(area[0].zero--);
	SPOILED(area[0].reported++);
	SPOILED(area[0].reported_zero++);
	SPOILED(area[0].fresh++);
	SPOILED(area[0].ladder[CLASS_ZERO] ^= 1);
	SPOILED(*area_ladder(mm, 0, CLASS_ALL) ^= BIT(63));
	SPOILED(*area_ladder(mm, 0, CLASS_FRESH) ^= BIT(63));
	SPOILED(area[0].fit ^= 1);
	SPOILED(area[0].fit ^= FIT_COARSE);
	SPOILED(area[0].pure = CLASS_ZERO);
	SPOILED(area[0].flags ^= AREA_MIB);
	SPOILED(area[0].flags ^= AREA_CURSOR << 1);
	SPOILED(area[1].kind = AREA_FREE);
	SPOILED(area[2].kind = AREA_FREE);
	SPOILED(area[2].kind = AREA_HOLE);
	SPOILED(area[2].order = 10);
	SPOILED(area[2].free = 1);
	SPOILED(area[3].pure = CLASS_ZERO);
	SPOILED(area[3].kind = AREA_BODY);
}

TEST(mm_check, sees_bits_that_are_wrong)
{
	SPOILED(bits[0].word[0].free ^= BIT(5));
	SPOILED(bits[0].word[0].free ^= BIT(0));
	SPOILED(bits[0].word[1].zero ^= BIT(5));
	SPOILED(bits[0].word[1].reported ^= BIT(5));
	SPOILED(bits[0].word[1].start ^= BIT(5));
	SPOILED(bits[0].word[4].start ^= BIT(0));
	SPOILED(bits[0].isolated[1] ^= BIT(5));
	SPOILED(bits[1].word[1].zero ^= BIT(63));
}

TEST(mm_check, sees_lists_that_are_wrong)
{
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		for (unsigned part = 0; part < PART_COUNT; part += 4) {
			SPOILED(mm->parts[0].map[c][part] ^= 1);
			SPOILED(mm->parts[0].map[c][part] ^= BIT(63));
			SPOILED(gib->part_words[c][part] ^= 1);
		}
		SPOILED(gib->whole[c][0] ^= 2);
		SPOILED(gib->whole[c][0] ^= 8);
		SPOILED(gib->ladder[c] ^= 1);
		SPOILED(gib->unzeroed ^= 1);
		SPOILED(mm->unzeroed[0] ^= 1);
		SPOILED(gib->largest[c] ^= 1);
		SPOILED(gib->fit[c] ^= 1);
	}
}
