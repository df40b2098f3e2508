/* A reporter whose host answers as the input says, and looks at what it is given: every block must be isolated, of the
 * size that was asked for, and not be with the host already. What the host drops reads as junk afterwards. */
#pragma once

#include "mm/report.h"
#include "tests/fuzz/fuzz.h"

enum fuzz_sink_answer {
	FUZZ_SINK_ACCEPT,
	FUZZ_SINK_NEWEST_FIRST,
	FUZZ_SINK_DECLINE,
	FUZZ_SINK_SILENT,
	FUZZ_SINK_REFUSE,
	FUZZ_SINK_UNKNOWN_TAG, /* answers what was never asked, then as it should */
	FUZZ_SINK_AT_ONCE,     /* from within submit */
	FUZZ_SINK_ANSWERS,
};

#define FUZZ_SINK_PENDING_MAX 4u
#define FUZZ_SINK_RANGES_MAX  64u

struct fuzz_sink {
	struct report_sink sink;
	enum fuzz_sink_answer answer;
	bool reset_works;
	unsigned pending_count;
	struct fuzz_request {
		unsigned tag, count;
		struct report_range ranges[FUZZ_SINK_RANGES_MAX];
	} pending[FUZZ_SINK_PENDING_MAX];
};

/* A sink of the size that the next byte says, not registered yet. */
void fuzz_sink_begin(struct fuzz_sink *s, struct fuzz_input *in);
