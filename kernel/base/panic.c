/* Says what happened, as much of it as still works, then ends the machine.
 */
#include "kernel/base/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86_64/asm.h"
#include "arch/x86_64/upcall.h"
#include "kernel/base/backtrace.h"
#include "kernel/base/power.h"
#include "kernel/base/tty.h"
#include "kernel/sched/thread.h"
#include "lib/assert.h"

void (*panic_hook)(const char *message); /* (T) */

static unsigned depth; /* (I) panics within panics */

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
	char line[256];
	va_list args;

	va_start(args, fmt);
	int count = vsniprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	if (count < 0)
		return;
	size_t length = strlen(line);
	line[length++] = '\n';
	tty_write(line, length);
}

/* The second panic says less, the third nothing: each step may be what is broken. */
static void begin(void)
{
	__asm__ volatile("cli" ::: "memory");
	tty_panic_mode();
	depth++;
	if (depth > 2)
		power_exit(POWER_PANIC);
}

static void say_registers(const struct trap_frame *f)
{
	say("  rip %016lx  rsp %016lx  rflags %08lx  cs %02lx  error %lx", f->rip, f->rsp, f->rflags, f->cs, f->error);
	say("  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
	say("  rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
	say("  r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx", f->r9, f->r10, f->r11, f->r12);
	say("  r13 %016lx  r14 %016lx  r15 %016lx", f->r13, f->r14, f->r15);
	say("  cr0 %016lx  cr2 %016lx  cr3 %016lx  cr4 %016lx", read_cr0(), read_cr2(), read_cr3(), read_cr4());
}

static _Noreturn void end(uint64_t rip, uint64_t rsp, uint64_t rbp)
{
	if (depth == 1)
		backtrace(rip, rsp, rbp, say);
	power_exit(POWER_PANIC);
}

_Noreturn void panic(const char *fmt, ...)
{
	char text[200];
	va_list args;
	struct trap_frame here;

	/* The registers as this function finds them: those that calls keep are the caller's. */
	memset(&here, 0, sizeof(here));
	__asm__ volatile("movq %%rax, %0\n\tmovq %%rbx, %1\n\tmovq %%rcx, %2\n\tmovq %%rdx, %3\n\t"
			 "movq %%rsi, %4\n\tmovq %%rdi, %5\n\tmovq %%rbp, %6\n\tmovq %%rsp, %7"
			 : "=m"(here.rax), "=m"(here.rbx), "=m"(here.rcx), "=m"(here.rdx), "=m"(here.rsi),
			   "=m"(here.rdi), "=m"(here.rbp), "=m"(here.rsp));
	__asm__ volatile("movq %%r8, %0\n\tmovq %%r9, %1\n\tmovq %%r10, %2\n\tmovq %%r11, %3\n\t"
			 "movq %%r12, %4\n\tmovq %%r13, %5\n\tmovq %%r14, %6\n\tmovq %%r15, %7"
			 : "=m"(here.r8), "=m"(here.r9), "=m"(here.r10), "=m"(here.r11), "=m"(here.r12), "=m"(here.r13),
			   "=m"(here.r14), "=m"(here.r15));
	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(here.rflags));
	__asm__ volatile("movq %%cs, %0" : "=r"(here.cs));
	here.rip = (uint64_t)(uintptr_t)__builtin_return_address(0);

	va_start(args, fmt);
	vsniprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (panic_hook)
		panic_hook(text);
	begin();
	say("\nPANIC: %s", text);
	say("  in thread %s, called from:", thread_name(thread_current()));
	say_registers(&here);
	/* Our own frame first: the caller's rip is in it. */
	end((uint64_t)(uintptr_t)panic, 0, (uint64_t)(uintptr_t)__builtin_frame_address(0));
}

_Noreturn void kernel_trap(const struct trap_frame *frame, const char *cause)
{
	begin();
	say("\nPANIC: %s", cause);
	say("  in thread %s, vector %lu", thread_name(thread_current()), frame->vector);
	say_registers(frame);
	end(frame->rip, frame->rsp, frame->rbp);
}

/* Asked for by newlib's assert, and by code that the compiler adds for the stack protector. */
_Noreturn void __assert_func(const char *file, int line, const char *function, const char *expression);
_Noreturn void __stack_chk_fail(void);

_Noreturn void __assert_func(const char *file, int line, const char *function, const char *expression)
{
	panic("%s:%d: %s: assertion %s failed", file, line, function ? function : "?", expression);
}

_Noreturn void __stack_chk_fail(void)
{
	panic("stack protector: a buffer on the stack of the caller was overrun");
}

void assert_failed(const char *file, int line, const char *cond)
{
	panic("%s:%d: %s doesn't hold", file, line, cond);
}
