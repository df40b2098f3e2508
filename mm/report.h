/* Tells a host which free memory it needn't back: the policy over the page processor that reports, and the sink that
 * carries the ranges away. mm/ knows no device; a driver registers.
 *
 * Knobs: report.order, report.delay_ms, report.batch, report.reserve_pct, report.timeout_ms, report.poison,
 * report.rate_mbps. Preset: linux.
 */
#pragma once

#include "lib/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mm;

/* One block that the host may drop. */
struct report_range {
	pfn_t pfn;
	uint64_t frames;
};

/* A reporter. All calls come from report_step and report_unregister below, or from a call of mm.h's that waits, never
 * nested, never with mm's lock held. They may call report_done, mm_alloc and mm_free; a mm_alloc that would have to
 * wait for this very sink fails after report.timeout_ms.
 *
 * capacity  how many ranges one submit may carry (what fits the ring in one chain). A sink that has gone off for good
 *           sets it to 0: the next report_step that finds nothing in flight takes it out, as by report_unregister.
 * in_flight_max  how many submits may be under way at once, at least 1
 * keeps_zero  the host promised that what was zero stays zero, and wants nothing else: only blocks of which every frame
 *           is ZERO are submitted, and they come back REPORTED+ZERO. Otherwise contents are undefined after a report.
 *           Doesn't change while registered.
 * submit    starts the report of count <= capacity ranges; tag comes back through report_done. Returns 0, or -1 when it
 *           can't be done now or ever: the batch goes back unreported and counts as an error. ranges is the caller's
 *           and gone after the call. After an error (this, or a report_done that failed) nothing is submitted for
 *           report.delay_ms, at least 100 ms, and twice as long each time, up to 10 s; report_now and report_resume
 *           end that, and so does a report that succeeds.
 * poll      looks whether the device has answered, and calls report_done for each answer. Cheap when it hasn't. Called
 *           now and then with nothing in flight as well: a device may want other things.
 * reset     the device didn't answer within report.timeout_ms: take it back. On return (true) the device can't touch
 *           any range any more, and all that was in flight is forgotten; false: still not sure, called again later.
 *           A sink may come up again by itself, in poll: it is polled before more is submitted.
 * target_frames  how many frames the host wants to have for good, for report_status; the sink's to change. */
struct report_sink {
	const char *name;
	struct mm *mm; /* set by report_register */
	unsigned capacity;
	unsigned in_flight_max;
	bool keeps_zero;
	uint32_t target_frames;
	int (*submit)(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag);
	void (*poll)(struct report_sink *sink);
	bool (*reset)(struct report_sink *sink);
};

/* Whether a sink is to see to it that zero stays zero, if its host can: what the knob report.poison was set to. The
 * knob itself says what is in force: off once a sink of mm_system's has registered that doesn't, or was taken out. */
bool report_wants_zero_kept(void);

/* Whoever could have become the reporter at boot has tried: where there is none, nothing is in force either. */
void report_settle(struct mm *mm);

/* Makes sink the reporter. Returns 0, or -1 when there is one already (logged, named). The sink must stay valid until
 * report_unregister. */
int report_register(struct mm *mm, struct report_sink *sink);

/* Takes the reporter out: waits for what is in flight, for report.timeout_ms at most, then resets; and for other CPUs
 * that are in report_step, so that on return 0 nobody calls the sink any more. -1 when sink isn't the one registered,
 * when its reset doesn't succeed, or somebody doesn't come out of it within report.timeout_ms: then it stays, with what
 * it has in flight. Not to be called by the sink. */
int report_unregister(struct mm *mm, struct report_sink *sink);

/* The sink's answer to submit(tag): ok, the host dropped the ranges (or ignored them: it needn't say); failed, they
 * stay as they were. An unknown tag is logged and ignored. */
enum report_answer { REPORT_FAILED, REPORT_OK };
void report_done(struct report_sink *sink, unsigned tag, bool ok);

enum report_state {
	REPORT_IDLE,	  /* nothing to report, or no reporter */
	REPORT_REQUESTED, /* there is; waits for report.delay_ms */
	REPORT_ACTIVE,	  /* batches are being made or are in flight */
};

/* One step of the reporting thread: polls, times out, submits. Returns when it wants to be called again at the latest,
 * on mm_port_now_ns()'s clock; UINT64_MAX: there is no reporter, report_wake_hook tells of one. */
uint64_t report_step(struct mm *mm);

/* Called (if not NULL) when there may be something to report after a quiet time: wakes the reporting thread. Any
 * context but interrupts. */
extern void (*report_wake_hook)(struct mm *mm);

/* True when nothing is in flight and there is nothing left that may be reported, or there is no reporter. While
 * reporting is paused, or the reporter refuses what it is given, or what is left must be zeroed first and zeroing is
 * paused, that isn't so as long as there is something. Want of memory (below the low watermark) leaves nothing but what
 * report_now asked for. */
bool report_is_done(struct mm *mm);

/* Reports now: no delay, no reserve, no marks, but within report.rate_mbps, until as much as is free now and not
 * reported has gone, or there is nothing left of at least report.order. What fails (declined, refused, timed out)
 * hasn't gone. What is freed or zeroed meanwhile doesn't make it go on for ever. It ends zero_now, and does no more
 * than that where there is no reporter. Asks for it; report_step does it. */
void report_now(struct mm *mm);
void report_pause(struct mm *mm);
void report_resume(struct mm *mm);

struct report_status {
	const char *sink; /* NULL: none */
	enum report_state state;
	uint64_t rate_mbps; /* 0: no limit */
	bool paused;
	bool keeps_zero;      /* the sink does */
	bool waits_for_zero;  /* all that is left must become zero first */
	bool short_of_memory; /* below the low watermark: nothing is reported */
	uint64_t in_flight_requests;
	uint64_t in_flight_frames;
	uint64_t reportable_frames; /* free, unreported, above reserve and goal; 0: no block that may be reported */
	uint64_t reported_frames_total;
	uint64_t requests;
	uint64_t errors;
	uint64_t timeouts;
	uint64_t waits;		/* allocations that waited for an answer */
	uint64_t target_frames; /* that the host wants to have for good, which nobody gives it */
};
void report_status(struct mm *mm, struct report_status *out);

#ifdef __cplusplus
}
#endif
