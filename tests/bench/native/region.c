/* The measured region: a clock natively, marks for callgrind under valgrind.
 *
 * The clock is the thread's own: it stands still while another program has the CPU, so a busy machine shows in the
 * caches only.
 */
#include "tests/bench/native/bench.h"

#include <time.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT
#endif

bool bench_callgrind;

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t region_begin(void)
{
	uint64_t begin = now_ns();
	if (bench_callgrind)
		CALLGRIND_TOGGLE_COLLECT;
	return begin;
}

double region_end(uint64_t begin, size_t ops)
{
	if (bench_callgrind)
		CALLGRIND_TOGGLE_COLLECT;
	return (double)(now_ns() - begin) / (double)ops;
}
