/* Finds devices and starts their drivers. */
#include "drivers/drivers.h"

#include "drivers/virtio/balloon.h"
#include "port/driver_port.h"

static struct balloon the_balloon;

struct search {
	struct mm *mm;
	unsigned balloons; /* seen */
	bool started;
};

static bool visit(const struct pci_function *f, void *arg)
{
	struct search *search = arg;

	if (!balloon_match(f))
		return true;
	search->balloons++;
	search->started = balloon_start(&the_balloon, search->mm, f) == 0;
	return !search->started;
}

void drivers_start(struct mm *mm, const struct pci_ecam *ecams, size_t count)
{
	struct search search = {.mm = mm};
	unsigned functions = 0;

	for (size_t i = 0; i < count && !search.started; i++)
		functions += pci_scan(&ecams[i], visit, &search);
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
		driver_port_log("balloon: %u found among %u PCI functions, none in use: reporting is off",
				search.balloons, functions);
}
