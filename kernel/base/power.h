/* Ending the machine, with a status that the host can see.
 */
#pragma once

#include "kernel/firmware/acpi_power.h"
#include "lib/types.h"

/* What is written to QEMU's isa-debug-exit port 0xf4; QEMU then exits with (code << 1) | 1. */
#define POWER_OK     0x10u /* all good: 33 */
#define POWER_FAILED 0x11u /* a command failed: 35 */
#define POWER_PANIC  0x13u /* the kernel panicked: 39 */

/* The registers and values for sleep state S5 and for a reset, as ACPI's tables give them; stay the caller's. Until
 * then, and where they say nothing, power_exit and power_reboot do without. Called once, when device registers can be
 * mapped. */
void power_use_acpi(const struct acpi_power *registers);

/* Lets the console's bytes out, then ends the machine by that port. Where there is no such device it says
 * "power-off: status N" in the console's last line, N being 0 (all good), 1 (a command failed) or 3 (panicked), and
 * switches off through ACPI, or else the firmware, or else QEMU's chipset. Where none of them can, as before ACPI's
 * tables were read, it resets the machine after a panic, and in a virtual machine always; else it says that the machine
 * can be switched off, and halts for ever. Any context. */
_Noreturn void power_exit(unsigned status);

/* Resets the machine: by ACPI's reset register where there is one, then as a PC is, at last by a triple fault. */
_Noreturn void power_reboot(void);
