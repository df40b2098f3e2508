/* Looks for a frame in the caches; see kept.h. */
#include "port/mm_port.h"

#include "mm/kept.h"

static bool among(const uint32_t *frames, unsigned n, pfn_t pfn)
{
	for (unsigned i = 0; i < n; i++)
		if (__atomic_load_n(&frames[i], __ATOMIC_RELAXED) == pfn)
			return true;
	return false;
}

static bool keeps(const struct mm_cpu *cpu, pfn_t pfn)
{
	return *kept_count(cpu, pfn) != 0 && (among(cpu->hot, HOT_FRAMES, pfn) || among(cpu->late, LATE_FRAMES, pfn) ||
					      among(cpu->next, NEXT_FRAMES, pfn));
}

bool kept_search(const struct mm *mm, pfn_t pfn)
{
	for (unsigned first = 0; first < mm->cpu_count; first += KEPT_CPUS) {
		if (mm->kept[first / KEPT_CPUS * KEPT_ROWS + pfn % KEPT_ROWS] == 0)
			continue;
		for (unsigned i = first; i < first + KEPT_CPUS && i < mm->cpu_count; i++)
			if (keeps(&mm->cpu[i], pfn))
				return true;
	}
	return false;
}
