/* A reporter without a host; see model_sink.h. */
#include "tests/unit/model_sink.h"

#include <string.h>

#include "mm/mm.h"
#include "tests/unit/model.h"

/* The host drops what it was given. */
static void drop(const struct model_sink *s, const struct model_request *request)
{
	for (unsigned i = 0; !s->sink.keeps_zero && i < request->count; i++)
		for (pfn_t pfn = request->ranges[i].pfn; pfn < request->ranges[i].pfn + request->ranges[i].frames;
		     pfn++)
			model_junk(pfn);
}

static void answer(struct model_sink *s, unsigned at, bool ok)
{
	struct model_request request = s->pending[at];

	s->pending_count--;
	memmove(&s->pending[at], &s->pending[at + 1], (s->pending_count - at) * sizeof(s->pending[0]));
	s->last_tag = request.tag;
	if (ok)
		drop(s, &request);
	report_done(&s->sink, request.tag, ok);
}

static int submit(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag)
{
	struct model_sink *s = CONTAINER_OF(sink, struct model_sink, sink);

	CHECK(count >= 1 && count <= sink->capacity && count <= SINK_RANGES_MAX);
	for (unsigned i = 0; i < count; i++) {
		CHECK(ranges[i].frames != 0 && ranges[i].pfn % ranges[i].frames == 0);
		for (pfn_t pfn = ranges[i].pfn; pfn < ranges[i].pfn + ranges[i].frames; pfn++)
			CHECK(mm_frame_state(sink->mm, pfn) == MM_STATE_ISOLATED &&
			      (!sink->keeps_zero || model_reads_zero(pfn)));
	}
	if (s->answer == SINK_REFUSE)
		return -1;
	CHECK(s->pending_count < sink->in_flight_max);
	for (unsigned i = 0; i < s->pending_count; i++) {
		CHECK(s->pending[i].tag != tag);
		for (unsigned k = 0; k < s->pending[i].count; k++)
			for (unsigned j = 0; j < count; j++) {
				const struct report_range *with = &s->pending[i].ranges[k];

				CHECK(ranges[j].pfn + ranges[j].frames <= with->pfn ||
				      ranges[j].pfn >= with->pfn + with->frames);
			}
	}
	struct model_request *request = &s->pending[s->pending_count++];
	request->tag = tag;
	request->count = count;
	memcpy(request->ranges, ranges, count * sizeof(*ranges));
	if (s->answer == SINK_AT_ONCE)
		answer(s, s->pending_count - 1, REPORT_OK);
	return 0;
}

static void poll(struct report_sink *sink)
{
	struct model_sink *s = CONTAINER_OF(sink, struct model_sink, sink);

	if (s->answer == SINK_STALE_TAG)
		report_done(sink, s->last_tag, REPORT_OK);
	while (s->pending_count && s->answer != SINK_SILENT && s->answer != SINK_STALE_TAG)
		answer(s, s->answer == SINK_NEWEST_FIRST ? s->pending_count - 1 : 0, s->answer != SINK_DECLINE);
}

static bool reset(struct report_sink *sink)
{
	struct model_sink *s = CONTAINER_OF(sink, struct model_sink, sink);

	/* It may have dropped what it never answered. */
	while (s->reset_works && s->pending_count != 0)
		drop(s, &s->pending[--s->pending_count]);
	return s->reset_works;
}

void model_sink_begin(struct model_sink *s, struct choices *in, bool keeps_zero)
{
	unsigned how = choice_u8(in);

	*s = (struct model_sink){
		.sink = {.name = "model",
			 .capacity = 1 + how % SINK_RANGES_MAX,
			 .in_flight_max = 1 + (how >> 6) % SINK_PENDING_MAX,
			 .keeps_zero = keeps_zero,
			 .submit = submit,
			 .poll = poll,
			 .reset = reset},
		.reset_works = true,
		.last_tag = ~0u,
	};
}
