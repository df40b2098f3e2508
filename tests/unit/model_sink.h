/* A reporter whose host answers as the input says, and looks at what it is given: every block must be isolated, of the
 * size that was asked for, and not be with the host already. What the host drops reads as junk afterwards, unless it
 * keeps zero: then everything that it is given must be zero. */
#pragma once

#include "mm/report.h"
#include "tests/unit/choices.h"
#include "tests/unit/test.h"

enum model_sink_answer {
	SINK_ACCEPT,
	SINK_NEWEST_FIRST,
	SINK_DECLINE,
	SINK_SILENT,
	SINK_REFUSE,
	SINK_STALE_TAG, /* answers again what it answered last, and nothing else */
	SINK_AT_ONCE,	/* from within submit */
	SINK_ANSWERS,
};

#define SINK_PENDING_MAX 4u
#define SINK_RANGES_MAX	 64u

struct model_sink {
	struct report_sink sink;
	enum model_sink_answer answer;
	bool reset_works;
	unsigned last_tag; /* answered last */
	unsigned pending_count;
	struct model_request {
		unsigned tag, count;
		struct report_range ranges[SINK_RANGES_MAX];
	} pending[SINK_PENDING_MAX];
};

/* A sink of the size that the next byte says, not registered yet. */
void model_sink_begin(struct model_sink *s, struct choices *in, bool keeps_zero);
