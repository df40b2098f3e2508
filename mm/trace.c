/* The ring of events, and what an event says about runs and states; see trace.h. */
#include "port/mm_port.h"

#include "mm/trace.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "mm/place.h"
#include "mm/zero_policy.h"

unsigned trace_orders = MM_ORDER_MAX + 1;
unsigned trace_word_orders = WORD_ORDERS;
uint64_t trace_policies = ZERO_POLICY_FREE;

static struct {
	struct mm *mm;
	struct trace_entry *ring;
	size_t count;
	uint64_t (*cycles)(void);
	uint64_t written; /* (A) */
} trace;

static void switch_on(void)
{
	trace_orders = 0;
	trace_word_orders = 0;
	trace_policies = 0;
}

static void switch_off(void)
{
	trace_orders = MM_ORDER_MAX + 1;
	trace_word_orders = WORD_ORDERS;
	trace_policies = ZERO_POLICY_FREE;
}

void trace_start(struct mm *mm, struct trace_entry *ring, size_t count, uint64_t (*cycles)(void))
{
	ASSERT(count != 0);
	trace_stop(trace.mm);
	for (size_t i = 0; i < count; i++)
		ring[i].number = 0;
	trace.mm = mm;
	trace.ring = ring;
	trace.count = count;
	trace.cycles = cycles;
	trace.written = 0;
	mm->quick_orders = 0;
	switch_on();
}

void trace_stop(struct mm *mm)
{
	if (!mm || trace.mm != mm)
		return;
	switch_off();
	mm->quick_orders = mm->shuffled ? 0 : WORD_ORDERS;
	trace.mm = NULL;
}

bool trace_is_on(void)
{
	return trace_orders == 0;
}

uint64_t trace_written(void)
{
	return __atomic_load_n(&trace.written, __ATOMIC_RELAXED);
}

uint64_t trace_overwritten(void)
{
	const uint64_t written = trace_written();

	return written > trace.count ? written - trace.count : 0;
}

bool trace_read(uint64_t number, struct trace_entry *out)
{
	if (number <= trace_overwritten() || number > trace_written())
		return false;
	const struct trace_entry *entry = &trace.ring[(number - 1) % trace.count];
	if (__atomic_load_n(&entry->number, __ATOMIC_ACQUIRE) != number)
		return false;
	*out = *entry;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&entry->number, __ATOMIC_RELAXED) == number;
}

const char *trace_event_name(unsigned event)
{
	static const char *const names[TRACE_EVENTS] = {
		[TRACE_ALLOC] = "alloc", [TRACE_FREE] = "free", [TRACE_SPLIT] = "split",
		[TRACE_MERGE] = "merge", [TRACE_ZERO] = "zero", [TRACE_REPORT] = "report",
	};

	ASSERT(event < TRACE_EVENTS);
	return names[event];
}

/* Shorter than mm_state_name's, which are for sentences. */
const char *trace_state_name(unsigned state)
{
	static const char *const names[TRACE_MIXED + 1] = {
		[MM_STATE_UNMANAGED] = "unmanaged",
		[MM_STATE_ALLOCATED] = "allocated",
		[MM_STATE_CACHED] = "cached",
		[MM_STATE_DIRTY] = "dirty",
		[MM_STATE_ZERO] = "zero",
		[MM_STATE_REPORTED] = "reported",
		[MM_STATE_REPORTED_ZERO] = "reported+zero",
		[MM_STATE_FRESH] = "fresh",
		[MM_STATE_ISOLATED] = "isolated",
		[TRACE_MIXED] = "mixed",
	};

	ASSERT(state <= TRACE_MIXED);
	return names[state];
}

/* --- writing --- */

/* The order of frames that are one block, as an entry has it. */
static uint8_t order_of(pfn_t pfn, uint64_t frames)
{
	const unsigned order = bit_last(frames);

	return frames == 1ull << order && is_aligned(pfn, frames) ? (uint8_t)order : TRACE_ORDER_NONE;
}

static void put(struct mm *mm, struct trace_entry event)
{
	if (mm != trace.mm)
		return;
	const uint64_t number = __atomic_add_fetch(&trace.written, 1, __ATOMIC_RELAXED);
	struct trace_entry *entry = &trace.ring[(number - 1) % trace.count];

	__atomic_store_n(&entry->number, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	event.number = 0;
	event.cycles = trace.cycles();
	event.cpu = (uint8_t)mm_port_cpu();
	*entry = event;
	__atomic_store_n(&entry->number, number, __ATOMIC_RELEASE);
}

void trace_write(struct mm *mm, struct trace_entry event)
{
	event.order = order_of(event.pfn, event.frames);
	put(mm, event);
}

void trace_cut(struct mm *mm, pfn_t pfn, unsigned order, unsigned to, const void *caller)
{
	put(mm, (struct trace_entry){.event = TRACE_SPLIT,
				     .pfn = pfn,
				     .frames = 1ull << order,
				     .order = (uint8_t)to,
				     .run = (uint8_t)order,
				     .from = MM_STATE_ALLOCATED,
				     .to = MM_STATE_ALLOCATED,
				     .caller = caller});
}

void trace_bulk(struct mm *mm, unsigned order, size_t count, const pfn_t *pfns, const void *caller)
{
	for (size_t i = 0; i < count; i++)
		trace_write(mm, (struct trace_entry){.event = TRACE_ALLOC,
						     .pfn = pfns[i],
						     .frames = 1ull << order,
						     .from = trace_state(mm, pfns[i], 1ull << order),
						     .to = MM_STATE_ALLOCATED,
						     .caller = caller});
}

void trace_worked(struct mm *mm, enum trace_event event, pfn_t pfn, uint64_t frames, unsigned given)
{
	const uint8_t from = trace_state(mm, pfn, frames);

	trace_write(mm, (struct trace_entry){.event = (uint8_t)event,
					     .pfn = pfn,
					     .frames = frames,
					     .from = from,
					     .to = given == GIVE_AS_WAS ? from : (uint8_t)(MM_STATE_DIRTY + given)});
}

/* --- states --- */

static uint8_t frame_state(const struct mm *mm, pfn_t pfn)
{
	const uint32_t a = mm_area_of(mm, pfn);
	const struct mm_area *area = &mm->areas[a];

	if (area->kind != AREA_MAPPED && area->pure != CLASS_MIXED)
		return (uint8_t)(MM_STATE_DIRTY + area->pure);
	return (uint8_t)(MM_STATE_DIRTY + mm_mask_state(&mm->bits[a], pfn % AREA_FRAMES / 64, BIT(pfn % 64)));
}

uint8_t trace_state(struct mm *mm, pfn_t pfn, uint64_t frames)
{
	const uint8_t first = frame_state(mm, pfn);

	for (uint64_t i = 1; i < frames; i++)
		if (frame_state(mm, pfn + i) != first)
			return TRACE_MIXED;
	return first;
}

/* --- runs --- */

/* Whether all frames of an aligned block are free, or among ours: [pfn, end). */
static bool all_free(const struct mm *mm, pfn_t block, unsigned order, pfn_t pfn, pfn_t end)
{
	for (pfn_t at = block; at < block + (1ull << order);) {
		if (at >= pfn && at < end) {
			at = end;
			continue;
		}
		if (!buddy_holds(mm, at))
			return false;
		const uint32_t a = mm_area_of(mm, at);
		const struct mm_area *area = &mm->areas[a];
		if (area->free == AREA_FRAMES) {
			at = (at | (AREA_FRAMES - 1)) + 1;
			continue;
		}
		if (area->kind != AREA_MAPPED || (mm_word_of(mm, a, at)->free >> (at % 64) & 1) == 0)
			return false;
		at++;
	}
	return true;
}

void trace_runs(struct mm *mm, enum trace_event event, pfn_t pfn, uint64_t frames)
{
	const pfn_t end = pfn + frames;
	/* Frames that were just taken were free before. */
	const pfn_t ours = event == TRACE_SPLIT ? pfn : MM_PFN_NONE;

	if (mm != trace.mm)
		return;
	/* The largest aligned piece of what is left, and the run around it; then what is beyond that run. */
	for (pfn_t at = pfn; at < end;) {
		unsigned order = bit_last(end - at), run;
		while (!is_aligned(at, 1ull << order))
			order--;
		for (run = order; run < MM_ORDER_MAX; run++)
			if (!all_free(mm, at & ~bits_low(run + 1), run + 1, ours, end))
				break;
		const pfn_t run_end = (at | bits_low(run)) + 1;
		const uint64_t n = smaller(end, run_end) - at;
		if (run > order) {
			const uint8_t state = trace_state(mm, at, n);
			put(mm, (struct trace_entry){.event = (uint8_t)event,
						     .pfn = at,
						     .frames = n,
						     .order = order_of(at, n),
						     .run = (uint8_t)run,
						     .from = state,
						     .to = state});
		}
		at += n;
	}
}

void trace_runs_frames(struct mm *mm, const pfn_t *pfns, size_t count)
{
	for (size_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && pfns[i + n] == pfns[i] + n;)
			n++;
		trace_runs(mm, TRACE_SPLIT, pfns[i], n);
	}
}

void trace_runs_mask(struct mm *mm, pfn_t word, uint64_t mask)
{
	while (mask != 0) {
		const unsigned first = bit_first(mask);
		const uint64_t rest = ~(mask >> first);
		const unsigned n = rest == 0 ? 64 : bit_first(rest);
		trace_runs(mm, TRACE_MERGE, word + first, n);
		mask &= ~(bits_low(n) << first);
	}
}
