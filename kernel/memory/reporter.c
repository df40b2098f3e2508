/* The thread that carries free memory's news to the host, as mm/report's policy wants it.
 */
#include "kernel/base/panic.h"
#include "kernel/base/start.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/wait.h"
#include "mm/mm.h"
#include "mm/report.h"

static struct thread *reporter; /* (B) */

static void run(void *unused)
{
	(void)unused;
	for (;;)
		thread_block_until(report_step(&mm_system));
}

static void wake(struct mm *mm)
{
	(void)mm;
	thread_wake(reporter);
}

static void start(void)
{
	reporter = thread_create("report", run, NULL);
	if (!reporter)
		panic("boot: no memory for the stack of thread report");
	report_wake_hook = wake;
}

static void settle(void)
{
	report_settle(&mm_system);
}

START(reporter, .name = "report", .start = start, .settle = settle);
