/* The guest's side of the tests' port: how a test fails, how an expected panic comes back, memory and time. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86_64/clock.h"
#include "kernel/base/panic.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/wait.h"
#include "mm/mm.h"
#include "tests/guest/guest.h"
#include "tests/unit/fixture.h"

static const struct test_row *running;
static struct thread *runner;
static jmp_buf fail_env;

static jmp_buf panic_env;
static bool panic_armed;
static char panic_text[512];

static uint64_t seed_wanted;

KNOB(test_seed, .name = "test.seed", .unit = "", .help = "seed of random tests; 0 is another one each time",
     .value = &seed_wanted, .max = UINT64_MAX);

_Noreturn void test_port_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	panic_armed = false;
	iprintf("FAILED %s.%s: %s:%d: ", running->suite, running->name, file, line);
	va_start(args, fmt);
	viprintf(fmt, args);
	va_end(args);
	iprintf("\n");
	longjmp(fail_env, 1);
}

/* Another thread may panic while a test expects to: that one is for real. */
static void on_panic(const char *message)
{
	if (!panic_armed || thread_current() != runner)
		return;
	panic_armed = false;
	sniprintf(panic_text, sizeof(panic_text), "%s", message);
	longjmp(panic_env, 1);
}

jmp_buf *test_port_panic_arm(void)
{
	panic_armed = true;
	return &panic_env;
}

_Noreturn void test_port_panic_missing(const char *file, int line, const char *statement)
{
	test_port_fail(file, line, "%s did not panic", statement);
}

void test_port_panic_check(const char *file, int line, const char *text)
{
	if (!strstr(panic_text, text))
		test_port_fail(file, line, "the panic said \"%s\", without \"%s\"", panic_text, text);
}

void test_port_note(const char *fmt, ...)
{
	va_list args;

	iprintf("%s.%s: ", running->suite, running->name);
	va_start(args, fmt);
	viprintf(fmt, args);
	va_end(args);
	iprintf("\n");
}

uint64_t test_port_seed(void)
{
	return seed_wanted ? seed_wanted : clock_ns();
}

void test_port_pass_ns(uint64_t ns)
{
	thread_sleep_ns(ns);
}

pfn_t test_port_frames(unsigned order)
{
	return mm_alloc(&mm_system, order, MM_ANY);
}

void test_port_frames_back(pfn_t pfn, unsigned order)
{
	mm_free(&mm_system, pfn, order);
}

bool guest_run_test(const struct test_row *row)
{
	volatile bool passed = false;

	running = row;
	runner = thread_current();
	panic_hook = on_panic;
	if (setjmp(fail_env) == 0) {
		row->run();
		passed = true;
	}
	panic_armed = false;
	panic_hook = NULL;
	fixture_end();
	return passed;
}
