/* PCI firmware specification 3.2, section 4.1.2. */
#include "kernel/firmware/acpi_mcfg.h"

#include "lib/bits.h"

#define ENTRIES_AT  44u
#define ENTRY_BYTES 16u

static uint64_t number_at(const uint8_t *p, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)p[i] << 8 * i;
	return value;
}

static unsigned buses(const struct acpi_ecam *e)
{
	return e->bus_last - e->bus_first + 1u;
}

/* Whether b goes on where the newest entry ends, which some firmware writes bus by bus. */
static bool continues(const struct acpi_mcfg *out, const struct acpi_ecam *b)
{
	const struct acpi_ecam *a = out->count ? &out->ecam[out->count - 1] : NULL;

	return a && a->base == b->base && a->segment == b->segment && a->bus_last + 1u == b->bus_first;
}

/* Makes room for one that is larger than the smallest. False: there is none that is smaller. */
static bool make_room(struct acpi_mcfg *out, const struct acpi_ecam *e)
{
	unsigned smallest = 0;

	for (unsigned i = 1; i < out->count; i++)
		if (buses(&out->ecam[i]) < buses(&out->ecam[smallest]))
			smallest = i;
	if (buses(&out->ecam[smallest]) >= buses(e))
		return false;
	out->count--;
	for (unsigned i = smallest; i < out->count; i++)
		out->ecam[i] = out->ecam[i + 1];
	return true;
}

void acpi_mcfg_parse(const uint8_t *table, size_t bytes, void (*say)(const char *fmt, ...), struct acpi_mcfg *out)
{
	unsigned found = 0, left_out = 0;

	for (size_t at = ENTRIES_AT; at + ENTRY_BYTES <= bytes; at += ENTRY_BYTES) {
		const struct acpi_ecam e = {
			.base = number_at(table + at, 8),
			.segment = (uint16_t)number_at(table + at + 8, 2),
			.bus_first = table[at + 10],
			.bus_last = table[at + 11],
		};

		if (e.base == 0 || !is_aligned(e.base, MIB) || e.bus_first > e.bus_last || e.base > UINT64_MAX - GIB) {
			say("ACPI: MCFG: base 0x%lx for buses %u to %u of segment %u can't be", (unsigned long)e.base,
			    e.bus_first, e.bus_last, e.segment);
			continue;
		}
		if (found++ == 0 && out->by_dsdt) {
			out->count = 0;
			out->by_dsdt = false;
		}
		if (continues(out, &e))
			out->ecam[out->count - 1].bus_last = e.bus_last;
		else if (out->count < ACPI_ECAMS || (left_out++, make_room(out, &e)))
			out->ecam[out->count++] = e;
	}
	if (!found)
		say("ACPI: MCFG: no window that could be");
	if (left_out)
		say("ACPI: MCFG: more than %u windows, the smallest %u are left out", ACPI_ECAMS, left_out);
}
