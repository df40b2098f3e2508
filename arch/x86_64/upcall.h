/* The two calls that the machine makes into the kernel: when it starts, and when it can't go on.
 */
#pragma once

#include "arch/x86_64/trap.h"
#include "boot/boot_info.h"

/* On the boot stack, interrupts off, on the loader's page tables; info lies in loader memory. */
_Noreturn void kernel_main(struct boot_info *info);

/* An exception that nothing handles. cause says in words what happened. */
_Noreturn void kernel_trap(const struct trap_frame *frame, const char *cause);
