/* The command line from EFI's load options. No EFI in here: unit tests run it on the host. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "boot/boot_info.h"

/* Copies UTF-16 load options of the given size, which firmware or a shell wrote, to out as ASCII: up to the first NUL,
 * without the program's own name, which a shell puts first. Returns the length without the NUL that ends it. 0 with out
 * empty when there are none, and also when they hold anything but printable ASCII (boot managers put binary data
 * there) or don't fit. */
size_t cmdline_from_options(const void *options, size_t bytes, char *out, size_t out_bytes);

/* Why cmdline_from_options gives nothing for these options and that out_bytes, and which value is to blame. */
enum boot_options_fault cmdline_fault(const void *options, size_t bytes, size_t out_bytes, uint32_t *value);
