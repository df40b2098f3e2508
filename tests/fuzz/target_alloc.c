/* The allocator: operations against a naive model, which knows of each frame who has it and what it must contain.
 *
 * The input sets the memory (ranges with holes, below and above 4 GiB), the CPUs, and then operations, on any of the
 * CPUs. The model doesn't know which block is the best; it knows which frames may be given out, when a request must
 * succeed, which states may follow from which, and what is written where: every frame that is held carries a tag, so a
 * frame handed out twice shows. mm_check knows the rest.
 */
#include "host.h"
#include "lib/table.h"
#include "mm/report.h"
#include "mm/shuffle.h"
#include "mm/state.h"
#include "mm/trace.h"
#include "mm/zero.h"
#include "tests/fuzz/alloc_model.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_sink.h"

#define BULK_MAX     48u
#define RETIRED_MAX  8u
#define STEPS_MAX    400u
#define SHUFFLE_SEED 1u /* the input alone decides what happens */

static struct fuzz_input *input;
static struct fuzz_sink sink;
static struct trace_entry ring[64];

static unsigned take_order(void)
{
	unsigned byte = fuzz_u8(input);

	return byte & 0x80 ? byte % (MM_ORDER_MAX + 1) : byte % 5;
}

static unsigned take_want(void)
{
	static const unsigned wants[] = {MM_ANY, MM_ZERO_COLD, MM_ZERO_HOT};
	unsigned byte = fuzz_u8(input);

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
	uint64_t most = model_blocks(order, want, true), least = comes_back() ? most : model_blocks(order, want, false);
	pfn_t pfn;

	if (model.held_count == MODEL_HELD_MAX)
		return;
	pfn = mm_alloc(model.mm, order, want);
	FUZZ_CHECK(pfn != MM_PFN_NONE || least == 0);
	FUZZ_CHECK(pfn == MM_PFN_NONE || most != 0);
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
	unsigned order = take_order(), want = take_want(), count = fuzz_below(input, BULK_MAX + 1);
	unsigned how = fuzz_u8(input);
	uint64_t most = model_blocks(order, want, true), least = comes_back() ? most : model_blocks(order, want, false);
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
	FUZZ_CHECK(!done || count <= most);
	if (!done && !(how & 1))
		FUZZ_CHECK(count > least);
	for (unsigned i = 0; done && i < count; i++)
		model_hold(pfns[i], order, want);
}

static unsigned any_held(void)
{
	return fuzz_u16(input) % model.held_count;
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
	unsigned order = model.held[any_held()].order, most = fuzz_below(input, BULK_MAX + 1);
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
	unsigned to = block.order - smaller(block.order, fuzz_below(input, 6));
	if (model.held_count + (1u << (block.order - to)) > MODEL_HELD_MAX)
		return;
	mm_split(model.mm, block.pfn, block.order, to);
	model.held[at].order = to;
	for (unsigned i = 1; i < 1u << (block.order - to); i++)
		model.held[model.held_count++] = (struct model_block){block.pfn + ((pfn_t)i << to), to};
}

static void op_take_range(void)
{
	pfn_t start = model.frames[fuzz_u16(input) % model.count].pfn + fuzz_below(input, 4);
	unsigned count = 1 + fuzz_below(input, 80);

	if (model.held_count + count > MODEL_HELD_MAX)
		return;
	enum model_can can = model_can_take(start, count);
	model_touched(TOUCHED_ALLOC);
	int result = mm_take_range(model.mm, start, count);
	FUZZ_CHECK(result == 0 ? can != CAN_NOT : can != CAN_SURELY);
	for (pfn_t pfn = start; result == 0 && pfn < start + count; pfn++)
		model_hold(pfn, 0, MM_ANY);
}

static void op_retire(void)
{
	static unsigned char blocks_of_one[MODEL_FRAMES_MAX];
	unsigned i = fuzz_u16(input) % model.count;
	pfn_t pfn = model.frames[i].pfn;

	if (model.retired == RETIRED_MAX)
		return;
	memset(blocks_of_one, 0, sizeof(blocks_of_one));
	for (unsigned at = 0; at < model.held_count; at++) {
		if (model.held[at].order != 0 || model.held[at].pfn != pfn)
			continue;
		model_drop(at);
		model.frames[i].state = MM_STATE_ALLOCATED;
		blocks_of_one[i] = 1;
		break;
	}
	if (model.frames[i].state == MM_STATE_ALLOCATED && !blocks_of_one[i])
		return; /* a caller's mistake */
	enum model_can can = model_can_take(pfn, 1);
	if (blocks_of_one[i])
		can = CAN_SURELY;
	else if (can == CAN_PERHAPS && comes_back() && !model_kept_elsewhere(pfn))
		can = CAN_SURELY; /* it waits for what is in flight */
	model_touched(TOUCHED_ALLOC | TOUCHED_REPORT);
	int result = mm_retire(model.mm, pfn);
	FUZZ_CHECK(result == 0 ? can != CAN_NOT : can != CAN_SURELY);
	if (result != 0)
		return;
	model.frames[i].state = MM_STATE_UNMANAGED;
	model.retired++;
}

/* Frees while a batch is being zeroed, as another CPU may. */
static unsigned yield_after, frees_meanwhile;

static bool should_yield(void)
{
	unsigned cpu = host_cpu;

	if (yield_after-- == 0)
		return true;
	if (frees_meanwhile != 0 && model.held_count != 0 && host_cpus > 1) {
		frees_meanwhile--;
		host_cpu = (cpu + 1) % host_cpus;
		op_free();
		host_cpu = cpu;
	}
	return false;
}

static void op_zero_idle(void)
{
	unsigned how = fuzz_u8(input);
	uint64_t wake;

	model_touched(TOUCHED_ZERO);
	yield_after = how & 0x3f;
	frees_meanwhile = how >> 6;
	host_should_yield = should_yield;
	if (zero_idle(model.mm, &wake) == ZERO_LATER)
		host_time_advance(wake > mm_port_now_ns() ? wake - mm_port_now_ns() : 0);
	host_should_yield = NULL;
}

static void op_zero_switch(void)
{
	struct zero_status status;

	model_touched(TOUCHED_ZERO);
	switch (fuzz_below(input, 5)) {
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
	unsigned how = fuzz_u8(input);

	model_touched(TOUCHED_REPORT);
	sink.answer = (enum fuzz_sink_answer)(how % FUZZ_SINK_ANSWERS);
	sink.reset_works = (how & 0x80) == 0;
	uint64_t wake = report_step(model.mm);
	if ((how & 0x40) && wake != UINT64_MAX && wake > mm_port_now_ns())
		host_time_advance(wake - mm_port_now_ns());
}

static void op_report_switch(void)
{
	struct report_status status;

	model_touched(TOUCHED_REPORT | TOUCHED_ZERO);
	switch (fuzz_below(input, 7)) {
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
			FUZZ_CHECK(sink.pending_count == 0);
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
	const char *name = names[fuzz_below(input, ARRAY_LEN(names))];
	uint64_t value = fuzz_u8(input), choices = 0;

	TABLE_FOR_EACH (knob, struct knob_row, row) {
		if (strcmp(row->name, name) != 0 || row->boot)
			continue;
		while (row->choices && row->choices[choices])
			choices++;
		*row->value = row->choices ? value % choices : row->min + value % (row->max - row->min + 1);
		if (row->changed)
			row->changed();
	}
	model_policy_changed();
}

static void op_cache(void)
{
	switch (fuzz_below(input, 4)) {
	case 0:
		mm_cache_enable(model.mm, false);
		break;
	case 1:
		mm_cache_enable(model.mm, true);
		break;
	default:
		mm_drain(model.mm);
	}
	model_touched(TOUCHED_ALLOC);
}

static void op_cpu(void)
{
	host_cpu = fuzz_u8(input) % host_cpus;
}

static void op_time(void)
{
	host_time_advance(1ull << fuzz_below(input, 40));
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

static void quiet_knobs(void)
{
	static const struct {
		const char *name;
		uint64_t value;
	} values[] = {
		{"zero.low_pct", 20},	{"zero.high_pct", 60},	    {"zero.batch_frames", 24},
		{"zero.delay_ms", 0},	{"report.order", 4},	    {"report.batch", 6},
		{"report.delay_ms", 0}, {"report.reserve_pct", 10}, {"report.timeout_ms", 1},
	};

	fuzz_knobs_reset();
	for (unsigned i = 0; i < ARRAY_LEN(values); i++)
		TABLE_FOR_EACH (knob, struct knob_row, row)
			if (strcmp(row->name, values[i].name) == 0)
				*row->value = values[i].value;
	model_policy_changed();
}

static void finish(void)
{
	sink.answer = FUZZ_SINK_ACCEPT;
	sink.reset_works = true;
	zero_pause(model.mm);
	model_touched(TOUCHED_ZERO | TOUCHED_REPORT);
	if (report_unregister(model.mm, &sink.sink) == 0)
		FUZZ_CHECK(sink.pending_count == 0);
	model_step();
	while (model.held_count != 0) {
		struct model_block block = model_drop(model.held_count - 1);
		mm_free(model.mm, block.pfn, block.order);
	}
	for (host_cpu = 0; host_cpu < host_cpus; host_cpu++)
		mm_drain(model.mm);
	host_cpu = 0;
	model_touched(TOUCHED_ALLOC);
	model_step();
	model_check_all();
	struct mm_totals totals;
	mm_totals(model.mm, &totals);
	FUZZ_CHECK(totals.allocated == 0 && totals.isolated == 0 && totals.free == totals.managed);
	model_check_sums();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input in = fuzz_input(data, bytes);

	input = &in;
	host_cpu = 0;
	host_should_yield = NULL;
	host_time_set(1000000000);
	host_log_clear();
	quiet_knobs();
	if (!model_begin(&in))
		return 0;
	if (model.shuffled)
		mm_shuffle(model.mm, true, SHUFFLE_SEED);
	if (model.traced)
		trace_start(model.mm, ring, ARRAY_LEN(ring), mm_port_now_ns);
	fuzz_sink_begin(&sink, &in, model.keeps_zero);
	FUZZ_CHECK(report_register(model.mm, &sink.sink) == 0);
	for (unsigned step = 0; step < STEPS_MAX && fuzz_left(&in); step++) {
		ops[fuzz_below(&in, ARRAY_LEN(ops))]();
		model_step();
		if (step % 16 == 15)
			model_check_all();
	}
	finish();
	FUZZ_CHECK(trace_overwritten() <= trace_written());
	trace_stop(model.mm);
	return 0;
}
