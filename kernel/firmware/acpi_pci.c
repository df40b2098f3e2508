/* ACPI specification 6.4: chapter 20 for AML, section 6.4.3.5 for address space descriptors; PCI firmware specification
 * 3.2, section 4.1.3, for _CBA.
 */
#include "kernel/firmware/acpi_pci.h"

#include <string.h>

#include "lib/bits.h"

enum { AML_NAME = 0x08, AML_DWORD = 0x0c, AML_QWORD = 0x0e, AML_METHOD = 0x14, AML_RETURN = 0xa4 };

#define WINDOW_MIN MIB /* what is smaller is a device's own, or the old VGA's */
#define BUSES	   256u

/* The large descriptors' tags, lengths, and where their fields lie. */
#define WORD_TAG    0x88u
#define WORD_BYTES  16u
#define DWORD_TAG   0x87u
#define DWORD_BYTES 26u
enum { TYPE_MEMORY = 0, TYPE_BUSES = 2 };

static uint64_t number_at(const uint8_t *p, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)p[i] << 8 * i;
	return value;
}

/* A constant of 4 or 8 bytes at the start of aml; 0: it is none. */
static uint64_t constant(const uint8_t *aml, size_t bytes)
{
	if (bytes >= 5 && aml[0] == AML_DWORD)
		return number_at(aml + 1, 4);
	return bytes >= 9 && aml[0] == AML_QWORD ? number_at(aml + 1, 8) : 0;
}

/* What the object of that name is whose name begins at i: a constant, or a method that does nothing but return one. */
static uint64_t value_of(const uint8_t *aml, size_t bytes, size_t i)
{
	const size_t behind = i + 4;

	if (i >= 1 && aml[i - 1] == AML_NAME)
		return constant(aml + behind, bytes - behind);
	if (i >= 2 && aml[i - 2] == AML_METHOD && bytes - behind > 2 && aml[behind + 1] == AML_RETURN)
		return constant(aml + behind + 2, bytes - behind - 2);
	return 0;
}

/* Whether an address space descriptor of that tag and type begins at i. */
static bool is_range(const uint8_t *aml, size_t bytes, size_t i, unsigned tag, unsigned type)
{
	const unsigned length = tag == WORD_TAG ? WORD_BYTES : DWORD_BYTES;

	return bytes - i >= length && aml[i] == tag && number_at(aml + i + 1, 2) == length - 3 && aml[i + 3] == type;
}

/* Returns whether they can be: the first such ones count, as the first window does. */
static bool take_buses(const uint8_t *d, struct acpi_pci *out)
{
	const uint64_t first = number_at(d + 8, 2), last = number_at(d + 10, 2), count = number_at(d + 14, 2);

	if (first > last || last >= BUSES || count != last - first + 1)
		return false;
	out->bus_first = (uint8_t)first;
	out->bus_last = (uint8_t)last;
	return true;
}

static void take_window(const uint8_t *d, struct acpi_pci *out)
{
	const uint64_t first = number_at(d + 10, 4), last = number_at(d + 14, 4);
	const uint64_t offset = number_at(d + 18, 4), count = number_at(d + 22, 4);

	if (!out->window && first >= MIB && first <= last && count == last - first + 1 && offset == 0 &&
	    count >= WINDOW_MIN) {
		out->window = first;
		out->window_bytes = count;
	}
}

void acpi_pci_dsdt(const uint8_t *aml, size_t bytes, struct acpi_pci *out)
{
	bool buses = false;

	*out = (struct acpi_pci){.bus_last = BUSES - 1};
	for (size_t i = 0; i + 4 <= bytes; i++) {
		if (!out->ecam && memcmp(aml + i, "_CBA", 4) == 0)
			out->ecam = value_of(aml, bytes, i);
		if (!buses && is_range(aml, bytes, i, WORD_TAG, TYPE_BUSES))
			buses = take_buses(aml + i, out);
		if (is_range(aml, bytes, i, DWORD_TAG, TYPE_MEMORY))
			take_window(aml + i, out);
	}
	if (!is_aligned(out->ecam, MIB) || out->ecam > UINT64_MAX - GIB) /* 256 buses must lie behind it */
		out->ecam = 0;
}
