/* The command line from EFI's load options. No EFI in here: unit tests run it on the host. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Copies UTF-16 load options of the given size, which firmware or a shell wrote, to out as ASCII: up to the first NUL,
 * without the program's own name, which a shell puts first. Returns the length without the NUL that ends it. 0 with out
 * empty when there are none, and also when they hold anything but printable ASCII (boot managers put binary data
 * there) or don't fit. */
size_t cmdline_from_options(const void *options, size_t bytes, char *out, size_t out_bytes);
