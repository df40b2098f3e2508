/* A limit on how many bytes a second an engine works through: zero.rate_mbps, report.rate_mbps. MB are 10^6 bytes, 0
 * is no limit.
 *
 * due_ns is when all that was done is paid for. An engine that is ahead of that by more than a slice rests until then,
 * so pieces of any size come out exact in the long run, and small ones don't cost a wake-up each. Large ones are cut to
 * a slice where they can be, so that the short run is right too. An engine that came late by up to RATE_CREDIT_NS,
 * since the CPU was busy, makes up for it; after a longer rest it begins anew, and its first piece costs half as much
 * again: then the number of pieces done in any time is the one nearest to the limit. Within a second it is off by 6% at
 * most, or by half of a piece that can't be cut.
 *
 * A limit that has changed forgets what was done under the one before.
 */
#pragma once

#include "mm/state.h"

#define RATE_SLICE_NS  10000000u
#define RATE_CREDIT_NS 50000000u
#define RATE_MBPS_MAX  1000000u

/* The longest piece to do at once, in frames, at least 1. */
static inline uint64_t rate_slice(uint64_t mbps)
{
	return mbps == 0 ? UINT64_MAX : larger(mbps * RATE_SLICE_NS / 1000 / FRAME_SIZE, 1);
}

/* 0: the next piece may begin; otherwise when it may. */
static inline uint64_t rate_rest(struct mm_rate *r, uint64_t mbps, uint64_t now_ns)
{
	if (r->mbps != mbps)
		*r = (struct mm_rate){.mbps = mbps};
	return mbps != 0 && r->due_ns > now_ns + RATE_SLICE_NS ? r->due_ns : 0;
}

/* A piece of that many frames was done, under the limit that rate_rest was last asked with. */
static inline void rate_charge(struct mm_rate *r, uint64_t now_ns, uint64_t frames)
{
	const bool anew = now_ns > r->due_ns + RATE_CREDIT_NS;

	if (r->mbps == 0)
		return;
	const uint64_t cost_ns = frames * FRAME_SIZE * 1000 / r->mbps;
	r->due_ns = (anew ? now_ns + cost_ns / 2 : r->due_ns) + cost_ns;
}
