/* PCI configuration space, by ECAM or by ports: access, the scan, BARs, the capability list. */
#include "drivers/pci.h"

#include "lib/bits.h"
#include "port/driver_port.h"

#define ECAM_DEVICE_SHIFT   15u /* 1 MiB a bus: 32 devices of 8 functions of 4 KiB */
#define ECAM_FUNCTION_SHIFT 12u
#define BUS_COUNT	    256u
#define DEVICES_PER_BUS	    32u
#define FUNCTIONS	    8u

/* Configuration mechanism #1: which dword of which function, then its bytes. */
#define PORT_ADDRESS   0xcf8u
#define PORT_DATA      0xcfcu
#define ADDRESS_ENABLE 0x80000000u

#define VENDOR_NONE	     0xffffu
#define HEADER_TYPE_MASK     0x7fu
#define HEADER_MULTIFUNCTION 0x80u
#define HEADER_DEVICE	     0u
#define HEADER_BRIDGE	     1u
#define STATUS_CAPABILITIES  0x10u

#define BAR_IO		0x1u
#define BAR_TYPE_MASK	0x6u
#define BAR_TYPE_32	0x0u
#define BAR_TYPE_64	0x4u
#define BAR_MEMORY_MASK 0xfffffff0u

/* Capabilities lie from 0x40 to 0xff and take at least 4 bytes each. */
#define CAP_FIRST 0x40u
#define CAP_MAX	  ((256u - CAP_FIRST) / 4u)

static void select_dword(const struct pci_function *f, unsigned offset)
{
	driver_port_out32(PORT_ADDRESS, ADDRESS_ENABLE | (uint32_t)f->bus << 16 | (uint32_t)f->device << 11 |
						(uint32_t)f->function << 8 | (offset & 0xfcu));
}

uint8_t pci_read8(const struct pci_function *f, unsigned offset)
{
	if (f->config)
		return driver_port_read8(f->config + offset);
	return (uint8_t)(pci_read32(f, offset & ~3u) >> 8 * (offset & 3));
}

uint16_t pci_read16(const struct pci_function *f, unsigned offset)
{
	if (f->config)
		return driver_port_read16(f->config + offset);
	return (uint16_t)(pci_read32(f, offset & ~3u) >> 8 * (offset & 2));
}

uint32_t pci_read32(const struct pci_function *f, unsigned offset)
{
	if (f->config)
		return driver_port_read32(f->config + offset);
	select_dword(f, offset);
	return driver_port_in32(PORT_DATA);
}

/* Not by way of 32 bits: the status register, beside the command, clears what ones are written to. */
void pci_write16(const struct pci_function *f, unsigned offset, uint16_t value)
{
	if (f->config) {
		driver_port_write16(f->config + offset, value);
		return;
	}
	select_dword(f, offset);
	driver_port_out16((uint16_t)(PORT_DATA + (offset & 2)), value);
}

void pci_write32(const struct pci_function *f, unsigned offset, uint32_t value)
{
	if (f->config) {
		driver_port_write32(f->config + offset, value);
		return;
	}
	select_dword(f, offset);
	driver_port_out32(PORT_DATA, value);
}

bool pci_has_ports(void)
{
	driver_port_out32(PORT_ADDRESS, ADDRESS_ENABLE);
	return driver_port_in32(PORT_ADDRESS) == ADDRESS_ENABLE;
}

void pci_command(const struct pci_function *f, uint16_t set, uint16_t clear)
{
	uint16_t command = pci_read16(f, PCI_COMMAND);

	pci_write16(f, PCI_COMMAND, (uint16_t)((command & ~clear) | set));
}

/* The buses still to be looked at and those that were found, one bit each: a bridge that names a bus again, its own
 * bus, or one outside of the window adds nothing, so the scan ends whatever the bridges claim. */
struct bus_set {
	uint64_t pending[BUS_COUNT / 64];
	uint64_t known[BUS_COUNT / 64];
};

static void bus_add(struct bus_set *set, const struct pci_ecam *ecam, unsigned bus)
{
	if (bus < ecam->bus_first || bus > ecam->bus_last)
		return;
	if (set->known[bus / 64] & BIT(bus % 64))
		return;
	set->known[bus / 64] |= BIT(bus % 64);
	set->pending[bus / 64] |= BIT(bus % 64);
}

static bool bus_take(struct bus_set *set, unsigned *bus)
{
	for (unsigned i = 0; i < ARRAY_LEN(set->pending); i++) {
		if (!set->pending[i])
			continue;
		*bus = i * 64 + bit_first(set->pending[i]);
		set->pending[i] &= set->pending[i] - 1;
		return true;
	}
	return false;
}

static bool function_read(struct pci_function *f)
{
	f->vendor_id = pci_read16(f, PCI_VENDOR_ID);
	if (f->vendor_id == VENDOR_NONE)
		return false;
	f->device_id = pci_read16(f, PCI_DEVICE_ID);
	return true;
}

unsigned pci_scan(const struct pci_ecam *ecam, bool (*visit)(const struct pci_function *f, void *arg), void *arg)
{
	struct bus_set set = {0};
	unsigned bus, count = 0;

	bus_add(&set, ecam, ecam->bus_first);
	while (bus_take(&set, &bus)) {
		volatile uint8_t *base = NULL;

		if (ecam->base != PCI_BY_PORTS)
			base = driver_port_map(pci_ecam_bus(ecam, bus), MIB);
		if (!base && ecam->base != PCI_BY_PORTS) {
			driver_port_log("pci: bus %02x: its configuration space at %#llx can't be mapped, left out",
					bus, (unsigned long long)pci_ecam_bus(ecam, bus));
			continue;
		}
		for (unsigned device = 0; device < DEVICES_PER_BUS; device++) {
			unsigned functions = 1;

			for (unsigned function = 0; function < functions; function++) {
				struct pci_function f = {
					.config = base ? base + (device << ECAM_DEVICE_SHIFT) +
								  (function << ECAM_FUNCTION_SHIFT)
						       : NULL,
					.bus = (uint8_t)bus,
					.device = (uint8_t)device,
					.function = (uint8_t)function,
				};
				uint8_t header;

				if (!function_read(&f))
					continue; /* without function 0 functions stays 1: there is no device */
				header = pci_read8(&f, PCI_HEADER_TYPE);
				if (function == 0 && (header & HEADER_MULTIFUNCTION))
					functions = FUNCTIONS;
				if ((header & HEADER_TYPE_MASK) == HEADER_BRIDGE)
					bus_add(&set, ecam, pci_read8(&f, PCI_SECONDARY_BUS));
				count++;
				if (!visit(&f, arg))
					return count;
			}
		}
	}
	return count;
}

/* Writes ones to a BAR, reads back which bits stick, and restores it (PCI 3.0, section 6.2.5.1). */
static uint32_t bar_probe(const struct pci_function *f, unsigned offset, uint32_t value)
{
	uint32_t mask;

	pci_write32(f, offset, ~0u);
	mask = pci_read32(f, offset);
	pci_write32(f, offset, value);
	return mask;
}

int pci_bar_size(const struct pci_function *f, unsigned index, struct pci_bar *bar)
{
	unsigned offset = PCI_BAR + index * 4;
	uint32_t low, high = 0;
	uint64_t mask, bytes, base;
	uint16_t command;
	bool wide;

	if (index >= PCI_BARS || (pci_read8(f, PCI_HEADER_TYPE) & HEADER_TYPE_MASK) != HEADER_DEVICE)
		return -1;
	low = pci_read32(f, offset);
	if ((low & BAR_IO) || ((low & BAR_TYPE_MASK) != BAR_TYPE_32 && (low & BAR_TYPE_MASK) != BAR_TYPE_64))
		return -1;
	wide = (low & BAR_TYPE_MASK) == BAR_TYPE_64;
	if (wide && index + 1 >= PCI_BARS)
		return -1;

	/* While a BAR holds ones the function would answer at an address that isn't its own. */
	command = pci_read16(f, PCI_COMMAND);
	pci_write16(f, PCI_COMMAND, (uint16_t)(command & ~PCI_COMMAND_MEMORY));
	mask = bar_probe(f, offset, low) & BAR_MEMORY_MASK;
	if (wide) {
		high = pci_read32(f, offset + 4);
		mask |= (uint64_t)bar_probe(f, offset + 4, high) << 32;
	} else if (mask) {
		mask |= ~0ull << 32;
	}
	pci_write16(f, PCI_COMMAND, command);

	/* The bits that stick are those above the size: ones from the size's bit upwards. */
	base = ((uint64_t)high << 32) | (low & BAR_MEMORY_MASK);
	bytes = ~mask + 1;
	if (!mask || (bytes & (bytes - 1)) || !is_aligned(base, bytes))
		return -1;
	*bar = (struct pci_bar){base, bytes, wide};
	return 0;
}

int pci_bar(const struct pci_function *f, unsigned index, struct pci_bar *bar)
{
	return pci_bar_size(f, index, bar) < 0 || !bar->base ? -1 : 0;
}

void pci_bar_set(const struct pci_function *f, unsigned index, const struct pci_bar *bar, paddr_t base)
{
	pci_write32(f, PCI_BAR + index * 4, (uint32_t)base);
	if (bar->wide)
		pci_write32(f, PCI_BAR + index * 4 + 4, (uint32_t)(base >> 32));
}

void pci_cap_begin(struct pci_cap_walk *walk, const struct pci_function *f)
{
	walk->f = f;
	walk->left = CAP_MAX;
	walk->next = 0;
	if (pci_read16(f, PCI_STATUS) & STATUS_CAPABILITIES)
		walk->next = pci_read8(f, PCI_CAPABILITIES);
}

unsigned pci_cap_next(struct pci_cap_walk *walk, uint8_t *id)
{
	unsigned at = walk->next & ~3u; /* the two lowest bits are reserved */

	if (at < CAP_FIRST)
		return 0;
	if (walk->left == 0) {
		driver_port_log("pci: %02x:%02x.%x: the capability list runs in a circle", walk->f->bus,
				walk->f->device, walk->f->function);
		return 0;
	}
	walk->left--;
	*id = pci_read8(walk->f, at);
	walk->next = pci_read8(walk->f, at + 1);
	return at;
}
