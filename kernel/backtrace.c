/* The kernel is built with frame pointers: [rbp] is the caller's rbp, [rbp + 8] where it goes on.
 */
#include "kernel/backtrace.h"

#include "arch/x86_64/paging.h"
#include "arch/x86_64/stacks.h"
#include "kernel/symbols.h"
#include "lib/bits.h"

#define FRAMES_MAX 32u

extern const char __kernel_start[], __kernel_end[];

static bool readable(uint64_t address)
{
	paddr_t paddr;
	bool in_image = address >= (uint64_t)(uintptr_t)__kernel_start && address < (uint64_t)(uintptr_t)__kernel_end;

	return (in_image && !stack_is_guard(address)) || paging_lookup(address, &paddr, NULL);
}

void backtrace(uint64_t rip, uint64_t rbp, void (*print)(const char *fmt, ...))
{
	for (unsigned i = 0; i < FRAMES_MAX; i++) {
		size_t offset = 0;
		/* A return address lies behind the call, perhaps in the next function when the call doesn't return. */
		const char *name = symbol_find(rip - (i ? 1 : 0), &offset);

		if (name)
			print("  #%-2u 0x%016lx %s+0x%lx", i, rip, name, (unsigned long)offset + (i ? 1 : 0));
		else
			print("  #%-2u 0x%016lx", i, rip);
		if (!is_aligned(rbp, 8) || !readable(rbp) || !readable(rbp + 8))
			return;
		const uint64_t *frame = (const uint64_t *)(uintptr_t)rbp;
		if (frame[1] == 0 || (frame[0] <= rbp && frame[0] != 0))
			return; /* the outermost, or a chain that doesn't go up */
		rbp = frame[0];
		rip = frame[1];
	}
}
