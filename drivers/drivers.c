/* Finds devices and starts their drivers. */
#include "drivers/drivers.h"

#include "port/driver_port.h"

struct search {
	const struct driver_row *driver;
	struct mm *mm;
	unsigned seen; /* devices of the driver's */
	unsigned started;
};

static bool visit(const struct pci_function *f, void *arg)
{
	struct search *search = arg;

	if (!search->driver->match(f))
		return true;
	search->seen++;
	if (search->driver->start(search->mm, f) == 0)
		search->started++;
	return true;
}

/* Whether entry i has buses of an earlier one: by its numbers, or since their windows overlap. */
static bool seen_before(const struct pci_ecam *ecams, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		const struct pci_ecam *a = &ecams[j], *b = &ecams[i];
		const bool buses =
			a->segment == b->segment && a->bus_first <= b->bus_last && b->bus_first <= a->bus_last;

		if (!buses && (pci_ecam_bus(a, a->bus_first) > pci_ecam_bus(b, b->bus_last) ||
			       pci_ecam_bus(b, b->bus_first) > pci_ecam_bus(a, a->bus_last)))
			continue;
		driver_port_log("pci: the MCFG table has buses %02x to %02x of segment %u twice, left out",
				b->bus_first, b->bus_last, b->segment);
		return true;
	}
	return false;
}

static void look_for(const struct driver_row *driver, struct mm *mm, const struct pci_ecam *ecams, size_t count)
{
	struct search search = {.driver = driver, .mm = mm};
	unsigned functions = 0;

	for (size_t i = 0; i < count; i++) {
		if (!seen_before(ecams, i))
			functions += pci_scan(&ecams[i], visit, &search);
	}
	if (functions == 0) {
		const struct pci_ecam ports = {.base = PCI_BY_PORTS, .bus_last = 255};
		const bool there = pci_has_ports();

		driver_port_log("pci: %s, %s ports 0xcf8 and 0xcfc",
				count ? "nothing where the MCFG table says" : "the firmware has no usable MCFG table",
				there ? "configuration goes through" : "and nothing answers at");
		if (there)
			functions = pci_scan(&ports, visit, &search);
	}
	if (!search.started)
		driver_port_log("%s: %u found among %u PCI functions, none in use: %s", driver->name, search.seen,
				functions, driver->absent);
}

void drivers_start(struct mm *mm, const struct pci_ecam *ecams, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pci_place(&ecams[i]);
	TABLE_FOR_EACH (driver, struct driver_row, driver)
		look_for(driver, mm, ecams, count);
}
