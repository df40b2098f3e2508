/* Walks a table in the order of its rows' names. Rows lie in a table as the linker found them; whoever prints them
 * wants them sorted, without memory to sort into. The name is the first member of every struct that is walked so, and
 * no two rows of a table have the same. Takes time by the square of the number of rows: for what people read.
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
