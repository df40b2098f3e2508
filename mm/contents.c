/* Zeroing at allocation, and the fills of DEBUG builds; see contents.h. */
#include "port/mm_port.h"

#include "mm/contents.h"

#include "lib/assert.h"
#include "mm/trace.h"

/* Between two looks at whether somebody waits. */
#define ZERO_STRETCH 16u

#define FILL_PATTERN 0xdeadf4eedeadf4eeull

/* Calls visit for the runs of frames of an owned block, each with the one state it had when it was taken; FRESH frames
 * may count as REPORTED, since of neither anything is known. */
static void for_each_run(struct mm *mm, pfn_t pfn, unsigned order, enum mm_block_bits bits, void *ctx,
			 void (*visit)(void *ctx, pfn_t pfn, uint64_t frames, unsigned state))
{
	const pfn_t end = pfn + (1ull << order);

	if (bits == BITS_STALE) {
		visit(ctx, pfn, 1ull << order, CLASS_DIRTY);
		return;
	}
	while (pfn < end) {
		uint32_t a = mm_area_of(mm, pfn);
		const struct mm_area *area = &mm->areas[a];
		if (area->kind != AREA_MAPPED && area->pure != CLASS_MIXED) {
			visit(ctx, pfn, AREA_FRAMES, area->pure);
			pfn += AREA_FRAMES;
			continue;
		}
		const struct mm_word *word = mm_word_of(mm, a, pfn);
		unsigned bit = pfn % 64;
		unsigned left = end - pfn < 64 - bit ? (unsigned)(end - pfn) : 64 - bit;
		unsigned state = (unsigned)(((word->zero >> bit) & 1) | ((word->reported >> bit) & 1) << 1);
		uint64_t differ = (word->zero ^ ((state & 1) != 0 ? ~0ull : 0)) |
				  (word->reported ^ ((state & 2) != 0 ? ~0ull : 0));
		differ >>= bit;
		unsigned n = differ == 0 || bit_first(differ) > left ? left : bit_first(differ);
		visit(ctx, pfn, n, state);
		pfn += n;
	}
}

/* How mm_port zeroes a stretch, hot or cold. */
typedef void store_fn(pfn_t pfn, size_t frames);

static void store(pfn_t pfn, uint64_t frames, store_fn *zero)
{
	while (frames != 0) {
		uint64_t n = frames < ZERO_STRETCH ? frames : ZERO_STRETCH;
		zero(pfn, n);
		pfn += n;
		frames -= n;
		if (frames != 0 && mm_port_should_yield())
			mm_port_relax();
	}
}

void contents_store_zero(pfn_t pfn, uint64_t count)
{
	store(pfn, count, mm_port_zero_cold);
	mm_port_zero_fence();
}

struct zeroing {
	store_fn *zero;
	uint64_t known, stored;
};

static void zero_run(void *ctx, pfn_t pfn, uint64_t frames, unsigned state)
{
	struct zeroing *z = ctx;

	if ((state & 1) != 0) {
		z->known += frames;
		return;
	}
	z->stored += frames;
	store(pfn, frames, z->zero);
}

/* Frames that are zeroed by allocations until one of them is timed; the time of all those is made of what it took. A
 * look at the clock costs as much as the rest of a call that takes a frame from the cache. */
#define TIMED_FRAMES 64u

void contents_make_zero(struct mm *mm, pfn_t pfn, unsigned order, bool hot, enum mm_block_bits bits)
{
	struct mm_cpu *cpu = mm_this_cpu(mm);
	struct zeroing z = {.zero = hot ? mm_port_zero_hot : mm_port_zero_cold};
	const bool timed = cpu->untimed_frames + (1ull << order) >= TIMED_FRAMES;

	const uint64_t since = timed ? mm_port_now_ns() : 0;
	if (order == 0) /* isn't known to be zero, or we weren't here */
		zero_run(&z, pfn, 1, CLASS_DIRTY);
	else
		for_each_run(mm, pfn, order, bits, &z, zero_run);
	if (z.stored != 0) {
		if (!hot)
			mm_port_zero_fence();
		cpu->untimed_frames += z.stored;
		cpu->alloc_zero_frames += z.stored;
		if (timed) {
			const uint64_t ns = mm_port_now_ns() - since;
			cpu->alloc_zero_ns += ns + ns * (cpu->untimed_frames - z.stored) / z.stored;
			cpu->untimed_frames = 0;
		}
		if (TRACING)
			trace_write(mm,
				    (struct trace_entry){.event = TRACE_ZERO,
							 .pfn = pfn,
							 .frames = z.stored,
							 .from = bits == BITS_TRUE ? trace_state(mm, pfn, 1ull << order)
										   : MM_STATE_DIRTY,
							 .to = MM_STATE_ALLOCATED});
	}
	cpu->hit_frames += z.known;
	cpu->miss_frames += z.stored;
}

static void count_run(void *ctx, pfn_t pfn, uint64_t frames, unsigned state)
{
	(void)pfn;
	if ((state & 1) != 0)
		*(uint64_t *)ctx += frames;
}

uint64_t contents_count_zero(struct mm *mm, pfn_t pfn, unsigned order)
{
	uint64_t n = 0;

	for_each_run(mm, pfn, order, BITS_TRUE, &n, count_run);
	return n;
}

void contents_fill(pfn_t pfn, uint64_t count)
{
	uint64_t *at = mm_port_frame(pfn);

	for (uint64_t i = 0; i < count * FRAME_SIZE / sizeof(*at); i++)
		at[i] = FILL_PATTERN;
}

static void expect(pfn_t pfn, uint64_t frames, uint64_t pattern, const char *what)
{
	const uint64_t *at = mm_port_frame(pfn);

	for (uint64_t i = 0; i < frames * FRAME_SIZE / sizeof(*at); i++)
		if (unlikely(at[i] != pattern))
			mm_port_panic("mm: %s frame 0x%llx has 0x%llx at byte 0x%llx", what,
				      (unsigned long long)(pfn + i * sizeof(*at) / FRAME_SIZE),
				      (unsigned long long)at[i], (unsigned long long)(i * sizeof(*at) % FRAME_SIZE));
}

static void check_run(void *ctx, pfn_t pfn, uint64_t frames, unsigned state)
{
	(void)ctx;
	if (state == CLASS_ZERO || state == CLASS_REPORTED_ZERO)
		expect(pfn, frames, 0, "written while free and zero:");
	else if (state == CLASS_DIRTY)
		expect(pfn, frames, FILL_PATTERN, "written after it was freed:");
}

void contents_check_taken(struct mm *mm, pfn_t pfn, unsigned order, enum mm_block_bits bits)
{
	for_each_run(mm, pfn, order, bits, NULL, check_run);
}

void contents_check_zero(pfn_t pfn, unsigned order)
{
	expect(pfn, 1ull << order, 0, "not zero though asked for as zero:");
}
