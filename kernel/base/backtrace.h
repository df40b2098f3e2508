/* Who called whom, by name.
 */
#pragma once

#include "lib/types.h"

/* Follows frame pointers from there and calls print with each line, without a newline. Reads nothing that isn't mapped.
 *
 * rsp   after an exception: when rip lies in no function (a call through a bad pointer), the caller is found on the
 *       stack; 0: not known */
void backtrace(uint64_t rip, uint64_t rsp, uint64_t rbp,
	       void (*print)(const char *fmt, ...) __attribute__((format(printf, 1, 2))));
