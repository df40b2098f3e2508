/* What zeroing cost and what it saved. Everything is counted in frames and in ns where it happens, per CPU; here it is
 * added up and weighed.
 *
 * Saved is what the hits would have cost as misses. The price of a miss is what allocations were seen to pay for a
 * frame, or, before enough did, what everybody paid together. Spent is what the idle loop and frees took, used or not:
 * so waste shows as a loss.
 */
#include "port/mm_port.h"

#include "mm/cpu_sum.h"
#include "mm/zero.h"

/* As many frames as this, zeroed by allocations, make a price. A few might all have been touched for the first time,
 * which costs far more on memory that the host doesn't back yet. */
#define ENOUGH_FRAMES 1024u

void zero_ledger(struct mm *mm, struct zero_ledger *out)
{
	struct zero_ledger l = {
		.idle_frames = mm->zero_engine.idle_frames,
		.idle_ns = mm->zero_engine.idle_ns,
		.alloc_frames = CPU_SUM(mm, alloc_zero_frames),
		.alloc_ns = CPU_SUM(mm, alloc_zero_ns),
		.free_frames = CPU_SUM(mm, free_zero_frames),
		.free_ns = CPU_SUM(mm, free_zero_ns),
		.hit_frames = CPU_SUM(mm, hit_frames),
		.miss_frames = CPU_SUM(mm, miss_frames),
		.wasted_frames = CPU_SUM(mm, wasted_frames),
	};

	l.spent_ns = l.idle_ns + l.free_ns;
	const bool enough = l.alloc_frames >= ENOUGH_FRAMES;
	uint64_t ns = enough ? l.alloc_ns : l.alloc_ns + l.spent_ns;
	uint64_t frames = enough ? l.alloc_frames : l.alloc_frames + l.idle_frames + l.free_frames;
	if (frames != 0) /* a quotient of 1/256 ns first: neither step overflows within years */
		l.saved_ns = l.hit_frames * (ns * 256 / frames) / 256;
	*out = l;
}

TABLE_FILE(mm_ledger);

STAT_CPUS(hit_frames, "zero.hit_frames", "frames", "asked for as zero, came from stock");
STAT_CPUS(miss_frames, "zero.miss_frames", "frames", "asked for as zero, zeroed on the spot");
STAT_CPUS(wasted_frames, "zero.wasted_frames", "frames", "zeroed in vain: given to any, or reported before use");
STAT_CPUS(alloc_zero_frames, "zero.alloc_frames", "frames", "zeroed by allocations");
STAT_CPUS(alloc_zero_ns, "zero.alloc_ns", "ns", "time allocations took for it, estimated from one in 64 frames");
STAT_CPUS(free_zero_frames, "zero.free_frames", "frames", "zeroed by whoever freed them");
STAT_CPUS(free_zero_ns, "zero.free_ns", "ns", "time frees took for it");
