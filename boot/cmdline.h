/* The command line from EFI's load options. No EFI in here: unit tests run it on the host. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "boot/boot_info.h"

/* Copies UTF-16 load options of the given size, which firmware or a shell wrote, to out as ASCII, NUL-terminated: up to
 * the first NUL, without the program's own name, which a shell puts first. Options that hold anything but printable
 * ASCII (boot managers put binary data there) or don't fit leave out empty: returns why, and in *value what is to
 * blame; else *value is 0. */
enum boot_options_fault cmdline_from_options(const void *options, size_t bytes, char *out, size_t out_bytes,
					     uint32_t *value);
