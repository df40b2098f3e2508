/* Finds the function that an address belongs to, by bisection of the table that the build made. */

#include "kernel/base/symbols.h"

extern const char __text_start[], __text_end[];

const char *symbol_find(uintptr_t addr, size_t *offset)
{
	if (addr < (uintptr_t)__text_start || addr >= (uintptr_t)__text_end)
		return NULL;

	/* Invariant: every symbol below low starts at or before the address, every one from high on after it. */
	size_t in_text = addr - (uintptr_t)__text_start;
	size_t low = 0, high = symbol_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (symbol_table[middle].offset <= in_text)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	*offset = in_text - symbol_table[low - 1].offset;
	return symbol_names + symbol_table[low - 1].name;
}
