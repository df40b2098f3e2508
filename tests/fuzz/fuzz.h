/* What fuzz targets share: input taken apart byte by byte, and checks that end the program.
 *
 * A target is one file, tests/fuzz/target_NAME.c, with LLVMFuzzerTestOneInput in it: libFuzzer calls that over and over
 * with bytes of its own invention, in one process. So a target sets up anew what it uses, each time, and depends on
 * nothing but the input. It is built with ASan and UBSan; a failed check, a failed ASSERT and a panic of the code under
 * test end the program, and libFuzzer keeps the input. Bytes that are over read as 0.
 */
#pragma once

#include <stdio.h>
#include <string.h>

#include "lib/types.h"
#include "tests/unit/choices.h"

/* Prints where and what, and all that was logged, and aborts. */
_Noreturn void fuzz_fail(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define FUZZ_CHECK(cond)                                            \
	do {                                                        \
		if (!(cond))                                        \
			fuzz_fail(__FILE__, __LINE__, "%s", #cond); \
	} while (0)

/* For parsers that complain to a function: formats the line, which must be short and printable, and counts it. */
void fuzz_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
extern unsigned fuzz_said;

/* Whether text is printable ASCII. */
bool fuzz_printable(const char *text);

/* Makes waiting cheap, from now on until it is called again: each mm_port_relax passes twice the time of the one
 * before, 1 us to 16 ms. So a wait whose end is a time has few looks, not one for each us, and the longer it is the
 * coarser. To be called before each step of the input. Takes host_hook. */
void fuzz_wait_coarsely(void);

/* Sets every knob back to what it was when the program began. */
void fuzz_knobs_reset(void);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
