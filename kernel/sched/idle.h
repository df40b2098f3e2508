/* What a CPU does when no thread is ready.
 */
#pragma once

#include "lib/table.h"
#include "lib/types.h"

/* What is left to do after a call of an idle_row's run. */
enum idle_verdict {
	IDLE_NOTHING, /* until something changes */
	IDLE_LATER,   /* not before *wake_ns */
	IDLE_AGAIN,   /* at once, if nobody else wants the CPU */
};

/* Something worth doing meanwhile: a row beside the code that does it.
 *
 * run       does a little, and makes way as soon as thread_wake_due() says so. wake_ns is set with IDLE_LATER only
 * wake_due  told when a thread becomes ready while the CPU is in run; interrupts are off */
struct idle_row {
	enum idle_verdict (*run)(uint64_t *wake_ns);
	void (*wake_due)(void);
};

#define IDLE(ident, ...)                                           \
	static const struct idle_row idle_##ident = {__VA_ARGS__}; \
	TABLE_ADD(idle, idle_##ident)

TABLE_DECLARE(idle);

/* The boot CPU's idle loop: runs the rows while they have something to do, else halts. */
_Noreturn void idle_run(void);

/* A thread became ready: tells the row that this CPU's idle loop is in, if it is in one. Interrupts off. For
 * sched_init. */
void idle_wake_due(void);
