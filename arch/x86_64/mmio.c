/* Device registers, mapped where asked for.
 *
 * Addresses are given out upwards and never taken back. What is mapped is remembered, so that a driver which asks again
 * gets the same address.
 */
#include "arch/x86_64/paging.h"
#include "lib/bits.h"

#define MMIO_END PAGING_STACKS_BASE

struct mapping {
	paddr_t start;
	paddr_t end;
	uint64_t va;
};

/* A frame of them. However many there are none is forgotten: what is mapped again would take more tables each time. */
struct mappings {
	struct mappings *next;
	uint64_t count;
	struct mapping mapping[(FRAME_SIZE - 2 * sizeof(uint64_t)) / sizeof(struct mapping)];
};
_Static_assert(sizeof(struct mappings) <= FRAME_SIZE, "is one frame");

static struct mappings first;
static struct mappings *last = &first;
static uint64_t next_va = PAGING_MMIO_BASE;

static const struct mapping *find(paddr_t start, paddr_t end)
{
	for (const struct mappings *m = &first; m; m = m->next)
		for (uint64_t i = 0; i < m->count; i++)
			if (m->mapping[i].start <= start && end <= m->mapping[i].end)
				return &m->mapping[i];
	return NULL;
}

/* For one more; NULL: no memory. */
static struct mapping *room(void)
{
	if (last->count == ARRAY_LEN(last->mapping)) {
		const paddr_t frame = paging_alloc_frame();
		struct mappings *more = phys_to_virt(frame);

		if (!frame)
			return NULL;
		more->next = NULL;
		more->count = 0;
		last->next = more;
		last = more;
	}
	return &last->mapping[last->count];
}

void *mmio_map(paddr_t paddr, size_t bytes)
{
	paddr_t limit = paging_paddr_limit();

	if (bytes == 0 || paddr >= limit || bytes > limit - paddr)
		return NULL;
	const struct mapping *known = find(paddr, paddr + bytes);
	if (known)
		return (void *)(uintptr_t)(known->va + (paddr - known->start));
	struct mapping *fresh = room();
	if (!fresh)
		return NULL;

	paddr_t start = align_down(paddr, FRAME_SIZE);
	paddr_t end = align_up(paddr + bytes, FRAME_SIZE);
	/* As far from a 1 GiB boundary as paddr is, so that a large window (ECAM's 256 MiB) gets large pages. */
	uint64_t va = align_up(next_va, GIB) + start % GIB;
	if (end - start < 2 * MIB)
		va = next_va;
	if (end - start > MMIO_END - va || paging_map(va, start, end - start, PAGING_WRITE | PAGING_DEVICE) < 0)
		return NULL;
	next_va = va + (end - start) + FRAME_SIZE; /* a hole, so that running over the end faults */
	*fresh = (struct mapping){start, end, va};
	last->count++;
	return (void *)(uintptr_t)(va + (paddr - start));
}
