/* Tables in the order of their rows' names. */
#include "kernel/shell/sorted.h"

#include <string.h>

static const char *name_of(const void *row)
{
	return *(const char *const *)row;
}

const void *sorted_next(const void *const *start, const void *const *stop, const char *after)
{
	const void *next = NULL;
	for (const void *const *at = start; at < stop; at++) {
		if (after && strcmp(name_of(*at), after) <= 0)
			continue;
		if (!next || strcmp(name_of(*at), name_of(next)) < 0)
			next = *at;
	}
	return next;
}

const void *sorted_find(const void *const *start, const void *const *stop, const char *name)
{
	for (const void *const *at = start; at < stop; at++)
		if (strcmp(name_of(*at), name) == 0)
			return *at;
	return NULL;
}
