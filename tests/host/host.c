/* The machine under mm/ on the host: one sparse mapping for all frames, a clock, a log, counters. */
#include "host.h"

#include "lib/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

char *host_frames;
unsigned host_cpus = 2;
_Thread_local unsigned host_cpu;
struct host_counts host_counts;
void (*host_hook)(const char *what, pfn_t pfn, size_t frames);
bool (*host_should_yield)(void);
void (*host_panic)(const char *message);
struct mm_lock *host_lock_watch;

#define LOG_BYTES 65536u
static char log_text[LOG_BYTES];
static size_t log_used;

/* One count for each frame, in a sparse mapping of its own. */
static uint16_t *zeroed;

static bool time_driven;
static uint64_t time_ns;

static void *map_sparse(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("host: mmap");
		exit(1);
	}
	/* Without huge pages a frame is backed when it is touched, not when a neighbour is. */
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

/* Before main, so that a program without the test runner, a benchmark say, has memory as well. */
__attribute__((constructor)) static void host_memory(void)
{
	host_frames = map_sparse(HOST_FRAMES << FRAME_SHIFT);
	zeroed = map_sparse(HOST_FRAMES * sizeof(*zeroed));
}

void host_reset(void)
{
	madvise(host_frames, HOST_FRAMES << FRAME_SHIFT, MADV_DONTNEED);
	madvise(zeroed, HOST_FRAMES * sizeof(*zeroed), MADV_DONTNEED);
	memset(&host_counts, 0, sizeof(host_counts));
	host_hook = NULL;
	host_should_yield = NULL;
	host_lock_watch = NULL;
	host_cpus = 2;
	host_cpu = 0;
	host_time_set(1000000000);
	host_log_clear();
}

/* Counters take additions from several threads: a test may run another CPU in one. */
static void count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void port_call(const char *what, pfn_t pfn, size_t frames)
{
	count(&host_counts.calls, 1);
	if (host_hook)
		host_hook(what, pfn, frames);
}

static void zero(pfn_t pfn, size_t frames)
{
	if (pfn >= HOST_FRAMES || frames > HOST_FRAMES - pfn)
		mm_port_panic("host: zeroing of %zu frames at pfn %llu, beyond memory", frames,
			      (unsigned long long)pfn);
	if (host_lock_watch && mm_port_lock_held(host_lock_watch))
		count(&host_counts.zero_calls_locked, 1);
	memset(mm_port_frame(pfn), 0, frames << FRAME_SHIFT);
	for (size_t i = 0; i < frames; i++)
		zeroed[pfn + i]++;
}

void mm_port_zero_cold(pfn_t pfn, size_t frames)
{
	count(&host_counts.zero_cold_calls, 1);
	count(&host_counts.zero_cold_frames, frames);
	port_call("cold", pfn, frames);
	zero(pfn, frames);
}

void mm_port_zero_hot(pfn_t pfn, size_t frames)
{
	count(&host_counts.zero_hot_calls, 1);
	count(&host_counts.zero_hot_frames, frames);
	port_call("hot", pfn, frames);
	zero(pfn, frames);
}

void mm_port_zero_fence(void)
{
	count(&host_counts.fences, 1);
	port_call("fence", 0, 0);
}

void mm_port_relax(void)
{
	count(&host_counts.relaxes, 1);
	if (time_driven)
		count(&time_ns, 1000);
	port_call("relax", 0, 0);
}

/* The same in each run, so that tests are. */
uint64_t mm_port_random(void)
{
	static uint64_t calls;

	port_call("random", 0, 0);
	return ++calls * 0x9e3779b97f4a7c15ull;
}

bool mm_port_should_yield(void)
{
	count(&host_counts.yields, 1);
	port_call("yield", 0, 0);
	return host_should_yield && host_should_yield();
}

uint64_t mm_port_now_ns(void)
{
	struct timespec now;

	__atomic_add_fetch(&host_counts.clock_reads, 1, __ATOMIC_RELAXED);
	if (time_driven)
		return __atomic_load_n(&time_ns, __ATOMIC_RELAXED);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void host_time_set(uint64_t ns)
{
	time_driven = true;
	time_ns = ns;
}

void host_time_advance(uint64_t ns)
{
	count(&time_ns, ns);
}

void host_time_real(void)
{
	time_driven = false;
}

unsigned host_zeroed(pfn_t pfn)
{
	return zeroed[pfn];
}

size_t host_resident(pfn_t pfn, size_t frames)
{
	unsigned char present[512];
	size_t total = 0;

	while (frames) {
		size_t n = frames < sizeof(present) ? frames : sizeof(present);

		if (mincore(mm_port_frame(pfn), n << FRAME_SHIFT, present) != 0) {
			perror("host: mincore");
			exit(1);
		}
		for (size_t i = 0; i < n; i++)
			total += present[i] & 1;
		pfn += n;
		frames -= n;
	}
	return total;
}

void mm_port_log(const char *fmt, ...)
{
	char line[512];
	va_list args;
	size_t n;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	n = strlen(line);
	if (n == 0 || line[n - 1] != '\n')
		line[n++] = '\n';
	if (log_used + n >= LOG_BYTES) { /* the older half goes */
		size_t keep = log_used / 2;

		memmove(log_text, log_text + log_used - keep, keep);
		log_used = keep;
	}
	memcpy(log_text + log_used, line, n);
	log_used += n;
	log_text[log_used] = 0;
}

const char *host_log(void)
{
	return log_text;
}

bool host_log_has(const char *text)
{
	return strstr(log_text, text);
}

void host_log_clear(void)
{
	log_used = 0;
	log_text[0] = 0;
}

void mm_port_panic(const char *fmt, ...)
{
	char message[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	if (host_panic)
		host_panic(message);
	fprintf(stderr, "panic: %s\n", message);
	abort();
}

void assert_failed(const char *file, int line, const char *cond)
{
	mm_port_panic("%s:%d: %s does not hold", file, line, cond);
}
