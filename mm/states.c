/* What state frames are in: one frame, or how many of a range are in which.
 *
 * An area that is uniform is one addition, any other one some sums of bits, so all memory of a machine is counted in
 * the time of a walk over its areas. Frames in CPUs' caches look allocated in the bitmaps; there are few of them, and
 * they are looked for in the caches.
 */
#include "port/mm_port.h"

#include "lib/bits.h"
#include "mm/kept.h"
#include "mm/place.h"
#include "mm/timing.h"

#include <string.h>

const char *mm_state_name(enum mm_state state)
{
	static const char *const names[] = {
		[MM_STATE_UNMANAGED] = "not managed",
		[MM_STATE_ALLOCATED] = "allocated",
		[MM_STATE_CACHED] = "free (cached)",
		[MM_STATE_DIRTY] = "free (dirty)",
		[MM_STATE_ZERO] = "free (zero)",
		[MM_STATE_REPORTED] = "free (reported)",
		[MM_STATE_REPORTED_ZERO] = "free (reported, zero)",
		[MM_STATE_FRESH] = "free (fresh)",
		[MM_STATE_ISOLATED] = "isolated",
	};

	return (unsigned)state < ARRAY_LEN(names) ? names[state] : "in no known state";
}

/* The state that all frames of an area are in; not for mapped ones. */
static enum mm_state uniform_state(const struct mm_area *area)
{
	switch (area->kind) {
	case AREA_HOLE:
		return MM_STATE_UNMANAGED;
	case AREA_FREE:
		return (enum mm_state)(MM_STATE_DIRTY + area->pure);
	case AREA_CACHED:
		return MM_STATE_CACHED;
	case AREA_ISOLATED:
		return MM_STATE_ISOLATED;
	default:
		return MM_STATE_ALLOCATED;
	}
}

/* Reads without the lock: a message about a frame must not wait for the one who holds it. */
enum mm_state mm_frame_state(struct mm *mm, pfn_t pfn)
{
	if (!buddy_holds(mm, pfn))
		return MM_STATE_UNMANAGED;

	const struct mm_area *area = &mm->areas[mm_area_of(mm, pfn)];
	const struct area_bits *bits = &mm->bits[mm_area_of(mm, pfn)];
	const unsigned at = pfn % AREA_FRAMES, w = at / 64;
	const uint64_t mask = BIT(at % 64);
	const struct mm_word *word = &bits->word[w];
	if (area->kind != AREA_MAPPED)
		return uniform_state(area);
	if ((word->free & mask) != 0)
		return (enum mm_state)(MM_STATE_DIRTY + mm_mask_state(bits, w, mask));
	if ((bits->isolated[w] & mask) != 0)
		return (word->start & mask) != 0 ? MM_STATE_UNMANAGED : MM_STATE_ISOLATED;
	if (kept_holds(mm, pfn))
		return MM_STATE_CACHED;
	return MM_STATE_ALLOCATED;
}

/* The bits of word w of an area that stand for frames from <= frame < to. */
static uint64_t word_part(unsigned w, unsigned from, unsigned to)
{
	unsigned low = from > w * 64 ? from - w * 64 : 0, high = to < w * 64 + 64 ? to - w * 64 : 64;

	return bits_low(high) & ~bits_low(low);
}

/* Frames from <= frame < to of an area. */
static void count_area(const struct mm *mm, uint32_t a, unsigned from, unsigned to, uint64_t counts[MM_STATE_COUNT])
{
	const struct area_bits *bits = &mm->bits[a];

	if (mm->areas[a].kind != AREA_MAPPED) {
		counts[uniform_state(&mm->areas[a])] += to - from;
		return;
	}
	for (unsigned w = from / 64; w * 64 < to; w++) {
		const struct mm_word *word = &bits->word[w];
		uint64_t part = word_part(w, from, to), free = word->free & part;
		uint64_t zero = free & word->zero, reported = free & word->reported;
		uint64_t fresh = reported & ~zero & bits->fresh[w];
		uint64_t out = bits->isolated[w] & part & ~free, holes = out & word->start;

		counts[MM_STATE_DIRTY] += bit_count(free & ~zero & ~reported);
		counts[MM_STATE_ZERO] += bit_count(zero & ~reported);
		counts[MM_STATE_REPORTED] += bit_count(reported & ~zero & ~fresh);
		counts[MM_STATE_FRESH] += bit_count(fresh);
		counts[MM_STATE_REPORTED_ZERO] += bit_count(reported & zero);
		counts[MM_STATE_ISOLATED] += bit_count(out & ~holes);
		counts[MM_STATE_UNMANAGED] += bit_count(holes);
		counts[MM_STATE_ALLOCATED] += bit_count(part & ~free & ~out);
	}
}

/* Frames first <= pfn < end that a CPU keeps one by one: they were counted as allocated. Another CPU may put frames in
 * or take them out meanwhile, so there may be more of them here than there. */
static void count_cached(const struct mm_cpu *cpu, pfn_t first, pfn_t end, uint64_t counts[MM_STATE_COUNT])
{
	const uint32_t *const caches[] = {cpu->hot, cpu->late, cpu->next};
	static const unsigned sizes[] = {HOT_FRAMES, LATE_FRAMES, NEXT_FRAMES};

	for (size_t i = 0; i < ARRAY_LEN(caches); i++) {
		for (unsigned at = 0; at < sizes[i]; at++) {
			pfn_t pfn = __atomic_load_n(&caches[i][at], __ATOMIC_RELAXED);
			if (pfn == 0 || pfn < first || pfn >= end || counts[MM_STATE_ALLOCATED] == 0)
				continue;
			counts[MM_STATE_ALLOCATED]--;
			counts[MM_STATE_CACHED]++;
		}
	}
}

/* Frames that are counted in one hold of the lock, at most. */
#define COUNT_HOLD (128u * AREA_FRAMES)

static void count_piece(struct mm *mm, pfn_t first, pfn_t end, uint64_t counts[MM_STATE_COUNT])
{
	uint64_t here[MM_STATE_COUNT] = {0};

	mm_lock_timed(mm);
	for (pfn_t pfn = first, next; pfn < end; pfn = next) {
		pfn_t area = pfn - pfn % AREA_FRAMES;
		next = area + AREA_FRAMES < end ? area + AREA_FRAMES : end;
		if (buddy_holds(mm, pfn))
			count_area(mm, mm_area_of(mm, pfn), (unsigned)(pfn - area), (unsigned)(next - area), here);
		else
			here[MM_STATE_UNMANAGED] += next - pfn;
	}
	for (unsigned i = 0; i < mm->cpu_count; i++)
		count_cached(&mm->cpu[i], first, end, here);
	mm_unlock(mm);
	for (unsigned state = 0; state < MM_STATE_COUNT; state++)
		counts[state] += here[state];
}

void mm_count(struct mm *mm, pfn_t first, pfn_t end, uint64_t counts[MM_STATE_COUNT])
{
	const pfn_t ours = (pfn_t)mm->gib_span * GIB_FRAMES;

	memset(counts, 0, sizeof(*counts) * MM_STATE_COUNT);
	/* Beyond the last gib there is nothing to walk over, and no sum of pfns that could overflow. */
	if (first < end && end > ours) {
		counts[MM_STATE_UNMANAGED] = end - larger(first, ours);
		end = ours;
	}
	for (pfn_t next; first < end; first = next) {
		next = smaller(first - first % COUNT_HOLD + COUNT_HOLD, end);
		count_piece(mm, first, next, counts);
	}
}
