/* What tests of the trace share: a ring for the fixture's allocator, and events by kind. */
#pragma once

#include "mm/trace.h"
#include "tests/unit/fixture.h"

#define TRACE_RING 512u

/* Traces the fixture's allocator from here on, into a ring of count entries; its clock counts the events. */
void trace_begin(struct mm *mm, size_t count);

/* Four areas, dirty, whose allocator keeps nothing in caches, traced. */
struct mm *traced_mm(void);

/* The n-th event of a kind that is in the ring, from 0, into *e. Returns how many there are. */
unsigned trace_events(enum trace_event event, unsigned n, struct trace_entry *e);
