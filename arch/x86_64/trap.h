/* Exceptions and interrupts: the tables that the CPU reads, and what an entry leaves on the stack.
 */
#pragma once

#include "lib/types.h"

/* Built by trap_entry.S, which knows this layout. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct trap_frame) == 22 * 8, "trap_entry.S pushes these");

/* Vectors. 0 to 31 are the CPU's exceptions; the masked 8259s are moved to 32 to 47, where a spurious one does no
 * harm. */
#define VECTOR_PIC	0x20u
#define VECTOR_TIMER	0x40u
#define VECTOR_GSI	0x50u /* the first of those that irq_install gives out */
#define VECTOR_GSI_END	0xf0u
#define VECTOR_SPURIOUS 0xffu

/* Loads the GDT, the TSS with its separate stacks and the IDT for the boot CPU. */
void trap_init(void);

/* Writes into buf what an exception means, in words. Returns buf. */
const char *trap_describe(const struct trap_frame *frame, uint64_t cr2, char *buf, size_t size);
