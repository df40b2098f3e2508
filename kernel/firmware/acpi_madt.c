/* Walks the entries of the MADT. */
#include "kernel/firmware/acpi_madt.h"

#include "kernel/firmware/acpi_bytes.h"

enum { LOCAL_APIC = 0, IOAPIC = 1, OVERRIDE = 2, LOCAL_APIC_ADDRESS = 5, LOCAL_X2APIC = 9 };

/* The IOAPIC that serves the highest interrupts: the ISA ones, and those of devices on the board, are the lowest. */
static unsigned highest(const struct acpi_info *out)
{
	unsigned at = 0;

	for (unsigned i = 1; i < out->ioapic_count; i++)
		if (out->ioapic[i].gsi_base > out->ioapic[at].gsi_base)
			at = i;
	return at;
}

static void parse_ioapic(const uint8_t *entry, acpi_say_fn *say, struct acpi_info *out)
{
	struct acpi_ioapic found = {.paddr = u32_at(entry + 4), .gsi_base = u32_at(entry + 8)};

	for (unsigned i = 0; i < out->ioapic_count; i++) {
		if (out->ioapic[i].paddr != found.paddr && out->ioapic[i].gsi_base != found.gsi_base)
			continue;
		say("ACPI: APIC: a second IOAPIC at 0x%lx or for interrupts from %u is left out",
		    (unsigned long)found.paddr, (unsigned)found.gsi_base);
		return;
	}
	if (out->ioapic_count < ACPI_IOAPICS) {
		out->ioapic[out->ioapic_count++] = found;
		return;
	}
	struct acpi_ioapic *last = &out->ioapic[highest(out)];
	if (found.gsi_base < last->gsi_base) {
		const struct acpi_ioapic lost = *last;
		*last = found;
		found = lost;
	}
	say("ACPI: APIC: more than %u IOAPICs, the one at 0x%lx for interrupts from %u is left out", ACPI_IOAPICS,
	    (unsigned long)found.paddr, (unsigned)found.gsi_base);
}

static void parse_override(const uint8_t *entry, acpi_say_fn *say, struct acpi_info *out)
{
	unsigned bus = entry[2], irq = entry[3], flags = u16_at(entry + 8);

	if (bus != 0 || irq >= ACPI_ISA) {
		say("ACPI: APIC: override of interrupt %u on bus %u ignored", irq, bus);
		return;
	}
	if (out->isa[irq].set) {
		say("ACPI: APIC: a second override of interrupt %u is left out", irq);
		return;
	}
	out->isa[irq].set = true;
	out->isa[irq].gsi = u32_at(entry + 4);
	out->isa[irq].low = (flags & 3) == 3;	     /* 0 and 1: active high, as the ISA bus is */
	out->isa[irq].level = (flags >> 2 & 3) == 3; /* 0 and 1: edge */
}

/* What the walk counts. */
struct counts {
	unsigned cpus;
	unsigned addresses; /* of the local APIC, in 64 bits */
};

static void parse_entry(const uint8_t *entry, acpi_say_fn *say, struct acpi_info *out, struct counts *counts)
{
	switch (entry[0]) {
	case LOCAL_APIC: /* bit 0: enabled */
		counts->cpus += u32_at(entry + 4) & 1;
		break;
	case IOAPIC:
		parse_ioapic(entry, say, out);
		break;
	case OVERRIDE:
		parse_override(entry, say, out);
		break;
	case LOCAL_APIC_ADDRESS: /* in 64 bits */
		if (counts->addresses++ == 0)
			out->lapic = u64_at(entry + 4);
		else
			say("ACPI: APIC: a second address of the local APIC, 0x%lx, is left out",
			    (unsigned long)u64_at(entry + 4));
		break;
	case LOCAL_X2APIC:
		counts->cpus += u32_at(entry + 8) & 1;
		break;
	}
}

void acpi_madt(const uint8_t *table, uint32_t bytes, acpi_say_fn *say, struct acpi_info *out)
{
	/* The shortest that an entry of a type we read may be. */
	static const uint8_t least[] = {
		[LOCAL_APIC] = 8, [IOAPIC] = 12, [OVERRIDE] = 10, [LOCAL_APIC_ADDRESS] = 12, [LOCAL_X2APIC] = 16};
	struct counts counts = {0, 0};

	out->have_madt = true;
	out->lapic = u32_at(table + 36);
	for (uint32_t at = ACPI_MADT_BYTES; at < bytes;) {
		const uint8_t *entry = table + at;
		uint32_t left = bytes - at;

		if (left < 2 || entry[1] < 2 || entry[1] > left) {
			say("ACPI: APIC: entry at %u doesn't fit, the rest is ignored", (unsigned)at);
			break;
		}
		if (entry[0] < sizeof(least) && entry[1] < least[entry[0]])
			say("ACPI: APIC: entry at %u, type %u, is too short", (unsigned)at, entry[0]);
		else
			parse_entry(entry, say, out, &counts);
		at += entry[1];
	}
	if (counts.cpus)
		out->cpus = counts.cpus;
	else
		say("ACPI: APIC: names no CPU");
}
