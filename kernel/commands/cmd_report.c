/* report: giving memory back to the host. */
#include <stdio.h>

#include "drivers/drivers.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/work.h"
#include "mm/mm.h"
#include "mm/report.h"

static void print_status(const struct report_status *s)
{
	static const char *const states[] = {"idle", "requested", "active"};

	iprintf("reporter    %s%s\n", s->sink ? s->sink : "none",
		s->keeps_zero ? ", which keeps zeroed memory zero" : "");
	iprintf("state       %s%s%s%s\n", states[s->state], s->paused ? ", paused" : "",
		s->short_of_memory ? ", held up since memory is short" : "",
		s->waits_for_zero ? ", waits for zeroing" : "");
	if (s->rate_mbps != 0)
		iprintf("limit       %10lu MB/s\n", s->rate_mbps);
	cmd_print_frames("reportable", s->reportable_frames);
	cmd_print_frames("in flight", s->in_flight_frames);
	cmd_print_frames("reported", s->reported_frames_total);
	iprintf("requests    %10lu, %lu of them in flight\n", s->requests, s->in_flight_requests);
	iprintf("errors      %10lu\n", s->errors);
	iprintf("timeouts    %10lu\n", s->timeouts);
	iprintf("waits       %10lu allocations that waited for an answer\n", s->waits);
	if (s->target_frames != 0)
		iprintf("asked for   %10lu frames by the host, which is not obeyed\n", s->target_frames);
}

static void work_look(struct work *out)
{
	struct report_status s;
	bool done = report_is_done(&mm_system);

	report_status(&mm_system, &s);
	*out = (struct work){.done = done,
			     .paused = s.paused,
			     .short_of_memory = s.short_of_memory,
			     .left_frames = s.reportable_frames + s.in_flight_frames,
			     .under_way_frames = s.in_flight_frames,
			     .after = s.waits_for_zero ? "zero" : NULL,
			     .by = s.sink};
}

static void work_now(void)
{
	report_now(&mm_system);
}

static void work_pause(void)
{
	report_pause(&mm_system);
}

static void work_resume(void)
{
	report_resume(&mm_system);
}

WORK(report, .name = "report", .what = "reporting", .look = work_look, .now = work_now, .pause = work_pause,
     .resume = work_resume);

static int restart(void)
{
	if (drivers_restart() != 0)
		return 0;
	iprintf("report: no balloon could be brought up, `log` says why; one that failed at boot isn't tried again\n");
	return CMD_FAILED;
}

static int cmd_report(int argc, char **argv)
{
	static const char *const verbs[] = {"status", "now", "pause", "resume", "restart", NULL};
	struct report_status status;
	int count = cmd_args(argc, argv, NULL, "status, now, pause, resume or restart", 0, 1);
	if (count == CMD_FAILED)
		return CMD_FAILED;
	int verb = count == 0 ? 0 : cmd_choice(argv[0], argv[1], verbs);
	if (verb == CMD_FAILED)
		return CMD_FAILED;

	report_status(&mm_system, &status);
	if (verb == 0) {
		print_status(&status);
	} else if (verb == 1) {
		if (!status.sink) {
			iprintf("report: there is no reporter, a balloon device with free page reporting is one\n");
			return CMD_FAILED;
		}
		work_now();
	} else if (verb == 2) {
		work_pause();
	} else if (verb == 3) {
		work_resume();
	} else {
		return restart();
	}
	return 0;
}

CMD(report, "report", "[status|now|pause|resume|restart]",
    "giving memory to the host: its state; all of it now; stop; go on; the balloon anew", cmd_report);
