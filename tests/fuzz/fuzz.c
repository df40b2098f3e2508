/* What fuzz targets share; see fuzz.h. And the tests' port, for what unit tests lend (fixtures, devices). */
#include "tests/fuzz/fuzz.h"

#include <stdarg.h>
#include <stdlib.h>

#include "host.h"
#include "kernel/base/log.h"
#include "lib/table.h"
#include "mm/mm.h"
#include "tests/unit/test_port.h"

#define FAIL_MAX  1024u
#define SAY_MAX	  200u /* longer than any line that a parser has to say */
#define LOG_MAX	  250u
#define KNOBS_MAX 64u

#define RELAX_FIRST_NS 1000u /* what mm_port_relax passes anyway */
#define RELAX_LAST_NS  16000000u

unsigned fuzz_said;

static _Noreturn void fail(const char *file, int line, const char *text)
{
	fprintf(stderr, "%s:%d: %s\nlog: %s\n", file, line, text, host_log());
	abort();
}

void fuzz_fail(const char *file, int line, const char *fmt, ...)
{
	char text[FAIL_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fail(file, line, text);
}

void test_port_fail(const char *file, int line, const char *fmt, ...)
{
	char text[FAIL_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fail(file, line, text);
}

void test_port_breathe(void)
{
}

void test_port_pass_ns(uint64_t ns)
{
	host_time_advance(ns);
}

/* As in the unit tests' runner: below the 4 GiB line, aligned for the largest block. */
pfn_t test_port_frames(unsigned order)
{
	(void)order;
	return (pfn_t)1 << MM_ORDER_MAX;
}

void test_port_frames_back(pfn_t pfn, unsigned order)
{
	(void)pfn;
	(void)order;
}

bool fuzz_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static void check_line(size_t room, const char *fmt, va_list args)
{
	char line[LOG_MAX];
	int length = vsnprintf(line, room, fmt, args);

	FUZZ_CHECK(length > 0 && (size_t)length < room);
	FUZZ_CHECK(fuzz_printable(line));
}

void fuzz_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	check_line(SAY_MAX, fmt, args);
	va_end(args);
	fuzz_said++;
}

/* The kernel's log. Its lines have room for a refusal of the command line, and 50 more. */
void log_printf(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	check_line(LOG_MAX, fmt, args);
	va_end(args);
}

static uint64_t relax_ns;

static void relax_longer(const char *what, pfn_t pfn, size_t frames)
{
	(void)pfn;
	(void)frames;
	if (strcmp(what, "relax") != 0)
		return;
	host_time_advance(relax_ns);
	relax_ns = smaller(2 * relax_ns, RELAX_LAST_NS);
}

void fuzz_wait_coarsely(void)
{
	relax_ns = RELAX_FIRST_NS;
	host_hook = relax_longer;
}

void fuzz_knobs_reset(void)
{
	static uint64_t first[KNOBS_MAX];
	static bool known;
	unsigned i = 0;

	TABLE_FOR_EACH (knob, struct knob_row, row) {
		FUZZ_CHECK(i < KNOBS_MAX);
		if (!known)
			first[i] = *row->value;
		*row->value = first[i++];
	}
	known = true;
}
