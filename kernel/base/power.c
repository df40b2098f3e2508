/* Ends or resets the machine, by whatever there is for it.
 */
#include "kernel/base/power.h"

#include <stdio.h>
#include <string.h>

#include "arch/x86_64/asm.h"
#include "arch/x86_64/chipset.h"
#include "arch/x86_64/firmware.h"
#include "arch/x86_64/paging.h"
#include "kernel/base/tty.h"

#define PORT_DEBUG_EXIT 0xf4u
#define PORT_RESET	0xcf9u /* PCI reset control: 6 is a full reset */
#define PORT_KEYBOARD	0x64u  /* 0xfe pulses the reset line */

#define CPUID_1_C_HYPERVISOR (1u << 31)

/* ACPI specification 6.4, section 4.8.3.2.1: the PM1 control register. */
#define CONTROL_ACPI_MODE  0x0001u
#define CONTROL_TYPE_SHIFT 10u
#define CONTROL_TYPE_MASK  0x1c00u
#define CONTROL_ENABLE	   0x2000u

/* Section 4.8.3.7: the sleep control register of hardware-reduced ACPI. */
#define SLEEP_TYPE_SHIFT 2u
#define SLEEP_ENABLE	 0x20u

/* Reads of a port, each of which takes about a microsecond on a PC: what a machine gets to react. */
#define PATIENCE 200000u

/* A register that can be written. */
struct byte_register {
	volatile uint8_t *memory;
	uint16_t port; /* 0: there is none, where memory is NULL too */
};

static const struct acpi_power *acpi;			  /* (B) */
static struct byte_register sleep_control, reset_control; /* (B) */

static struct byte_register reach(const struct acpi_register *r)
{
	return (struct byte_register){
		.memory = r->space == ACPI_MEMORY ? mmio_map(r->address, 1) : NULL,
		.port = r->space == ACPI_PORT ? (uint16_t)r->address : 0,
	};
}

static bool is_there(const struct byte_register *r)
{
	return r->memory || r->port;
}

static void write_to(const struct byte_register *r, uint8_t value)
{
	if (r->memory)
		*r->memory = value;
	else if (r->port)
		outb(r->port, value);
}

void power_use_acpi(const struct acpi_power *registers)
{
	acpi = registers;
	sleep_control = reach(&registers->sleep);
	reset_control = reach(&registers->reset);
}

static _Noreturn void halt_for_ever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* A fault that no handler can be found for shuts the CPU down, which a PC answers with a reset. */
static _Noreturn void reset_by_fault(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = {0, 0};

	__asm__ volatile("lidt %0\n\tud2" ::"m"(none));
	halt_for_ever();
}

static void sleep_by(uint16_t port, unsigned type)
{
	const unsigned value = (inw(port) & ~CONTROL_TYPE_MASK) | type << CONTROL_TYPE_SHIFT;

	outw(port, (uint16_t)value);
	outw(port, (uint16_t)(value | CONTROL_ENABLE));
}

static bool acpi_can(void)
{
	return acpi && acpi->has_s5 && (acpi->control_a || is_there(&sleep_control));
}

/* Sleep state S5, ACPI specification 6.4, section 16.1.7. Returns when the machine doesn't. */
static void acpi_power_off(void)
{
	const struct acpi_power *p = acpi;

	if (!p->control_a) {
		write_to(&sleep_control, (uint8_t)(p->type_a << SLEEP_TYPE_SHIFT | SLEEP_ENABLE));
		for (unsigned i = 0; i < PATIENCE; i++)
			inb(PORT_DEBUG_EXIT);
		return;
	}
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

/* Each way that a PC knows; returns never. */
static _Noreturn void reset(void)
{
	if (is_there(&reset_control))
		write_to(&reset_control, acpi->reset_value);
	outb(PORT_RESET, 2);
	outb(PORT_RESET, 6);
	outb(PORT_KEYBOARD, 0xfe);
	for (unsigned i = 0; i < PATIENCE; i++)
		inb(PORT_KEYBOARD);
	reset_by_fault();
}

static void reset_at_last(void)
{
	reset();
}

_Noreturn void power_exit(unsigned status)
{
	/* Nobody stands at a guest's switch, and a panic must not wait for one. On hardware, where nothing failed, a
	 * reset would only start all of it again. */
	const bool may_reset = status == POWER_PANIC || (cpuid(1).c & CPUID_1_C_HYPERVISOR);
	const struct {
		const char *how;
		bool (*can)(void);
		void (*off)(void);
	} ways[] = {
		{"by ACPI", acpi_can, acpi_power_off},
		{"by the firmware", firmware_can, firmware_power_off},
		{"by the chipset", chipset_can, chipset_power_off},
		{may_reset ? "by a reset" : "the machine can be switched off now", NULL,
		 may_reset ? reset_at_last : NULL},
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
	if (may_reset)
		reset_by_fault();
	halt_for_ever();
}

_Noreturn void power_reboot(void)
{
	tty_flush();
	reset();
}
