/* The guest's side of the tests' port: how a test fails, how an expected panic comes back, memory and time. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86_64/clock.h"
#include "kernel/base/panic.h"
#include "kernel/console/console.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/wait.h"
#include "mm/mm.h"
#include "tests/guest/guest.h"
#include "tests/unit/fixture.h"

static const struct test_row *running;
static struct thread *runner;
static uint64_t started_ns;
static unsigned breaths;
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
	longjmp(fail_env, GUEST_FAILED);
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

pfn_t test_port_frames(unsigned order)
{
	return mm_alloc(&mm_system, order, MM_ANY);
}

void test_port_frames_back(pfn_t pfn, unsigned order)
{
	mm_free(&mm_system, pfn, order);
}

/* A test that takes longer than this can be ended by ^C, where it could fail as well. Most are over by then, those of
 * threads among them, which would leave some behind. */
#define SHORT_NS      1000000000ull
#define BREATHS	      16u /* the clock is looked at once in so many */
#define SLEEP_MOST_NS 50000000ull

static void end_if_interrupted(void)
{
	if (thread_current() == runner && clock_ns() - started_ns > SHORT_NS && console_interrupt_waits())
		longjmp(fail_env, GUEST_INTERRUPTED);
}

void test_port_breathe(void)
{
	if (++breaths % BREATHS == 0)
		end_if_interrupted();
}

void test_port_pass_ns(uint64_t ns)
{
	for (uint64_t end_ns = clock_ns() + ns, now_ns; (now_ns = clock_ns()) < end_ns;) {
		thread_sleep_ns(end_ns - now_ns < SLEEP_MOST_NS ? end_ns - now_ns : SLEEP_MOST_NS);
		end_if_interrupted();
	}
}

enum guest_result guest_run_test(const struct test_row *row)
{
	volatile enum guest_result result = GUEST_PASSED;

	running = row;
	runner = thread_current();
	started_ns = clock_ns();
	panic_hook = on_panic;
	switch (setjmp(fail_env)) {
	case 0:
		row->run();
		break;
	case GUEST_INTERRUPTED:
		result = GUEST_INTERRUPTED;
		break;
	default:
		result = GUEST_FAILED;
	}
	panic_armed = false;
	panic_hook = NULL;
	runner = NULL;
	fixture_end();
	return result;
}
