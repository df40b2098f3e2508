/* The verbs of mm's port that need the kernel; port/mm_port.h is their manual page. */
#include <stdarg.h>
#include <stdio.h>

#include "arch/x86_64/clock.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/sched/thread.h"
#include "port/mm_port.h"

uint64_t mm_port_now_ns(void)
{
	return clock_ns();
}

bool mm_port_should_yield(void)
{
	return thread_wake_due();
}

void mm_port_relax(void)
{
	__builtin_ia32_pause();
	thread_yield();
}

_Noreturn void mm_port_panic(const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsniprintf(text, sizeof(text), fmt, args);
	va_end(args);
	panic("%s", text);
}

void mm_port_log(const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsniprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_printf("%s", text);
}
