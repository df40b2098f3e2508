/* The kernel is built with frame pointers: [rbp] is the caller's rbp, [rbp + 8] where it goes on.
 */
#include "kernel/base/backtrace.h"

#include "arch/x86_64/paging.h"
#include "arch/x86_64/stacks.h"
#include "kernel/base/symbols.h"
#include "lib/bits.h"

#define FRAMES_MAX 32u

extern const char __kernel_start[], __kernel_end[];

static bool readable(uint64_t address)
{
	paddr_t paddr;
	bool in_image = address >= (uint64_t)(uintptr_t)__kernel_start && address < (uint64_t)(uintptr_t)__kernel_end;

	return (in_image && !stack_is_guard(address)) || paging_lookup(address, &paddr, NULL);
}

/* The 8 bytes at address, or 0 when they can't be read. */
static uint64_t word_at(uint64_t address)
{
	if (!is_aligned(address, 8) || !readable(address))
		return 0;
	return *(const uint64_t *)(uintptr_t)address;
}

void backtrace(uint64_t rip, uint64_t rsp, uint64_t rbp, void (*print)(const char *fmt, ...))
{
	size_t offset;

	for (unsigned i = 0; i < FRAMES_MAX && (rip || i == 0); i++) {
		/* A return address lies behind the call, perhaps in the next function when the call doesn't return. */
		size_t back = i ? 1 : 0;
		const char *name = symbol_find(rip - back, &offset);

		if (name)
			print("  #%-2u 0x%016lx %s+0x%lx", i, rip, name, (unsigned long)(offset + back));
		else
			print("  #%-2u 0x%016lx", i, rip);
		if (i == 0 && !name && symbol_find(word_at(rsp), &offset)) {
			rip = word_at(rsp);
			continue;
		}
		uint64_t up = word_at(rbp);
		rip = word_at(rbp + 8);
		if (up <= rbp && up != 0)
			return; /* a chain that doesn't go up */
		rbp = up;
	}
}
