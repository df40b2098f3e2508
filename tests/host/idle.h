/* An idle CPU that zeroes everything, for tests. */
#pragma once

#include "mm/mm.h"

#define IDLE_FRAMES 1024u

/* Policy idle, all free memory wanted zero, that many frames a batch. */
void idle_knobs(uint64_t batch);

/* With these knobs, a fixture of IDLE_FRAMES dirty frames whose lock must not be held while frames are written. */
struct mm *idle_mm(uint64_t batch);

/* For host_should_yield: a wake-up is due at every look, or from idle_due_at cold frames on. */
bool idle_always_due(void);
bool idle_due_from(void);
extern uint64_t idle_due_at;
