/* Names for code addresses, for backtraces: the kernel carries a table of its own functions.
 *
 * scripts/symbols writes the table from nm's list after a first link, then the kernel is linked again with it. Code
 * lies before the table (linker.ld), so its addresses are the same in both. The table is one run of read-only data:
 *
 *   uint32_t               symbol_count
 *   struct symbol          symbol_table[symbol_count]   by rising address
 *   char                   symbol_names[]               each NUL-terminated
 */
#pragma once

#include "lib/types.h"

struct symbol {
	uint32_t offset; /* of the function, from the start of the kernel's code */
	uint32_t name;	 /* where its name starts in symbol_names */
};

extern const uint32_t symbol_count;
extern const struct symbol symbol_table[];
extern const char symbol_names[];

/* The function whose code holds addr: its name, and through *offset how far into it addr lies. NULL, with *offset
 * left alone, when addr isn't in the kernel's code. Reads constants only: safe in a panic. */
const char *symbol_find(uintptr_t addr, size_t *offset);
