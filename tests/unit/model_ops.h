/* Random operations on an allocator, compared with the model: what the unit tests and the fuzz target alloc run. All of
 * mm's calls but for mm_init are among them, zeroing and reporting too, on any CPU.
 */
#pragma once

#include "mm/report.h"
#include "mm/zero.h"
#include "tests/unit/choices.h"
#include "tests/unit/model.h"

/* What the machine underneath lets operations do.
 *
 * on_cpu             what follows happens on that CPU. NULL: it can't be chosen
 * ask_while_zeroing  zeroing asks ask after each frame whether to make way, until this is called with NULL. NULL: who
 *                    zeroes asks the machine as usual
 * pass_ns            lets that much time pass, or less */
struct model_machine {
	void (*on_cpu)(unsigned cpu);
	void (*ask_while_zeroing)(bool (*ask)(void));
	void (*pass_ns)(uint64_t ns);
};

/* What the host under the allocator is like. */
enum { MODEL_KEEPS_ZERO = 1 };

/* Registers a reporter with the allocator that model_begin was given. The first of the choices is its size. */
void model_ops_begin(struct choices *choices, const struct model_machine *machine, unsigned host);

/* Takes one operation from the choices, does it, and compares. False: the choices are over. */
bool model_ops_step(void);

/* Takes the reporter out, frees all that is held, and compares all. */
void model_ops_end(void);
