/* See pci_ways.h. */
#include "drivers/pci_ways.h"

#include "port/driver_port.h"

#define BUS_LAST	255u
#define DEVICES_PER_BUS 32u

/* Whether bus of e is one that the first so many ways lead to: by its number, or since its window lies over theirs. */
static bool is_known(const struct pci_ways *ways, unsigned count, const struct pci_ecam *e, unsigned bus)
{
	for (unsigned i = 0; i < count; i++) {
		const struct pci_ecam *way = &ways->way[i];

		if (way->segment == e->segment && bus >= way->bus_first && bus <= way->bus_last)
			return true;
		if (e->base != PCI_BY_PORTS && pci_ecam_bus(way, way->bus_first) < pci_ecam_bus(e, bus) + MIB &&
		    pci_ecam_bus(e, bus) < pci_ecam_bus(way, way->bus_last) + MIB)
			return true;
	}
	return false;
}

static void add(struct pci_ways *ways, const struct pci_ecam *e)
{
	if (ways->count == PCI_WAYS) {
		driver_port_log("pci: buses %02x to %02x of segment %u: more than %u windows, left out", e->bus_first,
				e->bus_last, e->segment, PCI_WAYS);
		return;
	}
	ways->way[ways->count++] = *e;
	ways->windows += e->base != PCI_BY_PORTS;
}

static bool stop(const struct pci_function *f, void *arg)
{
	(void)f;
	(void)arg;
	return false;
}

/* Whether the window's first bus looks as it does through ports. */
static bool ports_agree(const struct pci_ecam *e)
{
	const struct pci_ecam ports = {.base = PCI_BY_PORTS};

	for (unsigned device = 0; device < DEVICES_PER_BUS; device++) {
		const struct pci_function f = pci_function_at(e, e->bus_first, device, 0);
		const struct pci_function same = pci_function_at(&ports, e->bus_first, device, 0);
		const uint32_t ids = pci_read32(&f, PCI_VENDOR_ID), true_ids = pci_read32(&same, PCI_VENDOR_ID);

		if (ids == true_ids || (!pci_is_function(ids) && !pci_is_function(true_ids)))
			continue;
		driver_port_log("pci: %02x:%02x.0 reads as %08x where the MCFG table says, at %#llx, and as %08x "
				"through ports, which are used",
				e->bus_first, device, ids, (unsigned long long)pci_ecam_bus(e, e->bus_first), true_ids);
		return false;
	}
	return true;
}

/* Takes a window, or those halves of it that can be mapped. Returns how many buses can't. */
static unsigned take_mapped(struct pci_ways *ways, const struct pci_ecam *e, bool has_ports)
{
	const uint8_t middle = (uint8_t)((e->bus_first + e->bus_last) / 2);
	struct pci_ecam part = *e;

	if (pci_ecam_map(&part)) {
		if (pci_scan(&part, stop, NULL) != 0 && (part.segment != 0 || !has_ports || ports_agree(&part)))
			add(ways, &part);
		return 0;
	}
	if (e->bus_first == e->bus_last)
		return 1;
	part.bus_last = middle;
	const unsigned missing = take_mapped(ways, &part, has_ports);
	part.bus_first = (uint8_t)(middle + 1);
	part.bus_last = e->bus_last;
	return missing + take_mapped(ways, &part, has_ports);
}

static void take_window(struct pci_ways *ways, const struct pci_ecam *e, bool has_ports)
{
	const unsigned missing = take_mapped(ways, e, has_ports);

	if (missing)
		driver_port_log("pci: %u of the buses %02x to %02x of segment %u can't be mapped, "
				"where the MCFG table says, at %#llx",
				missing, e->bus_first, e->bus_last, e->segment,
				(unsigned long long)pci_ecam_bus(e, e->bus_first));
}

/* Takes the runs of e's buses that are new. */
static void take_new(struct pci_ways *ways, const struct pci_ecam *e, bool has_ports)
{
	const unsigned before = ways->count; /* its own halves don't count */
	unsigned next;

	for (unsigned first = e->bus_first; first <= e->bus_last; first = next) {
		const bool known = is_known(ways, before, e, first);
		struct pci_ecam run = *e;

		for (next = first; next <= e->bus_last && is_known(ways, before, e, next) == known; next++)
			;
		run.bus_first = (uint8_t)first;
		run.bus_last = (uint8_t)(next - 1);
		if (e->base == PCI_BY_PORTS && !known)
			add(ways, &run);
		else if (!known)
			take_window(ways, &run, has_ports);
		else if (e->base != PCI_BY_PORTS)
			driver_port_log("pci: the MCFG table has buses %02x to %02x of segment %u twice, left out",
					run.bus_first, run.bus_last, run.segment);
	}
}

void pci_ways_find(struct pci_ways *ways, const struct pci_ecam *ecams, size_t count)
{
	const struct pci_ecam ports = {.base = PCI_BY_PORTS, .bus_last = BUS_LAST};
	const bool has_ports = pci_has_ports();

	ways->count = ways->windows = 0;
	for (size_t i = 0; i < count; i++)
		take_new(ways, &ecams[i], has_ports);
	if (ways->windows == 0)
		driver_port_log("pci: %s, %s ports 0xcf8 and 0xcfc",
				count ? "nothing where the MCFG table says" : "the firmware has no usable MCFG table",
				has_ports ? "configuration goes through" : "and nothing answers at");
	if (has_ports)
		take_new(ways, &ports, has_ports);
}
