/* What zeroing cost and what it saved. Everything is counted in frames and in ns where it happens, per CPU; here it is
 * added up and weighed.
 *
 * Saved is what the hits would have cost as misses. The price of a miss is what allocations were seen to pay for a
 * frame, or, before enough did, what everybody paid together. Spent is what the idle loop and frees took, used or not:
 * so waste shows as a loss.
 */
#include "lib/table.h"
#include "mm/state.h"
#include "mm/zero.h"

/* So many frames zeroed by allocations make a price; a few of them might all have been touched for the first time,
 * which costs far more on memory that the host doesn't back yet. */
#define ENOUGH_FRAMES 1024u

void zero_ledger(struct mm *mm, struct zero_ledger *out)
{
	struct zero_ledger l = {
		.idle_frames = mm->zero_engine.idle_frames,
		.idle_ns = mm->zero_engine.idle_ns,
	};

	for (unsigned i = 0; i < mm->cpu_count; i++) {
		const struct mm_cpu *cpu = &mm->cpu[i];
		l.alloc_frames += cpu->alloc_zero_frames;
		l.alloc_ns += cpu->alloc_zero_ns;
		l.free_frames += cpu->free_zero_frames;
		l.free_ns += cpu->free_zero_ns;
		l.hit_frames += cpu->hit_frames;
		l.miss_frames += cpu->miss_frames;
		l.wasted_frames += cpu->wasted_frames;
	}
	l.spent_ns = l.idle_ns + l.free_ns;
	const bool enough = l.alloc_frames >= ENOUGH_FRAMES;
	uint64_t ns = enough ? l.alloc_ns : l.alloc_ns + l.spent_ns;
	uint64_t frames = enough ? l.alloc_frames : l.alloc_frames + l.idle_frames + l.free_frames;
	if (frames != 0) /* a quotient of 1/256 ns first: neither step overflows within years */
		l.saved_ns = l.hit_frames * (ns * 256 / frames) / 256;
	*out = l;
}

#define LEDGER_STAT(field, name, unit, help) \
	static uint64_t ledger_##field(void) \
	{                                    \
		struct zero_ledger l;        \
		zero_ledger(&mm_system, &l); \
		return l.field;              \
	}                                    \
	STAT_GET(ledger_##field, name, unit, help, ledger_##field)

LEDGER_STAT(hit_frames, "zero.hit_frames", "frames", "asked for as zero, came from stock");
LEDGER_STAT(miss_frames, "zero.miss_frames", "frames", "asked for as zero, zeroed on the spot");
LEDGER_STAT(wasted_frames, "zero.wasted_frames", "frames", "zeroed in vain: given to any, or reported before use");
LEDGER_STAT(alloc_frames, "zero.alloc_frames", "frames", "zeroed by allocations");
LEDGER_STAT(alloc_ns, "zero.alloc_ns", "ns", "time allocations took for it");
LEDGER_STAT(free_frames, "zero.free_frames", "frames", "zeroed by whoever freed them");
LEDGER_STAT(free_ns, "zero.free_ns", "ns", "time frees took for it");
