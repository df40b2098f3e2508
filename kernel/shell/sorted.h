/* Walks a table in the order of its rows' names. Rows lie in a table as the linker found them; whatever prints one
 * wants them sorted, without memory to sort into. Every row struct that is walked so has its name as first member, and
 * no two rows of a table the same name. Costs the square of the number of rows: for people, not for machines.
 */
#pragma once

#include "lib/table.h"

/* The row whose name comes next behind `after`, the first one if after is NULL; NULL behind the last. */
const void *sorted_next(const void *const *start, const void *const *stop, const char *after);

/* The row of that name, or NULL. */
const void *sorted_find(const void *const *start, const void *const *stop, const char *name);

#define SORTED_FOR_EACH(table, type, row)                                                           \
	for (const type *row = sorted_next(__start_table_##table, __stop_table_##table, NULL); row; \
	     row = sorted_next(__start_table_##table, __stop_table_##table, row->name))

#define TABLE_FIND(table, name) sorted_find(__start_table_##table, __stop_table_##table, name)
