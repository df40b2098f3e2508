/* Says in words what an exception means: SDM volume 3, 6.15.
 */
#include <stdio.h>

#include "arch/x86_64/paging.h"
#include "arch/x86_64/stacks.h"
#include "arch/x86_64/trap.h"
#include "lib/bits.h"

static const char *const names[32] = {
	"#DE divide error",
	"#DB debug exception",
	"non-maskable interrupt",
	"#BP breakpoint",
	"#OF overflow",
	"#BR bound range exceeded",
	"#UD invalid instruction",
	"#NM vector registers are not available",
	"#DF double fault",
	"coprocessor segment overrun",
	"#TS invalid TSS",
	"#NP segment not present",
	"#SS stack segment fault",
	"#GP general protection fault",
	"#PF page fault",
	"reserved exception 15",
	"#MF x87 floating-point error",
	"#AC alignment check",
	"#MC machine check",
	"#XM vector floating-point error",
	"#VE virtualisation exception",
	"#CP control protection exception",
};

static bool canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

/* The page fault's error code: SDM volume 3, 4.7. */
static void describe_page_fault(const struct trap_frame *frame, uint64_t cr2, char *buf, size_t size)
{
	bool present = frame->error & BIT(0);
	bool write = frame->error & BIT(1);
	bool fetch = frame->error & BIT(4);
	unsigned flags = 0;
	paddr_t paddr;
	const char *what;

	if (frame->error & BIT(3))
		what = "a reserved bit is set in the page tables";
	else if (stack_is_guard(cr2))
		what = "stack overflow, a guard page was hit";
	else if (cr2 < FRAME_SIZE)
		what = fetch ? "call through a null pointer" : "null pointer dereference";
	else if (present && fetch)
		what = "execution of memory that is not executable";
	else if (present && write && paging_lookup(cr2, &paddr, &flags) && !(flags & PAGING_WRITE))
		what = "write to read-only memory";
	else if (!present)
		what = fetch ? "call into memory that is not mapped" : "memory that is not mapped";
	else
		what = "access not allowed";
	sniprintf(buf, size, "#PF page fault: %s (%s 0x%lx)", what,
		  fetch	  ? "fetch of"
		  : write ? "write to"
			  : "read of",
		  cr2);
}

const char *trap_describe(const struct trap_frame *frame, uint64_t cr2, char *buf, size_t size)
{
	const char *name = frame->vector < 32 ? names[frame->vector] : NULL;

	switch (frame->vector) {
	case 14:
		describe_page_fault(frame, cr2, buf, size);
		break;
	case 8: /* a push onto a guard page can't be delivered on the same stack: the CPU comes here instead */
		if (stack_is_guard(cr2))
			sniprintf(buf, size, "%s: stack overflow, a guard page was hit (0x%lx)", name, cr2);
		else
			sniprintf(buf, size, "%s (last page fault at 0x%lx)", name, cr2);
		break;
	case 13:
	case 12:
		if (frame->error)
			sniprintf(buf, size, "%s (selector 0x%lx)", name, frame->error);
		else
			sniprintf(buf, size, "%s%s", name, canonical(frame->rip) ? "" : ": jump to a bad address");
		break;
	default:
		sniprintf(buf, size, "%s", name ? name : "unknown exception");
	}
	return buf;
}
