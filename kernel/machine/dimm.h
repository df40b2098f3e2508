/* Memory in the DIMM slots of QEMU's pc and q35 (`-device pc-dimm`, at the start or plugged in later), which is in no
 * memory map: it isn't used. */
#pragma once

#include "lib/types.h"

/* Bytes in slots that have a DIMM, and how many they are; 0 where there are no slots. Asks the machine each time. */
uint64_t dimm_bytes(unsigned *count);
