/* The machine under mm/ when it runs in a host test: memory, clock, wake-ups, log, all of them at the test's command.
 *
 * The runner calls host_reset() before each test: memory unbacked, clock driven by the test from 1 s on, no hooks,
 * counters 0, log empty.
 */
#pragma once

#include "lib/types.h"
#include "port/mm_port.h"

#define HOST_FRAMES ((pfn_t)1 << 24) /* 64 GiB of address space, backed where it is touched */

struct host_counts {
	uint64_t calls; /* of all port functions that are counted below */
	uint64_t zero_cold_calls, zero_cold_frames;
	uint64_t zero_hot_calls, zero_hot_frames;
	uint64_t zero_calls_locked; /* zeroing with host_lock_watch held */
	uint64_t fences;
	uint64_t relaxes;
	uint64_t yields; /* mm_port_should_yield asked */
	uint64_t clock_reads;
};
extern struct host_counts host_counts;

void host_reset(void);

/* Called after the port call was counted, before it acts. what: "cold", "hot", "fence", "yield", "relax",
 * "random". NULL: none.
 * pfn and frames are 0 where there are none. */
extern void (*host_hook)(const char *what, pfn_t pfn, size_t frames);

/* What mm_port_should_yield says; NULL: no wake-up is ever due. */
extern bool (*host_should_yield)(void);

/* What a panic does with its message before the program aborts, NULL: nothing. The test runner leaves the test. */
extern void (*host_panic)(const char *message);

/* The lock that zeroing must not be called with, or NULL. */
extern struct mm_lock *host_lock_watch;

/* How often mm/ zeroed the frame since host_reset. */
unsigned host_zeroed(pfn_t pfn);

/* How many of the frames the host backs: a read of a frame that was never written counts too. */
size_t host_resident(pfn_t pfn, size_t frames);

/* The clock. Driven: stands still but for these and for mm_port_relax, which takes 1 us. */
void host_time_set(uint64_t ns);
void host_time_advance(uint64_t ns);
void host_time_real(void);

/* All that was logged since host_reset (the newest 64 KiB), and whether text is in it. */
const char *host_log(void);
bool host_log_has(const char *text);
void host_log_clear(void);
