/* Memory that was asked for on the console: numbered handles, each a set of blocks of one order.
 *
 * Handles are counted from 1 and never used again. The lists of blocks lie on the kernel's heap, which draws on the
 * same memory. Only the console's thread uses them. Calls that take long let other threads run now and then, and end
 * early on ^C.
 */
#pragma once

#include "lib/types.h"

struct handle {
	uint64_t id;
	unsigned order;
	unsigned want;	/* as it was asked for, an enum mm_want, perhaps | MM_BELOW_4G */
	uint64_t count; /* blocks */
	pfn_t *pfns;
	struct handle *next; /* the next higher id */
};

enum handle_error {
	HANDLE_OK,
	HANDLE_NO_LIST,	  /* no memory for the list of blocks */
	HANDLE_NO_BLOCKS, /* there are fewer blocks */
	HANDLE_STOPPED,	  /* by the user's ^C */
};

/* Gets count (at least 1) blocks, all or none. *out is valid until handle_free. */
enum handle_error handle_alloc(unsigned order, unsigned want, uint64_t count, struct handle **out);

/* The first handle, the others follow by ->next; and the one of that number. NULL: there is none. */
struct handle *handle_first(void);
struct handle *handle_find(uint64_t id);

/* Below, "interrupted" means by the user's ^C; that is printed already. */

/* Gives all blocks back, the last first; the handle is gone. False: interrupted, and the handle keeps the rest. */
bool handle_free(struct handle *handle);

/* Gives blocks back but for the first of every `keep` (at least 2), which the handle keeps. False: interrupted; the
 * handle keeps also all blocks that hadn't been looked at. */
bool handle_thin(struct handle *handle, uint64_t keep);

/* Writes every byte. False: interrupted. */
bool handle_fill(const struct handle *handle, uint8_t byte);

enum handle_found {
	HANDLE_SAME,
	HANDLE_OTHER, /* with the first such byte's place, and what is there */
	HANDLE_INTERRUPTED,
};

/* Reads every byte and compares. */
enum handle_found handle_verify(const struct handle *handle, uint8_t byte, pfn_t *pfn, uint64_t *offset,
				uint8_t *found);
