/* Benchmarks that run in the guest: rows of the table `bench`, run by the command of that name.
 *
 *   BENCH(pin, "pin", "SIZE 4k|2m|1g", "get zeroed memory under each policy", bench_pin);
 *
 * run() gets the words behind `bench`, so argv[0] is the bench's own name and cmd_args() serves it; the -j is taken out
 * already and comes as json: one JSON object a line for each row then. It returns 0, or CMD_FAILED, said why.
 */
#pragma once

#include "lib/table.h"
#include "lib/types.h"

struct bench_row {
	const char *name;
	const char *usage; /* the arguments only */
	const char *help;
	int (*run)(int argc, char **argv, bool json);
};

#define BENCH(ident, name_, usage_, help_, run_)                                     \
	static const struct bench_row bench_row_##ident = {                          \
		.name = (name_), .usage = (usage_), .help = (help_), .run = (run_)}; \
	TABLE_ADD(bench, bench_row_##ident)

TABLE_DECLARE(bench);
