/* What the kernel calls to start the devices that Nought has drivers for. A driver is a row; the balloon's is the only
 * one so far that uses its devices.
 *
 * A device has one user at a time: the thread that starts it, then whoever its driver serves (of balloons, who is in
 * mm/report, which calls its sink never twice at once). So its driver's state needs no lock.
 *
 * Key, in all of drivers/
 *   (B) at boot only, by who calls drivers_start     (C) constant once its device was started, or the scan is over
 *   (U) the device's user     (A) atomic     (D) the device can write it at any time: read once, and checked
 */
#pragma once

#include "drivers/pci.h"
#include "lib/table.h"
#include "lib/types.h"

struct mm;

/* What there is for a driver. */
struct driver_found {
	unsigned devices; /* (B) that it matches and no other driver has */
	unsigned started; /* (B) */
};

/* match   whether f is a device of the driver's
 * start   brings one up, and is called once for each that matches; 0, or -1, logged: then another driver that matches
 *         may try. Its state is the driver's, one for each device (of frames of mm's, say). It may wait about a second
 * restart brings up anew what it has, by a thread; 0, or -1: nothing is in use. NULL: that can't be done
 * absent  what is missing when none was started: "reporting is off"; NULL: nothing that would be worth a word
 * found   drivers_start's, made by DRIVER */
struct driver_row {
	const char *name;
	const char *absent;
	bool (*match)(const struct pci_function *f);
	int (*start)(struct mm *mm, const struct pci_function *f);
	int (*restart)(void);
	struct driver_found *found;
};

#define DRIVER(ident, ...)                                                                             \
	static struct driver_found driver_found_##ident; /* by its fields */                           \
	static const struct driver_row driver_##ident = {__VA_ARGS__, .found = &driver_found_##ident}; \
	TABLE_ADD(driver, driver_##ident)

TABLE_DECLARE(driver);

/* Looks through all PCI buses that the entries or ports 0xCF8 and 0xCFC lead to (pci_ways.h) and starts all devices
 * that a driver matches, each once, wherever else it shows. Whatever goes wrong is logged and leaves what the driver
 * is for off; the allocator doesn't depend on it.
 *
 * ecams    what ACPI's MCFG table has, count entries; 0: there is no MCFG
 * Called   once, by a thread, when mm_init is done. It may wait for devices, about a second each at most. */
void drivers_start(struct mm *mm, const struct pci_ecam *ecams, size_t count);

/* Has each driver that can do so bring its devices up anew. By a thread.
 * Returns how many drivers have one in use now. */
unsigned drivers_restart(void);
