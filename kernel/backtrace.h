/* Who called whom, by name.
 */
#pragma once

#include "lib/types.h"

/* Follows frame pointers from there and calls print with each line, without a newline. Reads nothing that isn't mapped. */
void backtrace(uint64_t rip, uint64_t rbp, void (*print)(const char *fmt, ...) __attribute__((format(printf, 1, 2))));
