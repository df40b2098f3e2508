/* A reporter whose host answers as the input says, and looks at what it is given: every block must be isolated, of the
 * size that was asked for, and not be with the host already. What the host drops reads as junk afterwards, unless it
 * keeps zero: then everything that it is given must be zero. */
#pragma once

#include "mm/report.h"
#include "tests/fuzz/fuzz.h"

enum fuzz_sink_answer {
	FUZZ_SINK_ACCEPT,
	FUZZ_SINK_NEWEST_FIRST,
	FUZZ_SINK_DECLINE,
	FUZZ_SINK_SILENT,
	FUZZ_SINK_REFUSE,
	FUZZ_SINK_STALE_TAG, /* answers again what it answered last, and nothing else */
	FUZZ_SINK_AT_ONCE,   /* from within submit */
	FUZZ_SINK_ANSWERS,
};

#define FUZZ_SINK_PENDING_MAX 4u
#define FUZZ_SINK_RANGES_MAX  64u

struct fuzz_sink {
	struct report_sink sink;
	enum fuzz_sink_answer answer;
	bool reset_works;
	unsigned last_tag; /* answered last */
	unsigned pending_count;
	struct fuzz_request {
		unsigned tag, count;
		struct report_range ranges[FUZZ_SINK_RANGES_MAX];
	} pending[FUZZ_SINK_PENDING_MAX];
};

/* A sink of the size that the next byte says, not registered yet. */
void fuzz_sink_begin(struct fuzz_sink *s, struct fuzz_input *in, bool keeps_zero);
