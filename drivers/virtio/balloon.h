/* The memory balloon device, so far as it takes reports of free memory (virtio 1.2, section 5.5, "Traditional Memory
 * Balloon Device", above all 5.5.6.7 "Free Page Reporting"). It is mm/report's sink.
 *
 * A report is a chain of device-writable descriptors, one for each range. The device may drop the ranges' contents, and
 * then uses the chain; QEMU ignores what isn't aligned to its own page size and doesn't say so.
 *
 * Features accepted
 *   PAGE_REPORTING   required
 *   STATS_VQ         so that the queues are numbered as expected; the device gets the buffer of statistics that it
 *                    must then have, renewed when poll finds it used
 *   FREE_PAGE_HINT   for the numbering as well; the device's command ids aren't followed, so no hint is ever given
 *   PAGE_POISON      with the knob report.poison on: poison_val is 0, so only zeroed memory may be reported, and the
 *                    device may not make anything else of it (5.5.6.6, 5.5.6.7): the sink keeps zero. Where the device
 *                    doesn't offer it, or its poison_val can't be made 0, all is as with the knob off (logged)
 * and refused
 *   PAGE_POISON      otherwise: then reported memory has undefined contents afterwards (5.5.6.7.1). QEMU knows the
 *                    value of a driver that accepts it, and drops nothing unless it is 0; without the feature it
 *                    stays 0
 *   MUST_TELL_HOST, DEFLATE_ON_OOM   nothing is inflated yet, so there is nothing to tell and nothing to deflate
 *   EVENT_IDX, INDIRECT_DESC and others: unused
 *
 * Which queue reports  The specification says 4. QEMU counts the queues that it has: 4 with free-page-hint, else 3.
 *   Others count what was negotiated. With both queue-bearing features accepted where offered, the last two agree;
 *   queue 4 is preferred if it exists at all, since no known device has a queue 4 that is something else.
 * More than one  mm/report takes one reporter. A balloon that finds one there already is bound none the less, but sets
 *   no reporting queue up (logged: who serves reporting) and accepts no PAGE_POISON; its statistics are renewed when
 *   the reporter's are, if that is a balloon. It doesn't take over when the reporter goes off: then its statistics stay
 *   as they are. (QEMU 7.2 has one balloon at most.)
 * Interrupts  are switched off; mm/report polls the sink, often while something is in flight.
 * Memory  A frame for each queue's rings, and none of them is freed before the device's status read 0 after a reset.
 * Errors  A device that breaks the ring's rules, says that it has failed, or doesn't answer, when mm/report asks for
 *   it, is reset and brought up again, once; the next time it is left off until balloon_restart. One that fails while
 *   it is brought up first is left off for good.
 * The host's target (num_pages)  isn't obeyed: nothing is inflated. It is looked at ten times a second at most,
 *   whenever mm/report polls; each change is logged, balloon.target_frames and report_status have the newest.
 * Locks  none of its own: mm/report never calls a sink twice at once.
 */
#pragma once

#include "drivers/pci.h"
#include "lib/types.h"

struct mm;

struct balloon; /* balloon_parts.h */

/* Whether f is a balloon: 1af4:1002 (transitional, of which the modern interface is used) or 1af4:1045. */
bool balloon_match(const struct pci_function *f);

/* Brings the device up and registers it as mm's reporter, unless there is one. b must stay valid for ever.
 * Returns 0; -1 (logged) when it can't be used: then b holds nothing, unless the device never finished its reset. */
int balloon_start(struct balloon *b, struct mm *mm, const struct pci_function *f);

/* Takes the balloon that reports, or did, down and brings it up anew; it may fail once more then. By a thread; it may
 * wait for report.timeout_ms and a second. Returns 0; -1 (logged) when there has been none, another reports, or the
 * device fails. */
int balloon_restart(void);
