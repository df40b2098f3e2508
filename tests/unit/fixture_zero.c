/* Zeroing in a test's allocator, see fixture_zero.h. */
#include "tests/unit/fixture_zero.h"

uint64_t fixture_idle(struct mm *mm)
{
	struct zero_ledger before, after;

	zero_ledger(mm, &before);
	for (uint64_t calls = 0;; calls++) {
		uint64_t wake_ns = 0;
		enum zero_verdict verdict = zero_idle(mm, &wake_ns);

		if (verdict == ZERO_NOTHING)
			break;
		if (verdict == ZERO_LATER)
			test_port_pass_ns(wake_ns > mm_port_now_ns() ? wake_ns - mm_port_now_ns() : 0);
		CHECK(calls < 10000000);
	}
	zero_ledger(mm, &after);
	return after.idle_frames - before.idle_frames;
}
