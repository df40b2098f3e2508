/* PM1 control of the ICH9 and the PIIX4. On hardware both mean something else by the same sleep type, so only QEMU's,
 * which puts its own name into the host bridge, count.
 */
#include "arch/x86_64/chipset.h"

#include "arch/x86_64/asm.h"

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA    0xcfcu

#define REG_ID	      0x00u
#define REG_SUBSYSTEM 0x2cu
#define REG_PM_BASE   0x40u
#define QEMU	      0x11001af4u

#define PM1_CONTROL 4u
#define PATIENCE    200000u /* reads, of about a microsecond each on a PC */
#define S5	    0x2000u /* enable, with QEMU's sleep type for S5, which is 0 */

static uint32_t read(unsigned device, unsigned function, unsigned reg)
{
	outl(PORT_ADDRESS, 1u << 31 | device << 11 | function << 8 | reg);
	return inl(PORT_DATA);
}

/* Where PM1 control is; 0: no chipset that is known, or it isn't reached. */
static uint16_t control_port(void)
{
	static const struct {
		uint32_t bridge, id;
		unsigned device, function;
		unsigned enable_reg;
		uint32_t enable;
	} known[] = {
		{0x29c08086, 0x29188086, 31, 0, 0x44, 1u << 7}, /* q35: the LPC bridge */
		{0x12378086, 0x71138086, 1, 3, 0x80, 1u << 0},	/* pc: its power management */
	};

	if (read(0, 0, REG_SUBSYSTEM) != QEMU)
		return 0;
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const unsigned device = known[i].device, function = known[i].function;

		if (read(0, 0, REG_ID) != known[i].bridge || read(device, function, REG_ID) != known[i].id ||
		    !(read(device, function, known[i].enable_reg) & known[i].enable))
			continue;
		const uint16_t base = read(device, function, REG_PM_BASE) & 0xffc0;
		return base ? (uint16_t)(base + PM1_CONTROL) : 0;
	}
	return 0;
}

bool chipset_can(void)
{
	return control_port() != 0;
}

void chipset_power_off(void)
{
	const uint16_t port = control_port();

	outw(port, S5);
	/* The machine goes off when QEMU's other threads get to it: a reset meanwhile would go ahead. */
	for (unsigned i = 0; i < PATIENCE; i++)
		inw(port);
}
