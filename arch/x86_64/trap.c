/* GDT, TSS and IDT of the boot CPU, and the way from an entry to whoever handles it.
 */
#include "arch/x86_64/trap.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/irq_private.h"
#include "arch/x86_64/stacks.h"
#include "arch/x86_64/upcall.h"

#define SELECTOR_CODE 0x08u
#define SELECTOR_DATA 0x10u
#define SELECTOR_TSS  0x18u

/* SDM volume 3, 8.7 ("Task management in 64-bit mode"). */
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* ist[0] is IST1 */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "as the CPU reads it");

struct gate {
	uint16_t offset0;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset1;
	uint32_t offset2;
	uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "as the CPU reads it");

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* What every CPU needs one of. */
struct cpu_tables {
	uint64_t gdt[5];
	struct tss tss;
};

static struct cpu_tables boot_cpu __attribute__((aligned(64)));
static struct gate idt[256] __attribute__((aligned(4096)));

extern const uint64_t trap_entries[256];

static void gdt_load(struct cpu_tables *t)
{
	uint64_t tss = (uint64_t)(uintptr_t)&t->tss;

	t->tss.ist[STACK_DOUBLE_FAULT] = stack_ist_top(STACK_DOUBLE_FAULT);
	t->tss.ist[STACK_NMI] = stack_ist_top(STACK_NMI);
	t->tss.ist[STACK_MACHINE_CHECK] = stack_ist_top(STACK_MACHINE_CHECK);
	t->tss.io_map = sizeof(t->tss); /* no ports for anybody else */

	t->gdt[0] = 0;
	t->gdt[1] = 0x00209b0000000000; /* code: 64 bit, present, accessed */
	t->gdt[2] = 0x0000930000000000; /* data: present, writable, accessed */
	t->gdt[3] = (sizeof(t->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
	t->gdt[4] = tss >> 32;

	struct table_pointer p = {sizeof(t->gdt) - 1, (uint64_t)(uintptr_t)t->gdt};
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl %2, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%ss\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%fs\n\t"
			 "movl %%eax, %%gs\n\t"
			 "movl %3, %%eax\n\t"
			 "ltr %%ax"
			 :
			 : "m"(p), "i"(SELECTOR_CODE), "i"(SELECTOR_DATA), "i"(SELECTOR_TSS)
			 : "rax", "memory");
}

static void idt_load(void)
{
	for (unsigned vector = 0; vector < 256; vector++) {
		uint64_t entry = trap_entries[vector];
		uint8_t ist = vector == 8    ? STACK_DOUBLE_FAULT + 1
			      : vector == 2  ? STACK_NMI + 1
			      : vector == 18 ? STACK_MACHINE_CHECK + 1
					     : 0;
		idt[vector] = (struct gate){
			.offset0 = (uint16_t)entry,
			.selector = SELECTOR_CODE,
			.ist = ist,
			.type = 0x8e, /* interrupt gate: interrupts go off */
			.offset1 = (uint16_t)(entry >> 16),
			.offset2 = (uint32_t)(entry >> 32),
		};
	}
	struct table_pointer p = {sizeof(idt) - 1, (uint64_t)(uintptr_t)idt};
	__asm__ volatile("lidt %0" ::"m"(p) : "memory");
}

void trap_init(void)
{
	gdt_load(&boot_cpu);
	idt_load();
}

/* Called by trap_entry.S with interrupts off. */
void trap_dispatch(const struct trap_frame *frame)
{
	char cause[160];

	if (frame->vector >= VECTOR_PIC)
		irq_dispatch((unsigned)frame->vector);
	else
		kernel_trap(frame, trap_describe(frame, read_cr2(), cause, sizeof(cause)));
}
