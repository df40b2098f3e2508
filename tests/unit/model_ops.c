/* Operations by choice; see model_ops.h. */
#include "tests/unit/model_ops.h"

#include <string.h>

#include "lib/table.h"
#include "mm/state.h"
#include "tests/unit/model_sink.h"
#include "tests/unit/test.h"

#define BULK_MAX    48u
#define RETIRED_MAX 8u
#define CHECK_EVERY 16u

static struct choices *choices;
static const struct model_machine *machine;
static struct model_sink sink;
static unsigned steps;

static unsigned take_order(void)
{
	unsigned byte = choice_u8(choices);

	return byte & 0x80 ? byte % (MM_ORDER_MAX + 1) : byte % 5;
}

static unsigned take_want(void)
{
	static const unsigned wants[] = {MM_ANY, MM_ZERO_COLD, MM_ZERO_HOT};
	unsigned byte = choice_u8(choices);

	return wants[byte % 3] | (byte & 0x80 ? MM_BELOW_4G : 0);
}

/* Whether what is with the device comes back when an allocation waits for it. */
static bool comes_back(void)
{
	return sink.reset_works && !model.mm->report_engine.stuck;
}

/* --- operations --- */

static void op_alloc(void)
{
	unsigned order = take_order(), want = take_want();
	/* What is with a device that doesn't let go may be had or not. */
	uint64_t most = model_blocks(order, want, COUNT_IN_FLIGHT),
		 least = comes_back() ? most : model_blocks(order, want, COUNT_AT_HAND);
	pfn_t pfn;

	if (model.held_count == MODEL_HELD_MAX)
		return;
	pfn = mm_alloc(model.mm, order, want);
	CHECK(pfn != MM_PFN_NONE || least == 0);
	CHECK(pfn == MM_PFN_NONE || most != 0);
	model_touched(TOUCHED_ALLOC | TOUCHED_REPORT);
	if (pfn != MM_PFN_NONE)
		model_hold(pfn, order, want);
}

static unsigned stop_after;

static bool stop(void *arg)
{
	(void)arg;
	return stop_after-- == 0;
}

static void op_alloc_bulk(void)
{
	unsigned order = take_order(), want = take_want(), count = choice_below(choices, BULK_MAX + 1);
	unsigned how = choice_u8(choices);
	uint64_t most = model_blocks(order, want, COUNT_IN_FLIGHT),
		 least = comes_back() ? most : model_blocks(order, want, COUNT_AT_HAND);
	pfn_t pfns[BULK_MAX];
	bool done;

	if (model.held_count + count > MODEL_HELD_MAX)
		return;
	stop_after = how >> 1;
	model_touched(TOUCHED_ALLOC | TOUCHED_REPORT | (how & 1 ? TOUCHED_ZERO : 0));
	if (how & 1)
		done = mm_alloc_bulk_until(model.mm, order, want, count, pfns, &(struct mm_stop){.asked = stop});
	else
		done = mm_alloc_bulk(model.mm, order, want, count, pfns);
	CHECK(!done || count <= most);
	if (!done && !(how & 1))
		CHECK(count > least);
	for (unsigned i = 0; done && i < count; i++)
		model_hold(pfns[i], order, want);
}

static unsigned any_held(void)
{
	return choice_u16(choices) % model.held_count;
}

static void op_free(void)
{
	if (model.held_count == 0)
		return;
	struct model_block block = model_drop(any_held());
	mm_free(model.mm, block.pfn, block.order);
}

static void op_free_bulk(void)
{
	pfn_t pfns[BULK_MAX];
	unsigned n = 0;

	if (model.held_count == 0)
		return;
	unsigned order = model.held[any_held()].order, most = choice_below(choices, BULK_MAX + 1);
	for (unsigned i = 0; i < model.held_count && n < most;) {
		if (model.held[i].order == order)
			pfns[n++] = model_drop(i).pfn;
		else
			i++;
	}
	mm_free_bulk(model.mm, order, n, pfns);
}

static void op_split(void)
{
	if (model.held_count == 0)
		return;
	unsigned at = any_held();
	struct model_block block = model.held[at];
	unsigned to = block.order - smaller(block.order, choice_below(choices, 6));
	if (model.held_count + (1u << (block.order - to)) > MODEL_HELD_MAX)
		return;
	mm_split(model.mm, block.pfn, block.order, to);
	model.held[at].order = to;
	for (unsigned i = 1; i < 1u << (block.order - to); i++)
		model.held[model.held_count++] = (struct model_block){block.pfn + ((pfn_t)i << to), to};
}

static void op_take_range(void)
{
	pfn_t start = model.frames[choice_u16(choices) % model.count].pfn;
	start += choice_below(choices, 4);
	unsigned count = 1 + choice_below(choices, 80);

	if (model.held_count + count > MODEL_HELD_MAX)
		return;
	enum model_can can = model_can_take(start, count);
	model_touched(TOUCHED_ALLOC);
	int result = mm_take_range(model.mm, start, count);
	CHECK(result == 0 ? can != CAN_NOT : can != CAN_SURELY);
	for (pfn_t pfn = start; result == 0 && pfn < start + count; pfn++)
		model_hold(pfn, 0, MM_ANY);
}

static void op_retire(void)
{
	unsigned i = choice_u16(choices) % model.count;
	pfn_t pfn = model.frames[i].pfn;

	if (model.retired == RETIRED_MAX)
		return;
	bool own_block = false;
	for (unsigned at = 0; at < model.held_count; at++) {
		if (model.held[at].order != 0 || model.held[at].pfn != pfn)
			continue;
		model_drop(at);
		model_own(pfn, MM_STATE_ALLOCATED);
		own_block = true;
		break;
	}
	if (model.frames[i].state == MM_STATE_ALLOCATED && !own_block)
		return; /* a caller's mistake */
	enum model_can can = model_can_take(pfn, 1);
	if (own_block)
		can = CAN_SURELY;
	else if (can == CAN_PERHAPS && comes_back() && !model_kept_elsewhere(pfn))
		can = CAN_SURELY; /* it waits for what is in flight */
	model_touched(TOUCHED_ALLOC | TOUCHED_REPORT);
	int result = mm_retire(model.mm, pfn);
	CHECK(result == 0 ? can != CAN_NOT : can != CAN_SURELY);
	if (result != 0)
		return;
	model_own(pfn, MM_STATE_UNMANAGED);
	model.retired++;
}

/* Frees while a batch is being zeroed, as another CPU may. */
static unsigned yield_after, frees_meanwhile;

static bool should_yield(void)
{
	unsigned cpu = mm_port_cpu();

	if (yield_after-- == 0)
		return true;
	if (frees_meanwhile != 0 && model.held_count != 0 && mm_port_cpus() > 1) {
		frees_meanwhile--;
		machine->on_cpu((cpu + 1) % mm_port_cpus());
		op_free();
		machine->on_cpu(cpu);
	}
	return false;
}

static void op_zero_idle(void)
{
	unsigned how = choice_u8(choices);
	uint64_t wake;

	model_touched(TOUCHED_ZERO);
	yield_after = how & 0x3f;
	frees_meanwhile = how >> 6;
	if (machine->ask_while_zeroing)
		machine->ask_while_zeroing(should_yield);
	if (zero_idle(model.mm, &wake) == ZERO_LATER)
		machine->pass_ns(wake > mm_port_now_ns() ? wake - mm_port_now_ns() : 0);
	if (machine->ask_while_zeroing)
		machine->ask_while_zeroing(NULL);
}

static void op_zero_switch(void)
{
	struct zero_status status;

	model_touched(TOUCHED_ZERO);
	switch (choice_below(choices, 5)) {
	case 0:
		zero_now(model.mm);
		break;
	case 1:
		zero_pause(model.mm);
		break;
	case 2:
		zero_resume(model.mm);
		break;
	case 3:
		(void)zero_is_done(model.mm);
		break;
	default:
		zero_status(model.mm, &status);
	}
}

static void op_report_step(void)
{
	unsigned how = choice_u8(choices);

	model_touched(TOUCHED_REPORT);
	sink.answer = (enum model_sink_answer)(how % SINK_ANSWERS);
	sink.reset_works = (how & 0x80) == 0;
	uint64_t wake = report_step(model.mm);
	if ((how & 0x40) && wake != UINT64_MAX && wake > mm_port_now_ns())
		machine->pass_ns(wake - mm_port_now_ns());
}

static void op_report_switch(void)
{
	struct report_status status;

	model_touched(TOUCHED_REPORT | TOUCHED_ZERO);
	switch (choice_below(choices, 7)) {
	case 0:
		report_now(model.mm);
		break;
	case 1:
		report_pause(model.mm);
		break;
	case 2:
		report_resume(model.mm);
		break;
	case 3:
		(void)report_is_done(model.mm);
		break;
	case 4:
		if (report_unregister(model.mm, &sink.sink) == 0)
			CHECK(sink.pending_count == 0);
		break;
	case 5:
		(void)report_register(model.mm, &sink.sink);
		break;
	default:
		report_status(model.mm, &status);
	}
}

static void op_knob(void)
{
	static const char *const names[] = {
		"zero.policy",	      "zero.low_pct",	   "zero.high_pct",   "zero.batch_frames",
		"zero.delay_ms",      "report.order",	   "report.delay_ms", "report.batch",
		"report.reserve_pct", "report.timeout_ms", "zero.rate_mbps",  "report.rate_mbps",
	};
	const char *name = names[choice_below(choices, ARRAY_LEN(names))];
	uint64_t value = choice_u8(choices), words = 0;

	TABLE_FOR_EACH (knob, struct knob_row, row) {
		if (strcmp(row->name, name) != 0 || row->boot)
			continue;
		while (row->choices && row->choices[words])
			words++;
		*row->value = row->choices ? value % words : row->min + value % (row->max - row->min + 1);
		if (row->changed)
			row->changed();
	}
	model_policy_changed();
}

static void op_cache(void)
{
	switch (choice_below(choices, 4)) {
	case 0:
		mm_cache_enable(model.mm, MM_OFF);
		break;
	case 1:
		mm_cache_enable(model.mm, MM_ON);
		break;
	default:
		mm_drain(model.mm);
	}
	model_touched(TOUCHED_ALLOC);
}

static void op_cpu(void)
{
	unsigned cpu = choice_u8(choices) % mm_port_cpus();

	if (machine->on_cpu)
		machine->on_cpu(cpu);
}

static void op_time(void)
{
	machine->pass_ns(1ull << choice_below(choices, 40));
}

static void op_query(void)
{
	model_check_sums();
}

static void (*const ops[])(void) = {
	op_alloc,	  op_free,   op_alloc,	   op_free,	 op_alloc_bulk,	 op_free_bulk,	 op_split,
	op_take_range,	  op_retire, op_zero_idle, op_zero_idle, op_zero_switch, op_report_step, op_report_step,
	op_report_switch, op_knob,   op_cache,	   op_cpu,	 op_time,	 op_query,
};

/* --- a run --- */

void model_ops_begin(struct choices *from, const struct model_machine *on, unsigned host)
{
	choices = from;
	machine = on;
	steps = 0;
	model_sink_begin(&sink, choices, (host & MODEL_KEEPS_ZERO) != 0);
	CHECK(report_register(model.mm, &sink.sink) == 0);
}

bool model_ops_step(void)
{
	if (choice_left(choices) == 0)
		return false;
	ops[choice_below(choices, ARRAY_LEN(ops))]();
	model_step();
	if (++steps % CHECK_EVERY == 0)
		model_check_all();
	return true;
}

void model_ops_end(void)
{
	sink.answer = SINK_ACCEPT;
	sink.reset_works = true;
	zero_pause(model.mm);
	model_touched(TOUCHED_ZERO | TOUCHED_REPORT);
	if (report_unregister(model.mm, &sink.sink) == 0)
		CHECK(sink.pending_count == 0);
	model_step();
	while (model.held_count != 0) {
		struct model_block block = model_drop(model.held_count - 1);
		mm_free(model.mm, block.pfn, block.order);
	}
	for (unsigned cpu = mm_port_cpus(); machine->on_cpu && cpu-- > 0;) {
		machine->on_cpu(cpu);
		mm_drain(model.mm);
	}
	mm_drain(model.mm);
	model_touched(TOUCHED_ALLOC);
	model_step();
	model_check_all();
	struct mm_totals totals;
	mm_totals(model.mm, &totals);
	CHECK(totals.allocated == 0 && totals.isolated == 0 && totals.free == totals.managed);
	model_check_sums();
}
