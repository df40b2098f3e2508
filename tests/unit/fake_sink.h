/* A reporter without a host: answers as a test tells it to, and watches what it is given. And what tests of reporting
 * begin with: an allocator whose memory is all dirty, and such a reporter registered with it. */
#pragma once

#include "mm/mm.h"
#include "mm/report.h"

#define FAKE_FRAMES	 4096u /* fake_mm's */
#define FAKE_PENDING_MAX 64u
#define FAKE_RANGES_MAX	 64u

enum fake_answer {
	FAKE_ACCEPT,	 /* at the next poll */
	FAKE_DECLINE,	 /* at the next poll, not ok */
	FAKE_SILENT,	 /* never, until reset */
	FAKE_REFUSE,	 /* submit fails */
	FAKE_OUTOFORDER, /* accepts, newest first */
};

struct fake_request {
	unsigned tag;
	unsigned count;
	struct report_range ranges[FAKE_RANGES_MAX];
};

struct fake_sink {
	struct report_sink sink;
	enum fake_answer answer;
	bool reset_works;
	bool scribble;	/* what the host drops reads as junk afterwards: contents are undefined */
	unsigned order; /* the smallest block that may come */
	unsigned submits, polls, resets, largest, in_flight_largest;
	uint64_t frames;	 /* accepted */
	unsigned fail_submit_at; /* this one is refused, counted from 1; 0: none */
	pfn_t base;
	size_t span;
	unsigned char *dropped; /* one byte a frame: the host was told and nobody used it since */
	unsigned pending_count;
	struct fake_request pending[FAKE_PENDING_MAX];
};

/* A sink for the fixture that was made last, over span frames. Until fixture_end; the test registers it. */
struct fake_sink *fake_sink(size_t span, unsigned capacity, unsigned in_flight_max);

/* The frames were used: they may be reported again. */
void fake_used(struct fake_sink *fake, pfn_t pfn, size_t frames);

/* Calls report_step until report_is_done, letting time pass where it asks for that; a bounded number of times. Returns
 * whether it got there. */
bool fake_run(struct mm *mm);

/* A quiet fixture of FAKE_FRAMES dirty frames, report.order and report.batch as given, report.timeout_ms 50. */
struct mm *fake_mm(unsigned order, uint64_t batch);

/* A sink for fake_mm's memory, registered, which expects blocks of order and larger. */
struct fake_sink *fake_registered(struct mm *mm, unsigned order, unsigned capacity, unsigned in_flight_max);

/* Unregisters it, and checks that nothing is left with it. */
void fake_unregister(struct mm *mm, struct fake_sink *fake);

/* Steps until something is in flight, which must be soon. */
void fake_until_in_flight(struct mm *mm, struct fake_sink *fake);

/* Frames of mm that are reported, and that are isolated. */
uint64_t fake_reported(struct mm *mm);
uint64_t fake_isolated(struct mm *mm);
