/* QEMU's fw_cfg: named files that the host hands to the guest (specs/fw_cfg in QEMU's documentation, the I/O port
 * interface).
 */
#pragma once

#include "lib/types.h"

/* The size of a file in bytes; -1: no such file, or no fw_cfg device. */
int64_t fw_cfg_size(const char *name);

/* Copies the first max bytes of a file at most. Returns how many, or -1 as above. Doesn't add a NUL. */
int64_t fw_cfg_read(const char *name, void *buf, size_t max);
