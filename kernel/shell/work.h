/* Work that goes on in the background: what `wait` waits for and what a bench holds still. Each kind is a row beside
 * its command, so that nobody knows zeroing or reporting by name, and one that isn't built in is simply not there.
 */
#pragma once

#include "lib/table.h"
#include "lib/types.h"

struct work {
	bool done;
	bool paused;
	bool short_of_memory;
	uint64_t left_frames;	   /* those under way too */
	uint64_t under_way_frames; /* isolated right now; pausing doesn't stop what a device has */
	const char *after;	   /* the work of this name must be done first with all that is left; NULL: none must */
	const char *by;		   /* who does it, such as the device that is reported to; NULL: nobody does */
};

/* now: all of it, whatever the marks and delays say. pause and resume don't nest. */
struct work_row {
	const char *name; /* of the command, too */
	const char *what; /* "zeroing" */
	void (*look)(struct work *out);
	void (*now)(void);
	void (*pause)(void);
	void (*resume)(void);
};

#define WORK(ident, ...)                                           \
	static const struct work_row work_##ident = {__VA_ARGS__}; \
	TABLE_ADD(work, work_##ident)

TABLE_DECLARE(work);
