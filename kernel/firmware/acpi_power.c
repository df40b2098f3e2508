/* Finds the registers and values of S5. ACPI specification 6.4: section 5.2.9 for the FADT, chapter 20 for AML.
 */
#include "kernel/firmware/acpi_power.h"

#include <string.h>

#define SPACE_MEMORY  0u
#define SPACE_IO      1u
#define CONTROL_BYTES 2u
#define SLEEP_MAX     7u /* three bits */

/* Of the FADT's flags. */
#define FLAG_RESET   (1u << 10)
#define FLAG_REDUCED (1u << 20) /* there is none of the old hardware, whatever its fields hold */

enum { AML_ZERO = 0x00, AML_ONE = 0x01, AML_NAME = 0x08, AML_BYTE = 0x0a, AML_WORD = 0x0b, AML_DWORD = 0x0c };
enum { AML_PACKAGE = 0x12, AML_ROOT = '\\' };

static uint64_t number_at(const uint8_t *p, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)p[i] << 8 * i;
	return value;
}

/* A PM1 control register's port: by the generic address at x where the table reaches so far and has one, else by the
 * old field. 0: none that could be a port. */
static uint16_t control_port(const uint8_t *fadt, uint32_t bytes, unsigned old, unsigned x)
{
	uint64_t port = 0;

	if (bytes >= x + 12 && fadt[x] == SPACE_IO)
		port = number_at(fadt + x + 4, 8);
	if (port == 0 && fadt[89] >= CONTROL_BYTES)
		port = number_at(fadt + old, 4);
	return port <= 0x10000 - CONTROL_BYTES ? (uint16_t)port : 0;
}

/* The register of one byte whose generic address is at at (ACPI specification 6.4, section 5.2.3.2). */
static struct acpi_register byte_register(const uint8_t *fadt, uint32_t bytes, unsigned at)
{
	const uint64_t address = bytes >= at + 12 ? number_at(fadt + at + 4, 8) : 0;
	const struct acpi_register nowhere = {ACPI_NOWHERE, 0};

	if (address == 0)
		return nowhere;
	if (fadt[at] == SPACE_MEMORY)
		return (struct acpi_register){ACPI_MEMORY, address};
	return fadt[at] == SPACE_IO && address <= 0xffff ? (struct acpi_register){ACPI_PORT, address} : nowhere;
}

void acpi_power_fadt(const uint8_t *fadt, uint32_t bytes, struct acpi_power *out)
{
	const uint64_t command = number_at(fadt + 48, 4);

	const uint64_t flags = number_at(fadt + 112, 4);
	const bool reduced = flags & FLAG_REDUCED;

	*out = (struct acpi_power){0}; /* whatever an earlier table left */
	out->control_a = reduced ? 0 : control_port(fadt, bytes, 64, 172);
	out->control_b = reduced ? 0 : control_port(fadt, bytes, 68, 184);
	out->smi_command = command <= 0xffff && !reduced ? (uint16_t)command : 0;
	out->enable = fadt[52];
	out->sleep = byte_register(fadt, bytes, 244);
	if ((flags & FLAG_RESET) && bytes > 128) {
		out->reset = byte_register(fadt, bytes, 116);
		out->reset_value = fadt[128];
	}
}

/* A constant of at most 7 at *at, which moves behind it. */
static bool sleep_type(const uint8_t *aml, size_t end, size_t *at, uint8_t *type)
{
	unsigned bytes;
	uint64_t value;

	if (*at >= end)
		return false;
	switch (aml[*at]) {
	case AML_ZERO:
	case AML_ONE:
		*type = aml[(*at)++];
		return true;
	case AML_BYTE:
		bytes = 1;
		break;
	case AML_WORD:
		bytes = 2;
		break;
	case AML_DWORD:
		bytes = 4;
		break;
	default:
		return false;
	}
	if (end - *at < 1 + bytes)
		return false;
	value = number_at(aml + *at + 1, bytes);
	*at += 1 + bytes;
	*type = (uint8_t)value;
	return value <= SLEEP_MAX;
}

/* The package that begins at that byte: PackageOp, its length, how many elements, the elements. */
static bool s5_package(const uint8_t *aml, size_t bytes, size_t at, struct acpi_power *out)
{
	if (bytes - at < 3 || aml[at] != AML_PACKAGE)
		return false;
	at++;

	/* The length counts from its own first byte, whose two highest bits say how many more it has. */
	const unsigned more = aml[at] >> 6;
	if (bytes - at < more + 2)
		return false;
	uint64_t length = more ? aml[at] & 0xf : aml[at] & 0x3f;
	length |= number_at(aml + at + 1, more) << 4;
	if (length < more + 2 || length > bytes - at)
		return false;
	const size_t end = at + (size_t)length;
	at += more + 1;

	const unsigned elements = aml[at++];
	if (elements == 0 || !sleep_type(aml, end, &at, &out->type_a))
		return false;
	/* Where there is but one, there is but one register. */
	if (elements == 1 || !sleep_type(aml, end, &at, &out->type_b))
		out->type_b = out->type_a;
	return true;
}

bool acpi_power_s5(const uint8_t *aml, size_t bytes, struct acpi_power *out)
{
	out->has_s5 = false;
	for (size_t i = 1; i + 4 <= bytes; i++) {
		if (memcmp(aml + i, "_S5_", 4) != 0)
			continue;
		const bool named =
			aml[i - 1] == AML_NAME || (i >= 2 && aml[i - 1] == AML_ROOT && aml[i - 2] == AML_NAME);
		if (named && s5_package(aml, bytes, i + 4, out))
			return out->has_s5 = true;
	}
	return false;
}
