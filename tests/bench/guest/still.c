/* Holds the machine still: background work runs when a bench asks for it, never while it measures.
 *
 * Threads here are cooperative, so nothing else runs between two looks at the clock unless the bench sleeps; and
 * when it does sleep, it decides whether the idle loop may zero and whether the reporter may report.
 */
#include "tests/bench/guest/guest.h"

#include <stdio.h>

#include "arch/x86_64/clock.h"
#include "kernel/console.h"
#include "kernel/knob.h"
#include "kernel/thread.h"
#include "lib/assert.h"
#include "mm/report.h"
#include "mm/zero.h"

#define MS	   1000000ull
#define TIMEOUT_NS (120000 * MS)

static const char *const knobs[] = {"zero.policy", "zero.low_pct", "zero.high_pct", "zero.delay_ms"};

static void knob_text(const char *name, const char *text)
{
	char err[KNOB_ERROR_BYTES];
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

void still_begin(struct still *s)
{
	struct zero_status z;
	struct report_status r;
	_Static_assert(ARRAY_LEN(knobs) == ARRAY_LEN(s->knob), "room for each knob");
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++)
		TABLE_FOR_EACH (knob, struct knob_row, row)
			if (row->name && !__builtin_strcmp(row->name, knobs[i]))
				knob_value_text(row, s->knob[i], sizeof(s->knob[i]));
	zero_status(&mm_system, &z);
	report_status(&mm_system, &r);
	s->zero_paused = z.paused;
	s->report_paused = r.paused;
	if (!z.paused)
		zero_pause(&mm_system);
	if (!r.paused)
		report_pause(&mm_system);
	still_knob("zero.delay_ms", 0);
}

void still_end(const struct still *s)
{
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++)
		knob_text(knobs[i], s->knob[i]);
	if (!s->zero_paused)
		zero_resume(&mm_system);
	if (!s->report_paused)
		report_resume(&mm_system);
}

void still_marks(const struct still *s)
{
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++)
		if (!__builtin_strcmp(knobs[i], "zero.low_pct") || !__builtin_strcmp(knobs[i], "zero.high_pct"))
			knob_text(knobs[i], s->knob[i]);
}

/* False: interrupted, or it isn't done in time; said so. */
static bool wait_for(bool (*done)(struct mm *mm), const char *late)
{
	uint64_t end = clock_ns() + TIMEOUT_NS;
	while (!done(&mm_system)) {
		if (console_interrupted("bench"))
			return false;
		if (clock_ns() > end) {
			iprintf("bench: %s\n", late);
			return false;
		}
		thread_sleep_ns(MS);
	}
	return true;
}

bool still_zero(uint64_t low_pct)
{
	still_policy("idle");
	still_knob("zero.low_pct", low_pct);
	still_knob("zero.high_pct", low_pct ? low_pct : 100);
	zero_resume(&mm_system);
	bool done = wait_for(zero_is_done, "zeroing doesn't come to an end");
	zero_pause(&mm_system);
	return done;
}

bool still_rest(bool zeroing, uint64_t ns)
{
	if (zeroing)
		zero_resume(&mm_system);
	thread_sleep_ns(ns);
	if (zeroing)
		zero_pause(&mm_system);
	return !console_interrupted("bench");
}

bool still_has_reporter(void)
{
	struct report_status r;
	report_status(&mm_system, &r);
	return r.sink != NULL;
}

/* By taking it and freeing it again: whole 2 MiB blocks first, then the frames in between. */
bool still_dirty(void)
{
	struct mm_totals t;
	struct list held;
	still_policy("alloc");
	mm_drain(&mm_system);
	mm_totals(&mm_system, &t);
	if (t.zero == 0)
		return true;
	if (!list_make(&held, t.zero))
		return false;
	static const unsigned orders[] = {MM_ORDER_AREA, 0};
	uint64_t n[ARRAY_LEN(orders)], at = 0;
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		n[i] = 0;
		for (mm_totals(&mm_system, &t); t.zero >> orders[i]; mm_totals(&mm_system, &t)) {
			pfn_t pfn = mm_alloc(&mm_system, orders[i], MM_ZERO_COLD);
			struct mm_totals now;
			mm_totals(&mm_system, &now);
			if (pfn == MM_PFN_NONE)
				break;
			*list_at(&held, at++) = pfn;
			n[i]++;
			if (now.zero == t.zero) /* nothing of that size is left in stock */
				break;
		}
	}
	for (size_t i = ARRAY_LEN(orders); i-- > 0;)
		for (uint64_t k = 0; k < n[i]; k++)
			mm_free(&mm_system, *list_at(&held, --at), orders[i]);
	list_drop(&held);
	return true;
}

bool still_clean(void)
{
	if (!still_dirty())
		return false;
	if (!still_has_reporter())
		return true;
	report_resume(&mm_system);
	report_now(&mm_system);
	bool done = wait_for(report_is_done, "the host doesn't answer");
	report_pause(&mm_system);
	return done;
}
