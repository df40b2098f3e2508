/* The system calls of newlib but for sbrk (kernel/memory/heap.c): the console is its only file.
 */
#include "kernel/console/newlib.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "kernel/base/panic.h"
#include "kernel/base/tty.h"
#include "kernel/console/console.h"
#include "kernel/console/input.h"

int write(int fd, const void *buf, size_t count);
int read(int fd, void *buf, size_t count);
int close(int fd);
int fstat(int fd, struct stat *st);
int isatty(int fd);
off_t lseek(int fd, off_t offset, int whence);
int getpid(void);
int kill(int pid, int signal);
void _exit(int status) __attribute__((noreturn));

static char stdout_buffer[512]; /* (T) */

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
	*(char *)buf = (char)input_getc();
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
