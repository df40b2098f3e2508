/* Runs the rows of the test table on the host, under cmocka.
 *
 *   unit [-v] [PATTERN]   tests whose suite.name contains PATTERN; -v shows each as it runs
 *
 * A canary goes first: the program runs itself on a test that must fail and on one that must panic, and both have
 * to be noticed. The last line is `N passed, N failed`; the exit status is 0 when none failed.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host.h"
#include "mm/mm.h"
#include "tests/unit/fixture.h"
#include "tests/unit/test.h"

#define TEST_SECONDS_MAX 60u

static const struct test_row *running;
static bool verbose;

static jmp_buf panic_env;
static bool panic_armed;
static char panic_text[512];

void test_port_fail(const char *file, int line, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	print_error("%s:%d: %s\n", file, line, text);
	if (*host_log())
		print_error("log: %s", host_log());
	_fail(file, line);
	abort(); /* _fail leaves the test; its declaration doesn't say so */
}

static void on_panic(const char *message)
{
	if (panic_armed) {
		panic_armed = false;
		snprintf(panic_text, sizeof(panic_text), "%s", message);
		longjmp(panic_env, 1);
	}
	test_port_fail(__FILE__, __LINE__, "panic: %s", message);
}

/* The shell's ^C ends the program. */
void test_port_breathe(void)
{
}

jmp_buf *test_port_panic_arm(void)
{
	panic_armed = true;
	return &panic_env;
}

void test_port_panic_missing(const char *file, int line, const char *statement)
{
	panic_armed = false;
	test_port_fail(file, line, "%s did not panic", statement);
}

void test_port_panic_check(const char *file, int line, const char *text)
{
	if (!strstr(panic_text, text))
		test_port_fail(file, line, "the panic said \"%s\", without \"%s\"", panic_text, text);
}

void test_port_note(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr, "%s.%s: %s\n", running->suite, running->name, text);
}

uint64_t test_port_seed(void)
{
	const char *seed = getenv("SEED");
	struct timespec now;

	if (seed)
		return strtoull(seed, NULL, 0);
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void test_port_pass_ns(uint64_t ns)
{
	host_time_advance(ns);
}

/* The test has the machine to itself: below the 4 GiB line, aligned for the largest block. */
pfn_t test_port_frames(unsigned order)
{
	CHECK(order <= MM_ORDER_MAX);
	return (pfn_t)1 << MM_ORDER_MAX;
}

void test_port_frames_back(pfn_t pfn, unsigned order)
{
	(void)pfn;
	(void)order;
}

static void on_alarm(int number)
{
	(void)number;
	fprintf(stderr, "%s.%s: not done after %u s\n", running->suite, running->name, TEST_SECONDS_MAX);
	_exit(1);
}

static int before_test(void **state)
{
	running = *state;
	panic_armed = false;
	host_reset();
	alarm(TEST_SECONDS_MAX); /* a test that hangs ends the program, loudly */
	return 0;
}

static int after_test(void **state)
{
	(void)state;
	fixture_end();
	alarm(0);
	return 0;
}

static void run_row(void **state)
{
	const struct test_row *row = *state;

	row->run();
}

static int by_name(const void *a, const void *b)
{
	const struct CMUnitTest *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static char *full_name(const struct test_row *row)
{
	size_t n = strlen(row->suite) + strlen(row->name) + 2;
	char *name = malloc(n);

	if (!name)
		abort();
	snprintf(name, n, "%s.%s", row->suite, row->name);
	return name;
}

/* The tests, or those that must fail: only when they are asked for. */
enum rows { ROWS_TESTS, ROWS_CANARIES };

/* Runs the rows whose full name contains pattern. */
static size_t run_rows(const char *pattern, enum rows rows, size_t *failed)
{
	struct CMUnitTest *tests = NULL;
	size_t count = 0;

	TABLE_FOR_EACH (test, struct test_row, row) {
		char *name;

		if ((strcmp(row->suite, "canary") == 0) != (rows == ROWS_CANARIES))
			continue;
		name = full_name(row);
		if (!strstr(name, pattern)) {
			free(name);
			continue;
		}
		tests = realloc(tests, (count + 1) * sizeof(*tests));
		if (!tests)
			abort();
		tests[count++] = (struct CMUnitTest){name, run_row, before_test, after_test,
						     (void *)(uintptr_t)(const void *)row};
	}
	*failed = 0;
	if (count) {
		int out = dup(STDOUT_FILENO);

		qsort(tests, count, sizeof(*tests), by_name);
		fflush(stdout);
		/* cmocka tells the progress on standard output, failures on standard error */
		if (!verbose && !freopen("/dev/null", "w", stdout))
			abort();
		*failed = (size_t)_cmocka_run_group_tests("unit", tests, count, NULL, NULL);
		fflush(stdout);
		dup2(out, STDOUT_FILENO);
		close(out);
	}
	for (size_t i = 0; i < count; i++)
		free((char *)(uintptr_t)tests[i].name);
	free(tests);
	return count;
}

/* Runs this program on one canary and looks whether it noticed: status, closing line and place. */
static bool canary_fails(const char *self, const char *name, const char *says)
{
	char command[512], line[512];
	bool counted = false, said = false;
	FILE *out;
	int status;

	snprintf(command, sizeof(command), "exec '%s' --canary %s 2>&1", self, name);
	out = popen(command, "r");
	if (!out)
		return false;
	while (fgets(line, sizeof(line), out)) {
		counted |= strcmp(line, "0 passed, 1 failed\n") == 0;
		said |= !!strstr(line, says);
	}
	status = pclose(out);
	return counted && said && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

int main(int argc, char **argv)
{
	const char *pattern = "";
	bool canaries = false;
	size_t count, failed;
	char self[256];
	ssize_t self_length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (self_length < 0) {
		perror("/proc/self/exe");
		return 1;
	}
	self[self_length] = 0;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0) {
			verbose = true;
		} else if (strcmp(argv[i], "--canary") == 0) {
			canaries = true;
		} else if (argv[i][0] == '-') {
			fprintf(stderr, "usage: unit [-v] [PATTERN]\n");
			return 2;
		} else {
			pattern = argv[i];
		}
	}
	host_panic = on_panic;
	signal(SIGALRM, on_alarm);
	if (!canaries) {
		static const struct {
			const char *name, *says;
		} canary[] = {
			{"canary.check_fails", "is 1, not"},
			{"canary.panic_fails", "panic: a canary"},
			{"canary.missing_panic_fails", "did not panic"},
		};
		for (size_t i = 0; i < ARRAY_LEN(canary); i++) {
			if (!canary_fails(self, canary[i].name, canary[i].says)) {
				fprintf(stderr, "%s: the runner did not notice a test that must fail\n",
					canary[i].name);
				printf("%zu passed, 1 failed\n", i);
				return 1;
			}
		}
		count = run_rows(pattern, ROWS_TESTS, &failed);
		if (count == 0) {
			fprintf(stderr, "no test has \"%s\" in its name\n", pattern);
			return 2;
		}
		count += ARRAY_LEN(canary);
	} else {
		count = run_rows(pattern, ROWS_CANARIES, &failed);
	}
	printf("%zu passed, %zu failed\n", count - failed, failed);
	return failed ? 1 : 0;
}
