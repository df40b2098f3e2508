/* trace: what the allocator did last, event by event. */
#include <stdio.h>

#include "arch/x86_64/asm.h"
#include "arch/x86_64/paging.h"
#include "kernel/base/symbols.h"
#include "kernel/console/console.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/complete.h"
#include "kernel/shell/json.h"
#include "mm/trace.h"

#define RING_ORDER   6u /* 256 KiB */
#define RING_ENTRIES ((FRAME_SIZE << RING_ORDER) / sizeof(struct trace_entry))

/* (T) Got with the first `trace on`, and kept. */
static struct trace_entry *ring;

static uint64_t cycles(void)
{
	return rdtsc();
}

static int trace_on(void)
{
	if (!ring) {
		pfn_t pfn = mm_alloc(&mm_system, RING_ORDER, MM_ANY);
		if (pfn == MM_PFN_NONE) {
			iprintf("trace: there is no block of order %u for the ring\n", RING_ORDER);
			return CMD_FAILED;
		}
		ring = phys_to_virt(pfn_to_paddr(pfn));
	}
	trace_start(&mm_system, ring, RING_ENTRIES, cycles);
	iprintf("trace: on, from here; the last %lu events are kept\n", (unsigned long)RING_ENTRIES);
	return 0;
}

static void trace_off(void)
{
	trace_stop(&mm_system);
	iprintf("trace: off, %lu events were written\n", trace_written());
}

/* Where a call came from: "handle_alloc+0x1c". Returns text. */
static const char *caller_text(const void *caller, char *text, size_t size)
{
	size_t offset;
	const char *name = symbol_find((uintptr_t)caller, &offset);

	if (!name)
		sniprintf(text, size, "%p", caller);
	else
		sniprintf(text, size, "%s+0x%lx", name, (unsigned long)offset);
	return text;
}

static void print_json(const struct trace_entry *e)
{
	struct json json = json_begin();
	char caller[80];

	json_u64(&json, "number", e->number);
	json_u64(&json, "tsc", e->cycles);
	json_u64(&json, "cpu", e->cpu);
	json_text(&json, "event", trace_event_name(e->event));
	json_u64(&json, "pfn", e->pfn);
	json_u64(&json, "frames", e->frames);
	if (e->order != TRACE_ORDER_NONE)
		json_u64(&json, "order", e->order);
	if (e->event == TRACE_SPLIT || e->event == TRACE_MERGE)
		json_u64(&json, "run", e->run);
	json_text(&json, "from", trace_state_name(e->from));
	json_text(&json, "to", trace_state_name(e->to));
	if (e->caller)
		json_text(&json, "caller", caller_text(e->caller, caller, sizeof(caller)));
	json_end(&json);
}

/* At most 80 columns: of the caller, the function's name as far as there is room; print_json has all of it. */
static void print_row(const struct trace_entry *e)
{
	const char *caller = symbol_find((uintptr_t)e->caller, &(size_t){0});
	char block[24], states[32];
	int n = e->order == TRACE_ORDER_NONE ? sniprintf(block, sizeof(block), "%lu fr.", e->frames)
					     : sniprintf(block, sizeof(block), "%u", e->order);

	if (e->event == TRACE_SPLIT)
		sniprintf(block + n, sizeof(block) - (size_t)n, " of %u", e->run);
	else if (e->event == TRACE_MERGE)
		sniprintf(block + n, sizeof(block) - (size_t)n, " to %u", e->run);
	sniprintf(states, sizeof(states), "%s%s%s", trace_state_name(e->from), e->from != e->to ? " > " : "",
		  e->from != e->to ? trace_state_name(e->to) : "");
	iprintf("%14lu %-6s 0x%-8lx %-11s ", e->cycles, trace_event_name(e->event), e->pfn, block);
	if (caller)
		iprintf("%-20s %.14s\n", states, caller);
	else
		iprintf("%s\n", states);
}

/* Prints what is in the ring now, oldest first: the kinds of events whose bit is set in kinds. */
static int show(unsigned kinds, bool as_json)
{
	const uint64_t end = trace_written();
	uint64_t shown = 0, lost = trace_overwritten();
	struct trace_entry entry;

	if (!ring) {
		iprintf("trace: nothing was traced yet, `trace on` begins\n");
		return CMD_FAILED;
	}
	if (!as_json)
		iprintf("%14s %-6s %-10s %-11s %-20s %s\n", "TSC", "event", "pfn", "order", "state", "caller");
	for (uint64_t number = lost + 1; number <= end; number++) {
		if (console_interrupted("trace"))
			return CMD_FAILED;
		if (!trace_read(number, &entry)) {
			lost++; /* meanwhile */
			continue;
		}
		if ((kinds >> entry.event & 1) == 0)
			continue;
		shown++;
		if (as_json)
			print_json(&entry);
		else
			print_row(&entry);
	}
	if (as_json) {
		struct json json = json_begin();
		json_text(&json, "trace", trace_is_on() ? "on" : "off");
		json_u64(&json, "written", end);
		json_u64(&json, "overwritten", lost);
		json_u64(&json, "shown", shown);
		json_end(&json);
	} else {
		iprintf("trace: %s, %lu events were written, %lu of them are overwritten; %lu shown\n",
			trace_is_on() ? "on" : "off", end, lost, shown);
	}
	return 0;
}

static int cmd_trace(int argc, char **argv)
{
	static const char *const verbs[] = {"on", "off", "show", NULL};
	const char *events[TRACE_EVENTS + 1] = {NULL};
	bool as_json = false;
	const struct cmd_option options[] = {{.letter = 'j', .set = &as_json}, {0}};
	unsigned kinds = 0;

	int count = cmd_args(argc, argv, options, "on, off, or show and events", 1, 1 + TRACE_EVENTS);
	if (count == CMD_FAILED)
		return CMD_FAILED;
	int verb = cmd_choice(argv[0], argv[1], verbs);
	if (verb == CMD_FAILED)
		return CMD_FAILED;
	if (verb != 2 && (count > 1 || as_json)) {
		iprintf("trace: '%s' takes nothing behind it, not '%.40s'\n", verbs[verb], as_json ? "-j" : argv[2]);
		return CMD_FAILED;
	}
	for (unsigned i = 0; i < TRACE_EVENTS; i++)
		events[i] = trace_event_name(i);
	for (int i = 2; i <= count; i++) {
		int event = cmd_choice(argv[0], argv[i], events);
		if (event == CMD_FAILED)
			return CMD_FAILED;
		kinds |= 1u << event;
	}
	if (verb == 0)
		return trace_on();
	console_pages();
	if (verb == 2)
		return show(kinds != 0 ? kinds : ~0u, as_json);
	trace_off();
	return 0;
}

CMD(trace, "trace", "on|off|show [-j] [EVENT...]",
    "events of the allocator: alloc, free, split, merge, zero, report; begin anew, end, show", cmd_trace);

static void event_words(const struct completion *c)
{
	for (unsigned i = 0; i < TRACE_EVENTS; i++)
		c->offer(c->to, trace_event_name(i));
}

COMPLETE(event, "EVENT", .words = event_words);
