/* What a call asks for: made once, where it comes in, and passed on as it is.
 */
#pragma once

#include "lib/types.h"
#include "mm/mm.h"

struct mm_request {
	unsigned order;
	bool zero;     /* the block must read as zero */
	bool hot;      /* with zero: and is touched at once */
	bool low_only; /* the block must lie below 4 GiB */
};

/* want is mm_alloc's. */
static inline struct mm_request mm_request_of(unsigned order, unsigned want)
{
	return (struct mm_request){
		.order = order,
		.zero = (want & ~MM_BELOW_4G) != MM_ANY,
		.hot = (want & ~MM_BELOW_4G) == MM_ZERO_HOT,
		.low_only = (want & MM_BELOW_4G) != 0,
	};
}
