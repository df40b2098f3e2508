/* mm's port for the native bench. The bench asks for blocks whose contents don't matter, so frames have no memory
 * behind them: 4 GiB and more are managed without being backed, and callgrind can run it.
 */
#include "port/mm_port.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "lib/assert.h"

char *host_frames; /* NULL: reading or writing a frame faults at once */
unsigned host_cpus = 2;
_Thread_local unsigned host_cpu;

static _Noreturn void unexpected(const char *what)
{
	fprintf(stderr, "bench: %s in a bench that needs no contents\n", what);
	abort();
}

void mm_port_zero_cold(pfn_t pfn, size_t frames)
{
	(void)pfn, (void)frames;
	unexpected("zeroing");
}

void mm_port_zero_hot(pfn_t pfn, size_t frames)
{
	(void)pfn, (void)frames;
	unexpected("zeroing");
}

void mm_port_zero_fence(void)
{
}

uint64_t mm_port_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool mm_port_should_yield(void)
{
	return false;
}

void mm_port_relax(void)
{
}

uint64_t mm_port_random(void)
{
	return 1;
}

static void say(const char *fmt, va_list args)
{
	fputs("bench: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void mm_port_panic(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	abort();
}

void mm_port_log(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

void assert_failed(const char *file, int line, const char *cond)
{
	mm_port_panic("%s:%d: ASSERT(%s) failed", file, line, cond);
}
