/* Ending the machine, with a status that the host can see.
 */
#pragma once

#include "lib/types.h"

/* What is written to QEMU's isa-debug-exit port 0xf4; QEMU then exits with (code << 1) | 1. */
#define POWER_OK     0x10u /* all good: 33 */
#define POWER_FAILED 0x11u /* a command failed: 35 */
#define POWER_PANIC  0x13u /* the kernel panicked: 39 */

/* Lets the console's bytes out, then ends the machine; halts for ever where there is no such device. */
_Noreturn void power_exit(unsigned status);

/* Resets the machine. */
_Noreturn void power_reboot(void);
