/* Lists of frames that are as long as memory is large: drains and fills keep what they got in one. */
#include "tests/bench/guest/guest.h"

#include <stdio.h>
#include <string.h>

#include "port/mm_port.h"

bool list_make(struct list *l, uint64_t capacity)
{
	l->blocks = 0;
	uint64_t blocks = (capacity + LIST_BLOCK_ENTRIES - 1) / LIST_BLOCK_ENTRIES;
	for (uint64_t i = 0; i < blocks; i++) {
		pfn_t pfn = i < LIST_BLOCKS ? mm_alloc(&mm_system, MM_ORDER_AREA, MM_ANY) : MM_PFN_NONE;
		if (pfn == MM_PFN_NONE) {
			iprintf("bench: no memory for a list of %llu blocks\n", (unsigned long long)capacity);
			list_drop(l);
			return false;
		}
		l->pfn[i] = pfn;
		l->block[i] = mm_port_frame(pfn);
		memset(l->block[i], 0, 2 * MIB);
		l->blocks++;
	}
	return true;
}

void list_drop(struct list *l)
{
	while (l->blocks)
		mm_free(&mm_system, l->pfn[--l->blocks], MM_ORDER_AREA);
}
