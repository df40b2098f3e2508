/* The plug for the project's own allocator, with its per-CPU cache off (nought), on (nought-hot), and off with random
 * places (nought-shuf).
 *
 * It manages memory that starts at 4 GiB, so that frame 0 and the limit below 4 GiB stay out of the figures, and takes
 * its lock itself. Nothing here asks for zeroed memory: no frame is touched.
 */
#include <stdio.h>

#include "mm/mm.h"
#include "mm/state.h"
#include "tests/bench/native/plug.h"

#define BASE MM_PFN_4G

struct nought {
	struct mm mm;
	void *meta;
	size_t meta_bytes;
};

enum { WITH_CACHE = 1, SHUFFLED = 2 };

static struct nought *open_with(size_t frames, unsigned how)
{
	struct mm_range range = {.start = BASE, .end = BASE + frames, .fresh = MM_FRESH_DIRTY};
	struct nought *n = plug_map(sizeof(*n));
	n->meta_bytes = mm_meta_bytes(&range, 1);
	n->meta = plug_map(n->meta_bytes);
	if (mm_init(&n->mm, &range, 1, n->meta, n->meta_bytes))
		return NULL;
	mm_cache_enable(&n->mm, how & WITH_CACHE);
	mm_shuffle(&n->mm, how & SHUFFLED, 1);
	return n;
}

static void *open_cold(size_t frames)
{
	return open_with(frames, 0);
}

static void *open_hot(size_t frames)
{
	return open_with(frames, WITH_CACHE);
}

static void *open_shuffled(size_t frames)
{
	return open_with(frames, SHUFFLED);
}

static void nought_close(void *self)
{
	struct nought *n = self;
	plug_unmap(n->meta, n->meta_bytes);
	plug_unmap(n, sizeof(*n));
}

static uint64_t nought_alloc(void *self, unsigned order)
{
	struct nought *n = self;
	pfn_t pfn = mm_alloc(&n->mm, order, MM_ANY);
	return pfn == MM_PFN_NONE ? PLUG_NONE : pfn - BASE;
}

static void nought_free(void *self, uint64_t pfn, unsigned order)
{
	struct nought *n = self;
	mm_free(&n->mm, BASE + pfn, order);
}

static void nought_set_cpu(unsigned cpu)
{
	host_cpu = cpu;
}

static void nought_drain(void *self)
{
	struct nought *n = self;
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		nought_set_cpu(cpu);
		mm_drain(&n->mm);
	}
	nought_set_cpu(0);
}

/* The memory that scales with the machine, and the struct that doesn't. */
static size_t nought_meta_bytes(void *self)
{
	struct nought *n = self;
	return n->meta_bytes + sizeof(n->mm);
}

static bool nought_verify(void *self)
{
	struct nought *n = self;
	return mm_check(&n->mm);
}

#define NOUGHT(ident, name_, what_, open_)       \
	const struct plug plug_##ident = {       \
		.name = (name_),                 \
		.what = (what_),                 \
		.max_order = MM_ORDER_MAX,       \
		.locks = true,                   \
		.open = (open_),                 \
		.close = nought_close,           \
		.alloc = nought_alloc,           \
		.free = nought_free,             \
		.set_cpu = nought_set_cpu,       \
		.drain = nought_drain,           \
		.meta_bytes = nought_meta_bytes, \
		.verify = nought_verify,         \
	}

NOUGHT(nought, "nought", "mm/, its lock taken, per-CPU cache off", open_cold);
NOUGHT(nought_hot, "nought-hot", "mm/, its lock taken, per-CPU cache on", open_hot);
NOUGHT(nought_shuf, "nought-shuf", "mm/, its lock taken, per-CPU cache off, mm.shuffle on", open_shuffled);
