/* PCI: finds functions and reads what their configuration space says, trusting none of it.
 *
 * Configuration space is reached through ECAM (PCI Express Base Specification 5.0, section 7.2.2); where it lies comes
 * from the firmware's ACPI MCFG table, which the kernel parses. Where there is no such table, ports 0xCF8 and 0xCFC are
 * the other way in (PCI Local Bus Specification 3.0, section 3.2.2.3.2); pci_ways.h says which bus is reached how. Only
 * the pci_read and pci_write functions and pci_function_at know which.
 *
 * Firmware has numbered the buses and placed the BARs; where it has placed none at all, on a machine that has hardly
 * any firmware, pci_place does. Interrupts aren't routed: that needs the _PRT methods of ACPI's AML, or MSI-X, which
 * QEMU 7.2's balloon lacks. Drivers poll.
 *
 * Locks    none: everything here runs once, at boot.
 */
#pragma once

#include "lib/types.h"

/* One MCFG entry: the configuration space of buses bus_first to bus_last. base is where bus 0's would lie, so that of
 * bus_first is at base + bus_first MiB. */
struct pci_ecam {
	paddr_t base; /* PCI_BY_PORTS: there is no such window */
	uint16_t segment;
	uint8_t bus_first;
	uint8_t bus_last;
	paddr_t window; /* addresses that pci_place may give, in any of a segment's entries; 0: none */
	uint64_t window_bytes;
	volatile uint8_t *config; /* of bus_first, by pci_ecam_map */
};

#define PCI_BY_PORTS 0u

/* Where the configuration space of one of its buses begins, 1 MiB of it. */
static inline paddr_t pci_ecam_bus(const struct pci_ecam *ecam, unsigned bus)
{
	return ecam->base + (paddr_t)bus * MIB;
}

/* Maps all of it, and keeps where. Returns false when that can't be done: it is memory, or out of reach. */
bool pci_ecam_map(struct pci_ecam *ecam);

/* One function that was found. The struct can be copied and kept. */
struct pci_function {
	volatile uint8_t *config; /* its 4 KiB of configuration space, mapped; NULL: it is reached through ports */
	uint16_t segment;
	uint8_t bus, device, function;
	uint16_t vendor_id, device_id;
};

/* Offsets in configuration space (PCI Local Bus Specification 3.0, section 6.1). */
#define PCI_VENDOR_ID	 0x00u
#define PCI_DEVICE_ID	 0x02u
#define PCI_COMMAND	 0x04u
#define PCI_STATUS	 0x06u
#define PCI_HEADER_TYPE	 0x0eu
#define PCI_BAR		 0x10u
#define PCI_CAPABILITIES 0x34u

#define PCI_COMMAND_MEMORY	 0x0002u
#define PCI_COMMAND_BUS_MASTER	 0x0004u
#define PCI_COMMAND_INTX_DISABLE 0x0400u

#define PCI_CAP_VENDOR 0x09u

/* offset lies within the 256 bytes that every function has, and is aligned to the access. */
uint8_t pci_read8(const struct pci_function *f, unsigned offset);
uint16_t pci_read16(const struct pci_function *f, unsigned offset);
uint32_t pci_read32(const struct pci_function *f, unsigned offset);
void pci_write16(const struct pci_function *f, unsigned offset, uint16_t value);
void pci_write32(const struct pci_function *f, unsigned offset, uint32_t value);

/* Sets and clears bits of the command register. */
void pci_command(const struct pci_function *f, uint16_t set, uint16_t clear);

/* Whether there are ports for configuration space. */
bool pci_has_ports(void);

/* How a function is called in the log: "00:03.0", with its segment ahead where that isn't 0: "0001:00:03.0". */
struct pci_name {
	char text[16];
};
struct pci_name pci_name(const struct pci_function *f);

/* Whether there is a function, by the first 32 bits of its configuration space: none reads as ones, and as zeros or
 * halves of either from some bridges and from windows that lead nowhere. */
bool pci_is_function(uint32_t ids);

/* The function at that place of a window that is mapped, whether there is one or not; its ids aren't set. */
struct pci_function pci_function_at(const struct pci_ecam *ecam, unsigned bus, unsigned device, unsigned function);

/* Calls visit for each function on all of the entry's buses, until it returns false. It doesn't follow bridges: a bus
 * may be a root of its own that no bridge leads to (a second socket's, QEMU's pxb), and no bridge has to be believed.
 * The function is valid during the call, a copy of it for ever. Functions that ask to be asked again get a tenth of a
 * second, all of them together.
 * Returns how many functions were visited; 0 when the window can't be mapped (logged). */
unsigned pci_scan(const struct pci_ecam *ecam, bool (*visit)(const struct pci_function *f, void *arg), void *arg);

/* Gives every memory BAR a place in the window that one of the entries has, when none has a place yet. Before any
 * driver starts. */
void pci_place(const struct pci_ecam *ecams, size_t count);

#define PCI_BARS 6u

/* A memory BAR: where it lies, and how long it is. */
struct pci_bar {
	paddr_t base;
	uint64_t bytes;
	bool wide; /* it takes the next index as well */
};

/* Reads and sizes BAR index, as pci_bar below, but takes one at 0 for what it is: not placed. */
int pci_bar_size(const struct pci_function *f, unsigned index, struct pci_bar *bar);

/* Writes its place, for which pci_bar_size must have succeeded. */
void pci_bar_set(const struct pci_function *f, unsigned index, const struct pci_bar *bar, paddr_t base);

/* Reads and sizes BAR index, which takes the function's memory decoding away for a moment: nothing may be using it.
 * Returns 0; -1 when the function has no such BAR, or it is an I/O BAR, unassigned, or makes no sense. */
int pci_bar(const struct pci_function *f, unsigned index, struct pci_bar *bar);

/* Walks the capability list. Begin with pci_cap_begin; each pci_cap_next returns the offset of the next capability
 * (0x40 to 0xfc) and its id, and 0 at the end or where the list leaves the rails: a pointer below 0x40, or more
 * capabilities than fit, which is a loop (logged). */
struct pci_cap_walk {
	const struct pci_function *f;
	uint8_t next;
	uint8_t left;
};
void pci_cap_begin(struct pci_cap_walk *walk, const struct pci_function *f);
unsigned pci_cap_next(struct pci_cap_walk *walk, uint8_t *id);
