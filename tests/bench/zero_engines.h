/* The ways to zero memory that `bench zero` compares, in the guest and natively.
 */
#pragma once

#include "arch/x86_64/zero_stores.h"
#include "lib/types.h"

enum zero_kind { ZERO_NON_TEMPORAL, ZERO_ORDINARY };

struct zero_engine_row {
	const char *name;
	enum zero_kind kind;
	bool wants_movdir64b;
	void (*store)(void *p, size_t bytes);
};

static const struct zero_engine_row zero_engines[] = {
	{"movnti", ZERO_NON_TEMPORAL, false, zero_movnti},
	{"movntdq", ZERO_NON_TEMPORAL, false, zero_movntdq},
	{"movdir64b", ZERO_NON_TEMPORAL, true, zero_movdir64b},
	{"rep-stosq", ZERO_ORDINARY, false, zero_rep_stosq},
	{"mov", ZERO_ORDINARY, false, zero_mov},
	{"mov-line", ZERO_ORDINARY, false, zero_mov_line},
};
#define ZERO_ENGINES (sizeof(zero_engines) / sizeof(zero_engines[0]))

/* Block sizes from 4 KiB to 1 GiB, as orders. */
static const unsigned zero_orders[] = {0, 3, 6, 9, 12, 15, 18};
#define ZERO_SIZES (sizeof(zero_orders) / sizeof(zero_orders[0]))
static const char *const zero_sizes[ZERO_SIZES] = {"4k", "32k", "256k", "2m", "16m", "128m", "1g"};

/* Each is measured on so many bytes at a time, or on one block if that is larger. */
#define ZERO_STRETCH_BYTES (64ull << 20)
