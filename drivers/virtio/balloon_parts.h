/* The insides of the balloon's driver, for its files and for tests. balloon.c, which brings the device up and takes it
 * down, uses the others; balloon_report.c uses balloon_stats.c; never the other way round.
 *
 * Key: drivers/drivers.h. The user of all balloons is whoever is inside mm/report.
 */
#pragma once

#include "drivers/virtio/balloon.h"
#include "drivers/virtio/virtio_pci.h"
#include "drivers/virtio/virtio_queue.h"
#include "drivers/virtio/virtqueue.h"
#include "lib/types.h"
#include "mm/report.h"

/* 5.5.3 Feature bits */
#define BALLOON_STATS_VQ       (1ull << 1)
#define BALLOON_FREE_PAGE_HINT (1ull << 3)
#define BALLOON_PAGE_POISON    (1ull << 4)
#define BALLOON_PAGE_REPORTING (1ull << 5)

/* 5.5.2 Virtqueues; 0 and 1, for inflating and deflating, stay switched off */
#define BALLOON_QUEUE_STATS	2u
#define BALLOON_QUEUE_REPORTING 4u

#define BALLOON_REQUESTS_MAX 2u /* so that the device always has the next one before it has done the last */

enum balloon_state {
	BALLOON_OFF, /* has no memory of ours */
	BALLOON_LIVE,
	BALLOON_STUCK, /* was told to reset and hasn't: may still touch rings and what is in flight */
};

struct balloon {
	struct report_sink sink;  /* (U) its capacity stays 0 where another is the reporter */
	enum balloon_state state; /* (U) */
	struct virtio_pci pci;	  /* by their fields, as the queues */
	struct virtio_queue reporting, stats;
	bool stats_used;   /* (C) STATS_VQ was negotiated */
	bool answered;	   /* (U) it has answered a report since it was brought up */
	bool restart_left; /* (U) when it fails it is brought up again by itself, once */
	bool told;	   /* (U) it is taken down by balloon_restart */
	bool failed;	   /* (U) it said so (DEVICE_NEEDS_RESET) */
	uint64_t watch_ns; /* (U) when it is looked after next */
	struct balloon_request {
		unsigned tag;	 /* (U) */
		unsigned chains; /* (U) not answered yet; 0: the request is free */
	} requests[BALLOON_REQUESTS_MAX];
	struct balloon *next; /* (A) of those that the reporter polls beside itself */
};

/* What the driver counts, over all balloons: the counters "balloon...". */
struct balloon_counters {
	uint64_t requests;	/* (U) */
	uint64_t answers;	/* (U) */
	uint64_t chains;	/* (U) */
	uint64_t notifications; /* (U) */
	uint64_t stats_buffers; /* (U) */
	uint64_t broken_queues; /* (U) */
	uint64_t resets;	/* (U) */
	uint64_t restarts;	/* (U) */
	uint64_t target_frames; /* (U) */
};
extern struct balloon_counters balloon_counters; /* by their fields */

/* virtq_kick and virtq_take, counted. written is of no use here: QEMU always says 0. */
void balloon_kick(struct virtqueue *q);
int balloon_take(struct virtqueue *q, uint32_t *token);

/* --- balloon_stats.c: what the host is told of memory --- */

/* Sets the queue up, with the one buffer in it that the device keeps until it wants fresh figures. It has to be
 * notified once the device is live. Returns 0, or -1 (logged). */
int balloon_stats_start(struct balloon *b);

/* Renews the figures if the device has used them. */
void balloon_stats_poll(struct balloon *b);

/* --- balloon_report.c: what is free goes to the host --- */

/* Sets the queue up, and says in the sink how much fits it. Returns 0, or -1 (logged). */
int balloon_report_start(struct balloon *b);

/* The sink's. */
int balloon_report_submit(struct report_sink *sink, const struct report_range *ranges, unsigned count, unsigned tag);

/* Takes the device's answers. What is in flight when the queue breaks stays in flight. */
void balloon_report_poll(struct balloon *b);

/* Whether nothing is in flight. */
bool balloon_report_idle(const struct balloon *b);

/* After a reset: nothing is in flight any more. */
void balloon_report_forget(struct balloon *b);

/* --- balloon_watch.c: what the device says without being asked --- */

/* Reads the host's target, while it is brought up. */
void balloon_watch_start(struct balloon *b);

/* Ten times a second at most: whether the device is well, and, said when it has changed, what the host's target is.
 * False: it has failed and wants to be reset. */
bool balloon_watch(struct balloon *b);
