/* Reports free memory to a host through whoever registered as the reporter: the page processor, and the policy.
 *
 * Life of a report: REQUESTED when there is something to report, ACTIVE after report.delay_ms, then batch after batch
 * of at most report.batch blocks until nothing is left. A batch goes out as chains of at most the sink's capacity, each
 * in a slot of its own. While a slot is in flight the device may touch its blocks, so they stay isolated: an allocation
 * that would fail for them waits (mm/page_wait.h) until the device answers or its time is up. Then the sink resets the
 * device, and once that is certain the blocks come back dirty, since nobody knows what the host did with them.
 *
 * A sink that refuses or declines a batch is held off: the next one waits for report.delay_ms, at least HELD_OFF_MS,
 * and twice as long each time, up to HELD_OFF_MAX_MS. One that succeeds ends that. (One that has to be reset has taken
 * its time already.)
 *
 * What is reported is report_pick.c's to choose. What must be zeroed before is demanded from zeroing (marks_demand);
 * neither knows the other, so after some time we look whether it has become zero.
 */
#include "port/mm_port.h"

#include "mm/report.h"

#include "lib/assert.h"
#include "lib/table.h"
#include "mm/cache.h"
#include "mm/contents.h"
#include "mm/cpu_sum.h"
#include "mm/marks.h"
#include "mm/page_hold.h"
#include "mm/page_proc.h"
#include "mm/rate.h"
#include "mm/report_pick.h"
#include "mm/timing.h"
#include "mm/trace.h"

static uint64_t delay_ms = 200;
static uint64_t batch_blocks = 32;
static uint64_t timeout_ms = 1000;
static uint64_t poison = 0;
static bool poison_wanted; /* the knob is off because nobody keeps zero; the next sink may */
static uint64_t rate_mbps = 0;

static const char *const off_on[] = {"off", "on", NULL};

void (*report_wake_hook)(struct mm *mm);

static void changed(void)
{
	if (report_wake_hook)
		report_wake_hook(&mm_system);
}

KNOB(report_order, .name = "report.order", .unit = "order", .max = MM_ORDER_MAX,
     .help = "smallest block that is reported", .value = &report_order_min, .changed = changed);
KNOB(report_reserve, .name = "report.reserve_pct", .unit = "% of managed", .max = 100,
     .help = "free memory that is never reported", .value = &report_reserve_pct, .changed = changed);
KNOB(report_delay, .name = "report.delay_ms", .unit = "ms", .max = 3600000,
     .help = "from the moment there is something to report to the first batch", .value = &delay_ms, .changed = changed);
KNOB(report_batch, .name = "report.batch", .unit = "blocks", .min = 1, .max = REPORT_SLOTS * PAGE_BATCH_BLOCKS,
     .help = "blocks of report.order's size that a batch covers at most", .value = &batch_blocks, .changed = changed);
KNOB(report_timeout, .name = "report.timeout_ms", .unit = "ms", .min = 1, .max = 600000,
     .help = "how long the device may take to answer before it is reset", .value = &timeout_ms, .changed = changed);
KNOB(report_rate, .name = "report.rate_mbps", .unit = "MB/s", .max = RATE_MBPS_MAX,
     .help = "as much as is reported at most, on report now too; 0: no limit", .value = &rate_mbps, .changed = changed);
static void poison_set(void)
{
	poison_wanted = false;
}

KNOB_CHOICE(report_poison, off_on, .name = "report.poison", .unit = "", .boot = true, .value = &poison,
	    .changed = poison_set,
	    .help = "report zeroed memory only, which stays zero, where the host promises it (PAGE_POISON)");

bool report_wants_zero_kept(void)
{
	if (poison != 0 && !MM_ZERO) {
		mm_port_log("report.poison is off: zeroing isn't built in");
		poison = 0;
	}
	return MM_ZERO && (poison != 0 || poison_wanted);
}

/* The knob says what is in force: off where nobody keeps zero, on again where somebody does for whom it was meant.
 * poison_off returns whether that is news. */
static bool poison_off(const struct mm *mm)
{
	const bool news = mm == &mm_system && poison != 0;

	if (news) {
		poison_wanted = true;
		poison = 0;
	}
	return news;
}

static void poison_on(const struct mm *mm)
{
	if (mm != &mm_system || !poison_wanted)
		return;
	poison_wanted = false;
	poison = 1;
}

void report_settle(struct mm *mm)
{
	if (!mm->report_engine.sink && poison_off(mm))
		mm_port_log("report.poison is off: there is no reporter");
}

PRESET(linux, "linux", "report as Linux's free page reporting does", "report.order=9", "report.delay_ms=2000",
       "report.batch=32");

#define ENGINE mm_system.report_engine
STAT(report_frames, "report.frames", "frames", "reported to the host and acknowledged", &ENGINE.frames);
STAT(report_requests, "report.requests", "chains", "handed to the reporter", &ENGINE.requests);
STAT(report_errors, "report.errors", "chains", "refused, failed or timed out", &ENGINE.errors);
STAT(report_timeouts, "report.timeouts", "times", "the device had to be reset", &ENGINE.timeouts);
STAT(report_in_flight, "report.in_flight_frames", "frames", "with the device right now", &ENGINE.in_flight_frames);

/* --- the page processor --- */

static bool report_wait(struct mm *mm, uint64_t since_ns);
static const struct page_batch *report_out(const struct mm *mm, unsigned i);

PAGE_PROC(report, .name = "report", .pick = report_pick, .wait = report_wait, .out = report_out);

/* --- slots --- */

static unsigned tag_of(const struct report_engine *e, const struct report_slot *slot)
{
	return (unsigned)(slot - e->slot) + REPORT_SLOTS * (slot->generation % 0x100000);
}

#define HELD_OFF_MS	100u
#define HELD_OFF_MAX_MS 10000u

/* No batch for a while. What several chains of one batch say counts once. */
static void hold_off(struct report_engine *e)
{
	if (e->held_off)
		return;
	const uint64_t least = larger(delay_ms, HELD_OFF_MS);
	if (e->held_off_ms == 0)
		mm_port_log("report: %s refused or declined a batch, trying again later", e->sink->name);
	e->held_off = true;
	e->held_off_ms = e->held_off_ms == 0 ? least : smaller(2 * e->held_off_ms, larger(least, HELD_OFF_MAX_MS));
	e->next_ns = mm_port_now_ns() + e->held_off_ms * 1000000;
}

/* As if nothing had gone wrong. */
static void hold_off_no_more(struct report_engine *e)
{
	e->held_off = false;
	e->held_off_ms = 0;
}

static void slot_close(struct mm *mm, struct report_slot *slot, unsigned state)
{
	struct report_engine *e = &mm->report_engine;
	const bool good = state == CLASS_REPORTED || state == CLASS_REPORTED_ZERO;

	slot->in_flight = false;
	slot->generation++;
	e->in_flight_frames -= slot->batch.frames;
	if (good) {
		e->frames += slot->batch.frames;
		e->held_off_ms = 0;
	} else {
		e->errors++;
		e->now_frames += slot->now_frames; /* still to go */
		if (state == GIVE_AS_WAS)
			hold_off(e);
	}
	if (state == CLASS_REPORTED || state == CLASS_DIRTY) /* what was known to be zero isn't any more */
		for (unsigned i = 0; i < slot->batch.count; i++)
			mm_this_cpu(mm)->wasted_frames +=
				contents_zero_frames(mm, slot->batch.block[i].pfn, slot->batch.block[i].order);
	if (DEBUG && state == CLASS_DIRTY)
		for (unsigned i = 0; i < slot->batch.count; i++)
			contents_fill(slot->batch.block[i].pfn, 1ull << slot->batch.block[i].order);
	for (unsigned i = 0; TRACING && i < slot->batch.count; i++)
		trace_worked(mm, TRACE_REPORT, slot->batch.block[i].pfn, 1ull << slot->batch.block[i].order, state);
	page_proc_put(mm, &slot->batch, state);
}

void report_done(struct report_sink *sink, unsigned tag, bool ok)
{
	struct mm *mm = sink->mm;
	struct report_slot *slot = &mm->report_engine.slot[tag % REPORT_SLOTS];

	if (!slot->in_flight || tag_of(&mm->report_engine, slot) != tag) {
		mm_port_log("report: %s answered 0x%x, which isn't in flight", sink->name, tag);
		return;
	}
	slot_close(mm, slot, !ok ? GIVE_AS_WAS : sink->keeps_zero ? CLASS_REPORTED_ZERO : CLASS_REPORTED);
}

static unsigned slots_in_flight(const struct report_engine *e)
{
	unsigned n = 0;

	for (unsigned i = 0; i < REPORT_SLOTS; i++)
		n += e->slot[i].in_flight ? 1 : 0;
	return n;
}

/* Looks for answers, and for slots that have waited too long. */
static void look(struct mm *mm)
{
	struct report_engine *e = &mm->report_engine;

	if (!e->sink)
		return;
	e->sink->poll(e->sink);
	if (slots_in_flight(e) == 0) {
		e->stuck = false;
		return;
	}

	uint64_t now = mm_port_now_ns();
	bool late = false;
	for (unsigned i = 0; i < REPORT_SLOTS; i++)
		late |= e->slot[i].in_flight && now - e->slot[i].since_ns >= timeout_ms * 1000000;
	if (!late)
		return;
	e->timeouts++;
	mm_port_log("report: %s didn't answer within %llu ms, resetting it", e->sink->name,
		    (unsigned long long)timeout_ms);
	e->stuck = !e->sink->reset(e->sink);
	if (e->stuck) {
		/* Still not sure that the device keeps its hands off: ask again after the same time. */
		for (unsigned i = 0; i < REPORT_SLOTS; i++)
			e->slot[i].since_ns = now;
		return;
	}
	for (unsigned i = 0; i < REPORT_SLOTS; i++)
		if (e->slot[i].in_flight)
			slot_close(mm, &e->slot[i], CLASS_DIRTY);
}

/* Nothing but zero goes to a host that keeps it: it may take a frame's contents for what it was promised. */
static void expect_zero(struct mm *mm, const struct page_batch *batch)
{
	for (unsigned i = 0; i < batch->count; i++) {
		ASSERT(contents_zero_frames(mm, batch->block[i].pfn, batch->block[i].order) ==
		       1ull << batch->block[i].order);
		if (DEBUG)
			contents_check_zero(batch->block[i].pfn, batch->block[i].order);
	}
}

/* Fills a slot and hands it over; what it holds goes off what is left of the batch. Returns whether it went out. */
static bool slot_submit(struct mm *mm, struct report_slot *slot, uint64_t *blocks, uint64_t *frames)
{
	struct report_engine *e = &mm->report_engine;
	struct report_range ranges[PAGE_BATCH_BLOCKS];
	uint64_t most = smaller(*blocks, smaller(e->sink->capacity, PAGE_BATCH_BLOCKS));

	if (page_proc_fill(mm, &page_proc_report, &slot->batch, (unsigned)most, *frames) == 0)
		return false;
	if (e->sink->keeps_zero)
		expect_zero(mm, &slot->batch);
	uint64_t out = slot->batch.frames;
	*blocks -= slot->batch.count;
	*frames -= slot->batch.frames;
	for (unsigned i = 0; i < slot->batch.count; i++)
		ranges[i] = (struct report_range){.pfn = slot->batch.block[i].pfn,
						  .frames = 1ull << slot->batch.block[i].order};
	slot->in_flight = true;
	slot->since_ns = mm_port_now_ns();
	slot->now_frames = smaller(out, e->now_frames);
	e->now_frames -= slot->now_frames;
	e->in_flight_frames += slot->batch.frames;
	e->requests++;
	/* The sink may answer from within submit: then the slot is closed already. */
	uint32_t generation = slot->generation;
	if (e->sink->submit(e->sink, ranges, slot->batch.count, tag_of(e, slot)) != 0) {
		if (slot->in_flight && slot->generation == generation)
			slot_close(mm, slot, GIVE_AS_WAS);
		return false;
	}
	rate_charge(&e->rate, slot->since_ns, out);
	return true;
}

/* Sends one batch, in as many chains as the sink and the slots allow. Returns whether anything went out. */
static bool batch_submit(struct mm *mm)
{
	struct report_engine *e = &mm->report_engine;
	uint64_t blocks = batch_blocks;
	uint64_t frames = smaller(blocks << report_order_min, larger(rate_slice(rate_mbps), 1ull << report_order_min));
	unsigned most = e->sink->in_flight_max < REPORT_SLOTS ? e->sink->in_flight_max : REPORT_SLOTS;
	bool any = false;

	for (unsigned i = 0; i < REPORT_SLOTS && blocks != 0 && frames != 0 && slots_in_flight(e) < most; i++) {
		struct report_slot *slot = &e->slot[i];
		if (slot->in_flight)
			continue;
		if (e->held_off) /* by an answer from within submit */
			break;
		if (!slot_submit(mm, slot, &blocks, &frames))
			break;
		any = true;
	}
	return any;
}

/* --- steps --- */

static bool enter(struct report_engine *e)
{
	return !__atomic_exchange_n(&e->busy, true, __ATOMIC_ACQUIRE);
}

static void leave(struct report_engine *e)
{
	__atomic_store_n(&e->busy, false, __ATOMIC_RELEASE);
}

/* After what time to look again for an answer: the device is another thread of the host, which needs some time. */
#define POLL_NS 100000u

/* After what time to look again whether blocks that must be zeroed first have become zero: while some do, and while
 * none does, since zeroing is paused or the CPU is busy. */
#define ZEROED_NS     5000000u
#define NOT_ZEROED_NS 50000000u

/* What is left that may be reported, paused or not. Below the low watermark nothing may be isolated: only what
 * report_now asked for is left then, and has to wait. */
static enum report_found left(struct mm *mm)
{
	mm_lock(mm);
	bool none = mm->pressure && mm->report_engine.now_frames == 0;
	enum report_found found = none ? FOUND_NOTHING : report_find(mm);
	mm_unlock(mm);
	return found;
}

/* Wants all zeroed that could be reported then. Returns whether the demand before, if there was one, got anywhere. */
static bool demand_zeroed(struct mm *mm)
{
	struct report_engine *e = &mm->report_engine;
	struct report_budget may;

	mm_lock(mm);
	const bool progress = e->demanded_frames == 0 || mm->demand.frames != e->demanded_frames;
	report_budget(mm, &may);
	e->demanded_frames = may.any;
	marks_demand(mm, (unsigned)report_order_min, may.any);
	mm_unlock(mm);
	return progress;
}

static void demand_nothing(struct mm *mm)
{
	mm_lock(mm);
	mm->report_engine.demanded_frames = 0;
	marks_demand(mm, (unsigned)report_order_min, 0);
	mm_unlock(mm);
}

static bool held_up(const struct mm *mm)
{
	return mm->report_engine.paused || mm->pressure;
}

/* The sink has gone, or is to go. */
static void forget_sink(struct mm *mm)
{
	struct report_engine *e = &mm->report_engine;

	e->sink = NULL;
	poison_off(mm);
	e->state = REPORT_IDLE;
	e->now_frames = 0;
	demand_nothing(mm);
}

static uint64_t step(struct mm *mm)
{
	struct report_engine *e = &mm->report_engine;
	uint64_t now = mm_port_now_ns();
	const uint64_t resets = e->timeouts;

	look(mm);
	if (e->sink && e->timeouts != resets && !e->stuck)
		e->sink->poll(e->sink); /* one that was reset may come up again */
	if (e->sink && e->sink->capacity == 0 && slots_in_flight(e) == 0) {
		mm_port_log("report: %s has gone off, there is no reporter", e->sink->name);
		forget_sink(mm);
	}
	if (!e->sink)
		return UINT64_MAX;
	if (slots_in_flight(e) != 0 && (e->stuck || held_up(mm) || left(mm) == FOUND_NOTHING))
		return now + POLL_NS;
	/* Frees don't tell us; looking now and then is cheaper for everybody. */
	const uint64_t later = now + (delay_ms > 10 ? delay_ms : 10) * 1000000;
	if (e->paused) {
		demand_nothing(mm);
		e->state = REPORT_IDLE;
		return later; /* the device may want other things */
	}
	if (e->state == REPORT_IDLE)
		mm_drain(mm); /* what was cached since the last look isn't hot any more, and may complete a block */
	enum report_found found = left(mm);
	if (found == FOUND_NOTHING)
		e->now_frames = 0;
	if (found == FOUND_NOTHING || held_up(mm)) {
		demand_nothing(mm);
		e->state = REPORT_IDLE;
		return later;
	}
	if (e->state == REPORT_IDLE) {
		e->state = REPORT_REQUESTED;
		e->next_ns = larger(now + delay_ms * 1000000, e->held_off ? e->next_ns : 0);
	}
	if (e->held_off) {
		if (now < e->next_ns)
			return slots_in_flight(e) != 0 ? smaller(e->next_ns, now + POLL_NS) : e->next_ns;
		e->held_off = false;
	} else if (e->state == REPORT_REQUESTED && now < e->next_ns && e->now_frames == 0) {
		return e->next_ns;
	}
	e->state = REPORT_ACTIVE;
	if (found == FOUND_UNZEROED) {
		const uint64_t soon = demand_zeroed(mm) ? ZEROED_NS : NOT_ZEROED_NS;
		return now + (slots_in_flight(e) != 0 ? POLL_NS : soon);
	}
	const uint64_t rest = rate_rest(&e->rate, rate_mbps, now);
	if (rest != 0)
		return slots_in_flight(e) != 0 ? smaller(rest, now + POLL_NS) : rest;
	if (batch_submit(mm) || !e->held_off)
		return now + POLL_NS;
	return slots_in_flight(e) != 0 ? now + POLL_NS : e->next_ns;
}

uint64_t report_step(struct mm *mm)
{
	struct report_engine *e = &mm->report_engine;

	if (!enter(e))
		return mm_port_now_ns() + POLL_NS;
	uint64_t wake = step(mm);
	leave(e);
	return wake;
}

/* For a call that waits for what is in flight. Somebody who is in here may be about to hand a batch over; or it is the
 * sink that called, and then nothing comes back before its time is up. */
static bool report_wait(struct mm *mm, uint64_t since_ns)
{
	struct report_engine *e = &mm->report_engine;

	if (!e->sink)
		return false;
	/* One look more when time is up: a device that never answered is reset by it. */
	const bool in_time = mm_port_now_ns() - since_ns < timeout_ms * 1000000;
	const bool mine = enter(e);
	if (mine) {
		look(mm);
		leave(e);
	}
	mm_port_relax();
	return in_time && !e->stuck && (!mine || e->in_flight_frames != 0);
}

static const struct page_batch *report_out(const struct mm *mm, unsigned i)
{
	return i < REPORT_SLOTS ? &mm->report_engine.slot[i].batch : NULL;
}

bool report_is_done(struct mm *mm)
{
	const struct report_engine *e = &mm->report_engine;

	if (!e->sink)
		return true;
	mm_drain(mm); /* as the next step would: it may complete a block */
	return e->in_flight_frames == 0 && left(mm) == FOUND_NOTHING;
}

int report_register(struct mm *mm, struct report_sink *sink)
{
	struct report_engine *e = &mm->report_engine;

	ASSERT(sink->capacity != 0 && sink->in_flight_max != 0);
	if (e->sink) {
		mm_port_log("report: %s refused, %s is the reporter", sink->name, e->sink->name);
		return -1;
	}
	sink->mm = mm;
	e->sink = sink;
	if (sink->keeps_zero)
		poison_on(mm);
	else
		poison_off(mm);
	hold_off_no_more(e);
	e->state = REPORT_IDLE;
	if (report_wake_hook)
		report_wake_hook(mm);
	return 0;
}

/* Makes nobody else be in here. In vain when whoever is doesn't leave within report.timeout_ms. */
static bool enter_waiting(struct report_engine *e)
{
	const uint64_t since_ns = mm_port_now_ns();

	while (!enter(e)) {
		if (mm_port_now_ns() - since_ns >= timeout_ms * 1000000)
			return false;
		mm_port_relax();
	}
	return true;
}

int report_unregister(struct mm *mm, struct report_sink *sink)
{
	struct report_engine *e = &mm->report_engine;
	const uint64_t since_ns = mm_port_now_ns();
	bool gone = false;

	if (e->sink != sink)
		return -1;
	const bool paused = e->paused;
	e->paused = true;
	for (bool again = true; again && !gone;) {
		/* In vain it ends with the look that resets the device. */
		while (again && e->in_flight_frames != 0)
			again = report_wait(mm, since_ns);
		if (e->in_flight_frames != 0 || !enter_waiting(e))
			break;
		gone = e->in_flight_frames == 0;
		if (gone && e->sink == sink)
			forget_sink(mm);
		leave(e);
	}
	e->paused = paused;
	return gone ? 0 : -1;
}

void report_now(struct mm *mm)
{
	mm_lock(mm);
	marks_release(mm);
	/* What caches and a batch that is being zeroed hold may complete a block. */
	mm_cache_drain(mm, mm_this_cpu(mm));
	page_hold_abort(mm);
	if (mm->report_engine.sink)
		mm->report_engine.now_frames = mm->free - mm->reported;
	mm_unlock(mm);
	hold_off_no_more(&mm->report_engine);
	if (report_wake_hook)
		report_wake_hook(mm);
}

void report_pause(struct mm *mm)
{
	mm->report_engine.paused = true;
}

void report_resume(struct mm *mm)
{
	mm->report_engine.paused = false;
	hold_off_no_more(&mm->report_engine);
	if (report_wake_hook)
		report_wake_hook(mm);
}

void report_status(struct mm *mm, struct report_status *out)
{
	const struct report_engine *e = &mm->report_engine;
	struct report_budget may;

	mm_lock(mm);
	report_budget(mm, &may);
	enum report_found found = report_find(mm);
	bool short_of_memory = mm->pressure;
	mm_unlock(mm);
	*out = (struct report_status){
		.sink = e->sink ? e->sink->name : NULL,
		.state = (enum report_state)e->state,
		.rate_mbps = rate_mbps,
		.paused = e->paused,
		.keeps_zero = report_keeps_zero(mm),
		.waits_for_zero = found == FOUND_UNZEROED && e->in_flight_frames == 0,
		.short_of_memory = short_of_memory,
		.in_flight_requests = slots_in_flight(e),
		.in_flight_frames = e->in_flight_frames,
		.reportable_frames = found != FOUND_NOTHING ? may.any + may.fresh : 0,
		.reported_frames_total = e->frames,
		.requests = e->requests,
		.errors = e->errors,
		.timeouts = e->timeouts,
		.waits = CPU_SUM(mm, alloc_waits),
		.target_frames = e->sink ? e->sink->target_frames : 0,
	};
}
