/* The only program of the Linux guest, its /init: does what the kernel's command line asks for, then powers off.
 *
 *   nought.do=ops,REPS,MIB
 *	warms all memory, loads page_ops, then pins so much memory again and again
 *   nought.do=resident,MIB,HOLD_S,IDLE_S,AGAIN_S
 *	lets the balloon report, dirties so much memory, frees it HOLD_S after it began to (or when it has finished),
 *	leaves it alone for IDLE_S; unless AGAIN_S is 0 it dirties as much again, and ends so many seconds after that
 *
 * What it finds out it prints as lines of JSON on the console, like the benches of the other guest. What can't be done
 * it says in one line. The machine is left through QEMU's isa-debug-exit, with a status that scripts/run knows.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MIB	 (1ul << 20)
#define PAGE	 4096ul
#define AREA	 (2 * MIB)
#define SECOND	 1000000000ull
#define EXIT_IO	 0xf4
#define EXIT_OK	 0x10
#define EXIT_BAD 0x11

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static _Noreturn void leave(unsigned char status)
{
	fflush(stdout);
	if (ioperm(EXIT_IO, 1, 1) == 0)
		outb(status, EXIT_IO);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static _Noreturn void fail(const char *what, const char *object)
{
	printf("init: %s %s: %s\n", what, object, strerror(errno));
	leave(EXIT_BAD);
}

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "r");
	if (!file)
		fail("can't read", path);
	return file;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail("can't write", path);
	close(fd);
}

/* page_ops does its work while it is loaded, and refuses to stay: that is ENODEV. */
static void load_module(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("no module", path);
	if (syscall(SYS_finit_module, fd, parameters, 0) && errno != ENODEV)
		fail("can't load", path);
	close(fd);
}

/* The balloon's driver and what it needs, in the order of their names, which scripts/linux gave them. */
static void load_balloon(void)
{
	glob_t modules;
	if (glob("/modules/balloon/*.ko", 0, NULL, &modules))
		fail("no modules in", "/modules/balloon");
	for (size_t i = 0; i < modules.gl_pathc; i++)
		load_module(modules.gl_pathv[i], "");
	globfree(&modules);
}

/* Memory of this process in pages of one size, aligned to 2 MiB; no page of it is there yet. */
enum pages { SMALL_PAGES, HUGE_PAGES };

static char *map(size_t bytes, enum pages pages)
{
	const bool huge = pages == HUGE_PAGES;
	char *p = mmap(NULL, bytes + AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		fail("no room for", "memory");
	size_t skip = -(uintptr_t)p % AREA;
	if (skip)
		munmap(p, skip);
	munmap(p + skip + bytes, AREA - skip);
	if (madvise(p + skip, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		fail("no advice about", huge ? "huge pages" : "small pages");
	return p + skip;
}

/* A number that a file of /proc has behind a name. */
static unsigned long proc_kib(const char *path, const char *name)
{
	char line[256];
	unsigned long kib = 0;
	FILE *file = open_file(path);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtoul(line + strlen(name), NULL, 10);
	fclose(file);
	return kib;
}

/* Has the host back all memory, so that nobody's figures hold the host's page faults. */
static void warm(void)
{
	size_t bytes = (proc_kib("/proc/meminfo", "MemAvailable:") >> 10) * MIB - 160 * MIB;
	char *p = map(bytes, HUGE_PAGES);
	for (size_t i = 0; i < bytes; i += PAGE)
		p[i] = 1;
	munmap(p, bytes);
}

/* One repetition of mlock, and a look at whether the pages have the size that was asked for. */
static void pin(const char *row, size_t bytes, enum pages pages)
{
	uint64_t start = now_ns();
	const bool huge = pages == HUGE_PAGES;
	char *p = map(bytes, pages);
	if (mlock(p, bytes))
		fail("mlock", row);
	uint64_t ns = now_ns() - start;
	unsigned long huge_kib = proc_kib("/proc/self/smaps_rollup", "AnonHugePages:");
	if (huge_kib != (huge ? bytes >> 10 : 0)) {
		printf("init: %s: %lu KiB are in huge pages\n", row, huge_kib);
		leave(EXIT_BAD);
	}
	munmap(p, bytes);
	printf("{\"bench\": \"pin\", \"row\": \"%s\", \"ns\": %llu, \"count\": %zu}\n", row, (unsigned long long)ns,
	       bytes / (huge ? AREA : PAGE));
}

static void ops(unsigned reps, size_t pin_bytes)
{
	char parameters[32];
	warm();
	snprintf(parameters, sizeof(parameters), "reps=%u", reps);
	load_module("/modules/page_ops.ko", parameters);
	for (unsigned r = 0; r <= reps; r++) { /* the first repetition warms up: its rows have another name */
		pin(r ? "4k" : "4k.first", pin_bytes, SMALL_PAGES);
		pin(r ? "2m" : "2m.first", pin_bytes, HUGE_PAGES);
	}
}

static void wait_until(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / SECOND), (long)(ns % SECOND)};
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* The host follows from outside; each event is a line, so that it knows when. */
static void event(const char *name)
{
	printf("{\"event\": \"%s\"}\n", name);
	fflush(stdout);
}

/* By words that differ: the library's memset would take an instruction that emulators are slow at. */
static void dirty(char *p, size_t bytes)
{
	for (uint64_t *word = (uint64_t *)p; word < (uint64_t *)(p + bytes); word++)
		*word = (uintptr_t)word;
}

/* Returns the time at which it began. */
static uint64_t begin(const char *name)
{
	event(name);
	return now_ns();
}

static void resident(size_t bytes, unsigned hold_s, unsigned idle_s, unsigned again_s)
{
	load_balloon();
	sleep(3); /* until what booting freed has been reported */
	uint64_t start = begin("dirty");
	char *p = map(bytes, SMALL_PAGES);
	dirty(p, bytes);
	event("dirtied");
	wait_until(start + hold_s * SECOND);
	start = begin("free");
	munmap(p, bytes);
	event("freed");
	wait_until(start + idle_s * SECOND);
	if (again_s) {
		start = begin("again");
		dirty(map(bytes, SMALL_PAGES), bytes);
		event("dirtied again");
		wait_until(start + again_s * SECOND);
	}
	event("end");
}

int main(void)
{
	char line[2048] = "";
	unsigned reps, hold_s, idle_s, again_s;
	size_t mib;

	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	/* Huge pages are given to those who ask, and nobody moves pages about in the background. */
	write_file("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	write_file("/sys/kernel/mm/transparent_hugepage/defrag", "madvise");
	write_file("/sys/kernel/mm/transparent_hugepage/khugepaged/defrag", "0");
	write_file("/proc/sys/vm/compaction_proactiveness", "0");
	FILE *file = open_file("/proc/cmdline");
	if (!fgets(line, sizeof(line), file))
		fail("can't read", "/proc/cmdline");
	fclose(file);
	const char *work = strstr(line, "nought.do=");
	if (work && sscanf(work, "nought.do=ops,%u,%zu", &reps, &mib) == 2)
		ops(reps, mib * MIB);
	else if (work && sscanf(work, "nought.do=resident,%zu,%u,%u,%u", &mib, &hold_s, &idle_s, &again_s) == 4)
		resident(mib * MIB, hold_s, idle_s, again_s);
	else {
		printf("init: nothing to do on the kernel's command line: %s", line);
		leave(EXIT_BAD);
	}
	leave(EXIT_OK);
}
