/* The marks of the stock and the policy knob; see marks.h. */
#include "port/mm_port.h"

#include "mm/marks.h"

#include "lib/table.h"
#include "mm/zero.h"

/* By default the stock is small, is refilled when it is used up, and only from memory that was dirtied: so an idle
 * guest gives everything else to the host. Where zeroed memory is going to be wanted the marks are to be raised. */
static uint64_t low_pct = 0;
static uint64_t high_pct = 1;
uint64_t zero_policy_knob = ZERO_POLICY_IDLE;

static const char *const policies[] = {"idle", "alloc", "free", NULL};

/* After `zero now` all that is zero is kept, until somebody says anew what the marks are. */
static void marks_changed(void)
{
	mm_system.stock_hold = false;
}

KNOB_CHOICE(zero_policy, policies, .name = "zero.policy", .unit = "",
	    .help = "who zeroes: the idle loop, allocations, or frees", .value = &zero_policy_knob);
KNOB(zero_low, .name = "zero.low_pct", .unit = "% of managed", .max = 100,
     .help = "at this stock or less, zeroing starts; below it, reported memory is used as well", .value = &low_pct,
     .changed = marks_changed);
KNOB(zero_high, .name = "zero.high_pct", .unit = "% of managed", .max = 100,
     .help = "at this stock zeroing stops; reporting leaves so much memory alone", .value = &high_pct,
     .changed = marks_changed);

PRESET(eager, "eager", "all free memory is kept zero and none is reported", "zero.policy=idle", "zero.low_pct=100",
       "zero.high_pct=100", "zero.delay_ms=0");

uint64_t marks_high(const struct mm *mm)
{
	return mm->managed * high_pct / 100;
}

uint64_t marks_low(const struct mm *mm)
{
	return mm->managed * (low_pct < high_pct ? low_pct : high_pct) / 100;
}
