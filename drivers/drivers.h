/* What the kernel calls to start the devices that Nought has drivers for. A driver is a row; the balloon is the only
 * one so far. */
#pragma once

#include "drivers/pci.h"
#include "lib/table.h"
#include "lib/types.h"

struct mm;

/* match   whether f is a device of the driver's
 * start   brings it up, once; 0, or -1, logged, and the next one that matches is tried. It may wait about a second
 * absent  what is missing when none was started: "reporting is off" */
struct driver_row {
	const char *name;
	const char *absent;
	bool (*match)(const struct pci_function *f);
	int (*start)(struct mm *mm, const struct pci_function *f);
};

#define DRIVER(ident, ...)                                             \
	static const struct driver_row driver_##ident = {__VA_ARGS__}; \
	TABLE_ADD(driver, driver_##ident)

TABLE_DECLARE(driver);

/* Looks through the PCI buses of each ecam entry, for each driver until one of its devices works. Where no entry
 * leads to a function, ports 0xCF8 and 0xCFC are tried. Whatever goes wrong is logged and leaves what the driver is for
 * off; the allocator doesn't depend on it.
 *
 * ecams    what ACPI's MCFG table has, count entries; 0: there is no MCFG
 * Called   once, by a thread, when mm_init is done. It may wait for devices, about a second each at most. */
void drivers_start(struct mm *mm, const struct pci_ecam *ecams, size_t count);
