/* Included ahead of every file of the kernel by the build: names that must not be used here.
 *
 * The kernel has no vector registers, and newlib's plain output and input families need them for floating point: they
 * would print garbage without a word. The integer-only ones do the job: iprintf, fiprintf, siprintf, sniprintf,
 * viprintf, vfiprintf, vsiprintf, vsniprintf, asiprintf. Macros with arguments leave format(printf, ...) alone.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#define NOUGHT_NO_FLOAT_IO _Pragma("GCC error \"floating-point family of newlib: use iprintf, sniprintf ... instead\"")

#define printf(...)    NOUGHT_NO_FLOAT_IO
#define fprintf(...)   NOUGHT_NO_FLOAT_IO
#define sprintf(...)   NOUGHT_NO_FLOAT_IO
#define snprintf(...)  NOUGHT_NO_FLOAT_IO
#define asprintf(...)  NOUGHT_NO_FLOAT_IO
#define vprintf(...)   NOUGHT_NO_FLOAT_IO
#define vfprintf(...)  NOUGHT_NO_FLOAT_IO
#define vsprintf(...)  NOUGHT_NO_FLOAT_IO
#define vsnprintf(...) NOUGHT_NO_FLOAT_IO
#define vasprintf(...) NOUGHT_NO_FLOAT_IO
#define scanf(...)     NOUGHT_NO_FLOAT_IO
#define fscanf(...)    NOUGHT_NO_FLOAT_IO
#define sscanf(...)    NOUGHT_NO_FLOAT_IO
#define strtod(...)    NOUGHT_NO_FLOAT_IO
#define atof(...)      NOUGHT_NO_FLOAT_IO
