/* Ends or resets the machine, by whatever there is for it.
 */
#include "kernel/base/power.h"

#include <stdio.h>
#include <string.h>

#include "arch/x86_64/asm.h"
#include "arch/x86_64/firmware.h"
#include "kernel/base/tty.h"

#define PORT_DEBUG_EXIT 0xf4u
#define PORT_RESET	0xcf9u /* PCI reset control: 6 is a full reset */
#define PORT_KEYBOARD	0x64u  /* 0xfe pulses the reset line */

/* ACPI specification 6.4, section 4.8.3.2.1: the PM1 control register. */
#define CONTROL_ACPI_MODE  0x0001u
#define CONTROL_TYPE_SHIFT 10u
#define CONTROL_TYPE_MASK  0x1c00u
#define CONTROL_ENABLE	   0x2000u

/* Reads of a port, each of which takes about a microsecond on a PC: what a machine gets to react. */
#define PATIENCE 200000u

static const struct acpi_power *acpi; /* (B) */

void power_use_acpi(const struct acpi_power *registers)
{
	acpi = registers;
}

static _Noreturn void halt_for_ever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void sleep_by(uint16_t port, unsigned type)
{
	const unsigned value = (inw(port) & ~CONTROL_TYPE_MASK) | type << CONTROL_TYPE_SHIFT;

	outw(port, (uint16_t)value);
	outw(port, (uint16_t)(value | CONTROL_ENABLE));
}

static bool acpi_can(void)
{
	return acpi && acpi->control_a && acpi->has_s5;
}

/* Sleep state S5, ACPI specification 6.4, section 16.1.7. Returns when the machine doesn't. */
static void acpi_power_off(void)
{
	const struct acpi_power *p = acpi;

	if (p->smi_command && p->enable && !(inw(p->control_a) & CONTROL_ACPI_MODE)) {
		outb(p->smi_command, p->enable);
		for (unsigned i = 0; i < PATIENCE && !(inw(p->control_a) & CONTROL_ACPI_MODE); i++)
			continue;
	}
	sleep_by(p->control_a, p->type_a);
	if (p->control_b)
		sleep_by(p->control_b, p->type_b);
	for (unsigned i = 0; i < PATIENCE; i++)
		inw(p->control_a);
}

_Noreturn void power_exit(unsigned status)
{
	static const struct {
		const char *how;
		bool (*can)(void);
		void (*off)(void);
	} ways[] = {
		{"by ACPI", acpi_can, acpi_power_off},
		{"by the firmware", firmware_can, firmware_power_off},
		{"the machine can be switched off now", NULL, NULL},
	};
	static unsigned next; /* (I) one that panics isn't tried again */
	char line[64];

	tty_flush();
	outb(PORT_DEBUG_EXIT, (uint8_t)status);
	__asm__ volatile("cli");
	tty_panic_mode();
	while (next < ARRAY_LEN(ways)) {
		const unsigned way = next++;

		if (ways[way].can && !ways[way].can())
			continue;
		sniprintf(line, sizeof(line), "power-off: status %u, %s\n", status - POWER_OK, ways[way].how);
		tty_write(line, strlen(line));
		if (ways[way].off)
			ways[way].off();
	}
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
