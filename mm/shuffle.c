/* Switching random places on and off; see shuffle.h. */
#include "port/mm_port.h"

#include "mm/shuffle.h"

#include "lib/table.h"
#include "mm/timing.h"
#include "mm/trace.h"

static uint64_t shuffle_knob, seed_knob;

void mm_shuffle(struct mm *mm, bool on, uint64_t seed)
{
	while (seed == 0) /* the port may take its time */
		seed = mm_port_random();
	mm_lock(mm);
	mm->shuffled = on;
	mm->quick_orders = on || TRACING ? 0 : WORD_ORDERS;
	mm->shuffle_state = seed;
	mm_unlock(mm);
}

void shuffle_init(struct mm *mm)
{
	mm_shuffle(mm, shuffle_knob != 0, seed_knob);
}

static void changed(void)
{
	shuffle_init(&mm_system);
}

static const char *const choices[] = {"off", "on", NULL};

KNOB_CHOICE(mm_shuffle, choices, .name = "mm.shuffle", .unit = "", .value = &shuffle_knob, .changed = changed,
	    .help = "blocks come from random places among equally good ones");
KNOB(mm_shuffle_seed, .name = "mm.shuffle_seed", .unit = "", .max = UINT64_MAX,
     .help = "what mm.shuffle starts from; 0 is another seed each time", .value = &seed_knob, .changed = changed);

void shuffle_pfns(struct mm *mm, pfn_t *pfns, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t other = (size_t)shuffle_below(mm, i);
		pfn_t pfn = pfns[i - 1];
		pfns[i - 1] = pfns[other];
		pfns[other] = pfn;
	}
}
