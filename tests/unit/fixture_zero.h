/* Zeroing in the allocator of a test's fixture. Who includes this needs zeroing to be built in.
 */
#pragma once

#include "mm/zero.h"
#include "tests/unit/fixture.h"

/* Calls zero_idle until it says that there is nothing to do, letting time pass where it asks for that. Returns how many
 * frames were zeroed by it. */
uint64_t fixture_idle(struct mm *mm);
