/* How ACPI switches a machine off or resets it: what the FADT and the DSDT say of sleep state S5 and the reset
 * register. Pure; their bytes are untrusted.
 *
 * There is no AML interpreter here. Firmware writes S5 as a package of constants under a fixed name (ACPI specification
 * 6.4, section 7.4.2), so the name and the shape of what follows are looked for among the bytes.
 */
#pragma once

#include "lib/types.h"

/* A register of one byte. */
struct acpi_register {
	enum { ACPI_NOWHERE, ACPI_MEMORY, ACPI_PORT } space;
	uint64_t address;
};

struct acpi_power {
	uint16_t control_a; /* ports of the PM1 control registers; 0: none, as in hardware-reduced ACPI */
	uint16_t control_b;
	uint16_t smi_command; /* what enable is written to, where ACPI mode isn't on; 0: there is no other mode */
	uint8_t enable;
	bool has_s5;
	uint8_t type_a; /* the sleep type of S5 for either register, 0 to 7 */
	uint8_t type_b;
	struct acpi_register sleep; /* the sleep control register, which takes type_a where there is no PM1 control */
	struct acpi_register reset;
	uint8_t reset_value; /* what resets the machine when written there */
};

/* Reads the registers from a FADT of at least 116 bytes. All else in out is 0 then: S5 isn't known. */
void acpi_power_fadt(const uint8_t *fadt, uint32_t bytes, struct acpi_power *out);

/* Looks for S5 among the bytes of a definition block. False: there is none, or not as constants,
 * whatever stood in out before. */
bool acpi_power_s5(const uint8_t *aml, size_t bytes, struct acpi_power *out);
