/* A look for what report.poison wants zeroed and no list names: an area lists a mixed run only where that is larger
 * than its runs of one state (mm/index.h), so a dirty block hides in an area that has a zero one as large. Mostly that
 * is the stock.
 *
 * Which blocks those are isn't looked for, which would be a walk over frames: areas partly in use that have a zero run
 * of the order, and something dirty beside. Zeroed, that either completes a block, or takes the place in stock of a
 * zero block, which can be reported then; there is less of it each time.
 */
#pragma once

#include "mm/state.h"

/* Such an area, or AREA_NONE. Looks at UNZEROED_GIBS gibs at most, from where the look before ended, so on a larger
 * machine several looks go once around. The lock is held. */
#define UNZEROED_GIBS 256u
uint32_t mm_unzeroed_find(struct mm *mm, unsigned order);
