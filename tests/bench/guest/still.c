/* Holds the machine still: background work runs when a bench asks for it, never while it measures.
 *
 * Threads here are cooperative, so nothing else runs between two looks at the clock unless the bench sleeps; and
 * when it does sleep, it decides whether the idle loop may zero and whether the reporter may report.
 */
#include "tests/bench/guest/guest.h"

#include <stdio.h>

#include "arch/x86_64/clock.h"
#include "kernel/console/console.h"
#include "kernel/sched/wait.h"
#include "kernel/shell/knob.h"
#include "kernel/shell/sorted.h"
#include "kernel/shell/work.h"
#include "lib/assert.h"
#include "mm/buddy.h"
#include "mm/contents.h"
#include "mm/timing.h"

#define MS	   1000000ull
#define TIMEOUT_NS (120000 * MS)

static const char *const knobs[] = {"zero.policy",    "zero.low_pct",	  "zero.high_pct", "zero.delay_ms",
				    "zero.rate_mbps", "report.rate_mbps", "mm.shuffle"};

static void knob_text(const char *name, const char *text)
{
	char err[KNOB_ERROR_BYTES];
	if (TABLE_FIND(knob, name))
		ASSERT(knob_set(name, text, err, sizeof(err)) == 0);
}

void still_knob(const char *name, uint64_t value)
{
	char text[24];
	sniprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	knob_text(name, text);
}

void still_policy(const char *policy)
{
	knob_text("zero.policy", policy);
}

/* Zeroing, reporting: NULL when it isn't built in. */
static const struct work_row *work_of(const char *name)
{
	return TABLE_FIND(work, name);
}

static void pause(const struct work_row *row)
{
	if (row)
		row->pause();
}

static void resume(const struct work_row *row)
{
	if (row)
		row->resume();
}

void still_begin(struct still *s)
{
	unsigned bit = 1;
	_Static_assert(ARRAY_LEN(knobs) == ARRAY_LEN(s->knob), "room for each knob");
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++) {
		const struct knob_row *row = TABLE_FIND(knob, knobs[i]);
		if (row)
			knob_value_text(row, s->knob[i], sizeof(s->knob[i]));
	}
	s->paused = 0;
	TABLE_FOR_EACH (work, struct work_row, row) {
		struct work work;
		row->look(&work);
		s->paused |= work.paused ? bit : 0;
		if (!work.paused)
			row->pause();
		bit <<= 1;
	}
	still_knob("zero.delay_ms", 0);
	still_knob("zero.rate_mbps", 0);
	still_knob("report.rate_mbps", 0);
}

void still_end(const struct still *s)
{
	unsigned bit = 1;
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++)
		knob_text(knobs[i], s->knob[i]);
	TABLE_FOR_EACH (work, struct work_row, row) {
		if (!(s->paused & bit))
			row->resume();
		bit <<= 1;
	}
}

void still_marks(const struct still *s)
{
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++)
		if (!__builtin_strcmp(knobs[i], "zero.low_pct") || !__builtin_strcmp(knobs[i], "zero.high_pct"))
			knob_text(knobs[i], s->knob[i]);
}

/* False: interrupted, or it isn't done in time; said so. */
static bool wait_for(const struct work_row *row, const char *late)
{
	uint64_t end = clock_ns() + TIMEOUT_NS;
	for (;;) {
		struct work work;
		row->look(&work);
		if (work.done)
			return true;
		if (console_interrupted("bench"))
			return false;
		if (clock_ns() > end) {
			iprintf("bench: %s\n", late);
			return false;
		}
		thread_sleep_ns(MS);
	}
}

bool still_has_zeroing(void)
{
	return work_of("zero");
}

bool still_zero(uint64_t low_pct)
{
	const struct work_row *zero = work_of("zero");
	if (!zero)
		return true;
	still_policy("idle");
	still_knob("zero.low_pct", low_pct);
	still_knob("zero.high_pct", low_pct ? low_pct : 100);
	zero->resume();
	bool done = wait_for(zero, "zeroing doesn't come to an end");
	zero->pause();
	return done;
}

bool still_rest(enum still_rest how, uint64_t ns)
{
	const struct work_row *zero = how == REST_ZEROING ? work_of("zero") : NULL;
	resume(zero);
	thread_sleep_ns(ns);
	pause(zero);
	return !console_interrupted("bench");
}

bool still_has_reporter(void)
{
	const struct work_row *report = work_of("report");
	struct work work = {0};
	if (report)
		report->look(&work);
	return work.by;
}

static void make_dirty(struct mm *mm, pfn_t pfn, unsigned order)
{
	if (DEBUG)
		contents_fill(pfn, 1ull << order);
	buddy_give(mm, pfn, order, CLASS_DIRTY);
}

/* Past the allocator's preferences, which would spare a zero frame in a whole area while others are to be had. */
void still_dirty(void)
{
	struct mm *mm = &mm_system;
	pfn_t pfn;

	still_policy("alloc");
	mm_drain(mm);
	mm_lock(mm);
	for (unsigned order = MM_ORDER_MAX; order >= MM_ORDER_AREA; order--)
		while ((pfn = buddy_take_whole(mm, order, CLASS_ZERO, ANYWHERE, TAKE_ISOLATE)) != MM_PFN_NONE)
			make_dirty(mm, pfn, order);
	while ((pfn = buddy_take_part(mm, 0, CLASS_ZERO, ANYWHERE, TAKE_ISOLATE)) != MM_PFN_NONE ||
	       (pfn = buddy_take_break(mm, 0, CLASS_ZERO, ANYWHERE, TAKE_ISOLATE)) != MM_PFN_NONE)
		make_dirty(mm, pfn, 0);
	ASSERT(mm->zero == 0);
	mm_unlock(mm);
}

bool still_report(void)
{
	if (!still_has_reporter())
		return true;
	const struct work_row *report = work_of("report"), *zero = work_of("zero");
	/* Under policy alloc the idle loop zeroes what is demanded for the host, and nothing else. */
	still_policy("alloc");
	resume(zero);
	report->resume();
	report->now();
	bool done = wait_for(report, "the host doesn't answer");
	report->pause();
	pause(zero);
	return done;
}

static bool keeps_zero;

/* REPORTED+ZERO becomes REPORTED, block by block. */
static void forget_zero(void)
{
	struct mm *mm = &mm_system;
	pfn_t pfn;

	mm_lock(mm);
	for (unsigned order = MM_ORDER_MAX; order >= MM_ORDER_AREA; order--)
		while ((pfn = buddy_take_whole(mm, order, CLASS_REPORTED_ZERO, ANYWHERE, TAKE_ALLOCATE)) != MM_PFN_NONE)
			buddy_give(mm, pfn, order, CLASS_REPORTED);
	mm_unlock(mm);
}

bool still_clean(void)
{
	still_dirty();
	if (!still_report())
		return false;
	keeps_zero = mm_system.reported_zero != 0;
	forget_zero();
	return true;
}

bool still_keeps_zero(void)
{
	return keeps_zero;
}
