/* Finds devices and starts their drivers. */
#include "drivers/drivers.h"

#include "drivers/pci_ways.h"
#include "port/driver_port.h"

#define STARTED_MAX 64u

static struct pci_function started[STARTED_MAX]; /* (B) each that a driver was offered */
static unsigned started_count;			 /* (B) */

/* Whether b is a seen once more at another place, as some bridges and root ports show what is behind them: then its
 * registers lie where a's do. */
static bool is_same(const struct pci_function *a, const struct pci_function *b)
{
	bool any = false;

	if (a->vendor_id != b->vendor_id || a->device_id != b->device_id)
		return false;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const uint32_t bar = pci_read32(a, PCI_BAR + 4 * i);

		if (bar != pci_read32(b, PCI_BAR + 4 * i))
			return false;
		any |= (bar & ~0xfu) != 0;
	}
	return any;
}

/* Whether f may be started; it is remembered then. */
static bool is_new(const struct pci_function *f)
{
	for (unsigned i = 0; i < started_count; i++) {
		if (!is_same(&started[i], f))
			continue;
		driver_port_log("pci: %s is %s seen once more, left alone", pci_name(f).text,
				pci_name(&started[i]).text);
		return false;
	}
	if (started_count == STARTED_MAX) {
		driver_port_log("pci: %s: %u devices are in use, left alone", pci_name(f).text, STARTED_MAX);
		return false;
	}
	started[started_count++] = *f;
	return true;
}

/* Offers a function to the drivers until one has brought it up. */
static bool offer(const struct pci_function *f, void *arg)
{
	struct mm *mm = arg;
	bool looked = false;

	TABLE_FOR_EACH (driver, struct driver_row, driver) {
		if (!driver->match(f))
			continue;
		if (!looked && !is_new(f))
			return true;
		looked = true;
		driver->found->devices++;
		if (driver->start(mm, f) == 0) {
			driver->found->started++;
			return true;
		}
	}
	return true;
}

void drivers_start(struct mm *mm, const struct pci_ecam *ecams, size_t count)
{
	static struct pci_ways ways; /* (B) */
	unsigned functions = 0;

	TABLE_FOR_EACH (driver, struct driver_row, driver)
		*driver->found = (struct driver_found){0};
	started_count = 0;
	pci_ways_find(&ways, ecams, count);
	pci_place(ways.way, ways.count);
	for (unsigned i = 0; i < ways.count; i++)
		functions += pci_scan(&ways.way[i], offer, mm);
	TABLE_FOR_EACH (driver, struct driver_row, driver) {
		if (driver->found->started == 0 && driver->absent)
			driver_port_log("%s: %u found among %u PCI functions, none in use: %s", driver->name,
					driver->found->devices, functions, driver->absent);
	}
}

unsigned drivers_restart(void)
{
	unsigned in_use = 0;

	TABLE_FOR_EACH (driver, struct driver_row, driver)
		in_use += driver->restart && driver->restart() == 0;
	return in_use;
}
