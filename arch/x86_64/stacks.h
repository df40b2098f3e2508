/* Stacks, each with a page below it that is never mapped, so that an overflow faults instead of overwriting.
 *
 * Those of the boot CPU lie in the kernel image, since they are needed before there is memory to map; threads' stacks
 * lie at PAGING_STACKS_BASE, mapped when a thread is made.
 */
#pragma once

#include "lib/types.h"

#define STACK_BOOT_BYTES 32768u
#define STACK_IST_BYTES	 8192u
#define STACK_SLOT_BYTES (256u * 1024u) /* of addresses, the top of which is mapped */
#define STACK_SLOTS	 64u

enum stack_ist { STACK_DOUBLE_FAULT, STACK_NMI, STACK_MACHINE_CHECK, STACK_ISTS };

/* The highest address of the stack that the CPU switches to for that exception. */
uint64_t stack_ist_top(enum stack_ist which);

/* Maps the stack of that slot if it isn't yet, bytes long. Returns its top, or 0: no memory. */
uint64_t stack_map(unsigned slot, size_t bytes);

/* Calls fn with each guard page in the kernel image, lowest address first. */
void stack_guards(void (*fn)(uint64_t va, void *arg), void *arg);

/* True when address lies in a guard: what touches it has run off the low end of a stack. */
bool stack_is_guard(uint64_t address);
