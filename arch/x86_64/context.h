/* Switching between threads: what a thread that doesn't run has on its stack.
 */
#pragma once

#include "lib/types.h"

/* Goes on at load_rsp, where that thread last switched away; where this one stands is left in *save_rsp. With
 * interrupts off. */
void context_switch(uint64_t *save_rsp, uint64_t load_rsp);

void context_start(void);

/* Prepares a stack so that switching to it calls fn, which must not return. Returns its RSP. */
static inline uint64_t context_new(uint64_t stack_top, void (*fn)(void))
{
	uint64_t *sp = (uint64_t *)(uintptr_t)stack_top;

	*--sp = (uint64_t)(uintptr_t)context_start;
	*--sp = 0;			 /* rbp */
	*--sp = (uint64_t)(uintptr_t)fn; /* rbx */
	for (unsigned i = 0; i < 4; i++) /* r12 to r15 */
		*--sp = 0;
	return (uint64_t)(uintptr_t)sp;
}
