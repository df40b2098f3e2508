/* The system calls of newlib: the console is its only file, the frame allocator its only memory.
 */
#include "kernel/console/newlib.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "arch/x86_64/paging.h"
#include "kernel/base/panic.h"
#include "kernel/base/tty.h"
#include "kernel/console/console.h"
#include "lib/bits.h"
#include "lib/table.h"
#include "mm/mm.h"

#define HEAP_MAX (256 * MIB)

int write(int fd, const void *buf, size_t count);
int read(int fd, void *buf, size_t count);
int close(int fd);
int fstat(int fd, struct stat *st);
int isatty(int fd);
off_t lseek(int fd, off_t offset, int whence);
void *sbrk(ptrdiff_t change);
int getpid(void);
int kill(int pid, int signal);
void _exit(int status) __attribute__((noreturn));
void __assert_func(const char *file, int line, const char *function, const char *expression) __attribute__((noreturn));
void __stack_chk_fail(void) __attribute__((noreturn));

static uint64_t heap_bytes;  /* given to malloc */
static uint64_t heap_mapped; /* of them, or a little more: whole frames */
STAT(heap_mapped, "heap.mapped_bytes", "bytes", "taken from the allocator for malloc", &heap_mapped);

static char stdout_buffer[512];

void newlib_init(void)
{
	setvbuf(stdout, stdout_buffer, _IOLBF, sizeof(stdout_buffer));
	setvbuf(stdin, NULL, _IONBF, 0);
}

int write(int fd, const void *buf, size_t count)
{
	if (fd != 1 && fd != 2) {
		errno = EBADF;
		return -1;
	}
	console_write(buf, count);
	return (int)count;
}

int read(int fd, void *buf, size_t count)
{
	if (fd != 0) {
		errno = EBADF;
		return -1;
	}
	if (count == 0)
		return 0;
	*(char *)buf = (char)tty_getc();
	return 1;
}

int close(int fd)
{
	(void)fd;
	errno = EBADF;
	return -1;
}

int fstat(int fd, struct stat *st)
{
	(void)fd;
	st->st_mode = S_IFCHR;
	st->st_blksize = 0;
	return 0;
}

int isatty(int fd)
{
	return fd >= 0 && fd <= 2;
}

off_t lseek(int fd, off_t offset, int whence)
{
	(void)fd, (void)offset, (void)whence;
	errno = ESPIPE;
	return -1;
}

int getpid(void)
{
	return 1;
}

int kill(int pid, int signal)
{
	(void)pid;
	panic("signal %d", signal);
}

void _exit(int status)
{
	panic("exit(%d)", status);
}

void __assert_func(const char *file, int line, const char *function, const char *expression)
{
	panic("%s:%d: %s: assertion %s failed", file, line, function ? function : "?", expression);
}

void __stack_chk_fail(void)
{
	panic("stack protector: a buffer on the stack of the caller was overrun");
}

/* Gives back what lies above heap_bytes. */
static void shrink(void)
{
	while (heap_mapped >= heap_bytes + FRAME_SIZE) {
		heap_mapped -= FRAME_SIZE;
		mm_free(&mm_system, paddr_to_pfn(paging_unmap(PAGING_HEAP_BASE + heap_mapped)), 0);
	}
}

void *sbrk(ptrdiff_t change)
{
	uint64_t old = heap_bytes;

	if (change < 0 ? (uint64_t)-change > heap_bytes : (uint64_t)change > HEAP_MAX - heap_bytes)
		goto none;
	heap_bytes += (uint64_t)change;
	while (heap_mapped < heap_bytes) {
		pfn_t pfn = mm_alloc(&mm_system, 0, MM_ANY);

		if (pfn != MM_PFN_NONE &&
		    paging_map(PAGING_HEAP_BASE + heap_mapped, pfn_to_paddr(pfn), FRAME_SIZE, PAGING_WRITE) == 0) {
			heap_mapped += FRAME_SIZE;
			continue;
		}
		if (pfn != MM_PFN_NONE)
			mm_free(&mm_system, pfn, 0);
		heap_bytes = old;
		shrink();
		goto none;
	}
	shrink();
	return (void *)(uintptr_t)(PAGING_HEAP_BASE + old);
none:
	errno = ENOMEM;
	return (void *)-1;
}
