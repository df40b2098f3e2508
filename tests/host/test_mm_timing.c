/* How long mm's lock was held. */
#include "mm/timing.h"

#include "host.h"
#include "tests/unit/fixture.h"

TEST(mm_timing, the_longest_hold_of_the_lock_is_kept)
{
	struct mm *mm = fixture_mm(512, MM_FRESH_DIRTY);

	for (unsigned i = 1; i <= 3; i++) {
		mm_lock_timed(mm);
		host_time_advance(i == 2 ? 70000 : 50000);
		mm_unlock(mm);
	}
	CHECK_EQ(mm->lock_max_ns, 70000);
}
