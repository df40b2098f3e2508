/* The plug between the bench and a page-frame allocator: a struct of function pointers for each.
 *
 * Every allocator manages frames 0 to frames - 1, all free at first, and sees one thread. An instance is made for
 * each test and gone after it, so several of one kind can live side by side.
 */
#pragma once

#include "lib/types.h"

#define PLUG_NONE (~0ull)

struct plug {
	const char *name;
	const char *what;   /* one line for the list */
	unsigned max_order; /* the largest order that alloc takes */
	bool locks;	    /* takes a lock itself; the others are called under one with -L */

	void *(*open)(size_t frames); /* NULL: can't */
	void (*close)(void *self);

	/* The first frame of a block of 1 << order frames, aligned to its size, or PLUG_NONE. */
	uint64_t (*alloc)(void *self, unsigned order);
	void (*free)(void *self, uint64_t pfn, unsigned order);

	void (*set_cpu)(unsigned cpu); /* whose cache the next calls use, 0 or 1; may be NULL */
	void (*drain)(void *self);     /* gives back what caches hold, so that it can merge; may be NULL */
	size_t (*meta_bytes)(void *self);
	bool (*verify)(void *self); /* all its invariants hold; may be NULL */
};

extern const struct plug plug_null, plug_stack, plug_linked, plug_nought, plug_nought_hot, plug_nought_shuf;

/* Zeroed memory, on huge pages where there are some and backed already, as a kernel's metadata would be. Never NULL:
 * ends the program instead. plug_unmap wants the same size. */
void *plug_map(size_t bytes);
void plug_unmap(void *mem, size_t bytes);
