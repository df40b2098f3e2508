/* Finds devices and starts their drivers. */
#include "drivers/drivers.h"

#include "port/driver_port.h"

/* Offers a function to the drivers until one has brought it up. */
static bool offer(const struct pci_function *f, void *arg)
{
	struct mm *mm = arg;

	TABLE_FOR_EACH (driver, struct driver_row, driver) {
		if (!driver->match(f))
			continue;
		driver->found->devices++;
		if (driver->start(mm, f) == 0) {
			driver->found->started++;
			return true;
		}
	}
	return true;
}

/* Whether entry i leads to buses of an earlier one: by its numbers, or since their windows overlap. */
static bool is_repeated(const struct pci_ecam *ecams, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		const struct pci_ecam *a = &ecams[j], *b = &ecams[i];

		if (a->segment == b->segment && a->bus_first <= b->bus_last && b->bus_first <= a->bus_last)
			return true;
		if (pci_ecam_bus(a, a->bus_first) < pci_ecam_bus(b, b->bus_last) + MIB &&
		    pci_ecam_bus(b, b->bus_first) < pci_ecam_bus(a, a->bus_last) + MIB)
			return true;
	}
	return false;
}

/* Returns how many functions there are. */
static unsigned scan_windows(struct mm *mm, const struct pci_ecam *ecams, size_t count)
{
	unsigned functions = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_repeated(ecams, i))
			driver_port_log("pci: the MCFG table has buses %02x to %02x of segment %u twice, left out",
					ecams[i].bus_first, ecams[i].bus_last, ecams[i].segment);
		else
			functions += pci_scan(&ecams[i], offer, mm);
	}
	return functions;
}

static unsigned scan_by_ports(struct mm *mm, bool has_table)
{
	const struct pci_ecam ports = {.base = PCI_BY_PORTS, .bus_last = 255};
	const bool there = pci_has_ports();

	driver_port_log("pci: %s, %s ports 0xcf8 and 0xcfc",
			has_table ? "nothing where the MCFG table says" : "the firmware has no usable MCFG table",
			there ? "configuration goes through" : "and nothing answers at");
	return there ? pci_scan(&ports, offer, mm) : 0;
}

void drivers_start(struct mm *mm, const struct pci_ecam *ecams, size_t count)
{
	unsigned functions;

	TABLE_FOR_EACH (driver, struct driver_row, driver)
		*driver->found = (struct driver_found){0};
	for (size_t i = 0; i < count; i++)
		pci_place(&ecams[i]);
	functions = scan_windows(mm, ecams, count);
	if (functions == 0)
		functions = scan_by_ports(mm, count != 0);
	TABLE_FOR_EACH (driver, struct driver_row, driver) {
		if (driver->found->started == 0)
			driver_port_log("%s: %u found among %u PCI functions, none in use: %s", driver->name,
					driver->found->devices, functions, driver->absent);
	}
}
