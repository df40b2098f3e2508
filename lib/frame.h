/* Frame numbers and addresses: what callers of mm/ and its port see of lib/, and no word that either may have too.
 *
 *   frame   4 KiB of physical memory              pfn    its number, paddr >> 12
 *   block   1 << order frames, naturally aligned  area   2 MiB, 512 frames, one order-9 block
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t pfn_t;	  /* frame number */
typedef uint64_t paddr_t; /* physical byte address */

#define FRAME_SHIFT 12u
#define FRAME_SIZE  (1ul << FRAME_SHIFT)
