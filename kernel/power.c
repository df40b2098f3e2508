/* Ends or resets the machine.
 */
#include "kernel/power.h"

#include "arch/x86_64/asm.h"
#include "kernel/tty.h"

#define PORT_DEBUG_EXIT 0xf4u
#define PORT_RESET	0xcf9u /* PCI reset control: 6 is a full reset */
#define PORT_KEYBOARD	0x64u  /* 0xfe pulses the reset line */

static _Noreturn void halt_for_ever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void power_exit(unsigned status)
{
	tty_flush();
	outb(PORT_DEBUG_EXIT, (uint8_t)status);
	static const char text[] = "The machine can be switched off now.\n";
	tty_panic_mode();
	tty_write(text, sizeof text - 1);
	halt_for_ever();
}

_Noreturn void power_reboot(void)
{
	tty_flush();
	outb(PORT_RESET, 2);
	outb(PORT_RESET, 6);
	outb(PORT_KEYBOARD, 0xfe);
	halt_for_ever();
}
