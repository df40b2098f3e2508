/* PCI configuration space, by ECAM or by ports: access, the scan, BARs, the capability list. */
#include "drivers/pci.h"

#include "lib/bits.h"
#include "port/driver_port.h"

#define ECAM_BUS_SHIFT	    20u /* 1 MiB a bus: 32 devices of 8 functions of 4 KiB */
#define ECAM_DEVICE_SHIFT   15u
#define ECAM_FUNCTION_SHIFT 12u
#define DEVICES_PER_BUS	    32u
#define FUNCTIONS	    8u

/* Configuration mechanism #1: which dword of which function, then its bytes. */
#define PORT_ADDRESS   0xcf8u
#define PORT_DATA      0xcfcu
#define ADDRESS_ENABLE 0x80000000u

#define VENDOR_RETRY 0x0001u
#define RETRY_NS     100000000u

#define HEADER_TYPE_MASK     0x7fu
#define HEADER_MULTIFUNCTION 0x80u
#define HEADER_DEVICE	     0u
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

bool pci_ecam_map(struct pci_ecam *ecam)
{
	if (ecam->base != PCI_BY_PORTS && !ecam->config)
		ecam->config = driver_port_map(pci_ecam_bus(ecam, ecam->bus_first),
					       (ecam->bus_last - ecam->bus_first + 1u) * MIB);
	return ecam->base == PCI_BY_PORTS || ecam->config;
}

struct pci_function pci_function_at(const struct pci_ecam *ecam, unsigned bus, unsigned device, unsigned function)
{
	const size_t at = (size_t)(bus - ecam->bus_first) << ECAM_BUS_SHIFT | device << ECAM_DEVICE_SHIFT |
			  function << ECAM_FUNCTION_SHIFT;

	return (struct pci_function){
		.config = ecam->base != PCI_BY_PORTS ? ecam->config + at : NULL,
		.segment = ecam->segment,
		.bus = (uint8_t)bus,
		.device = (uint8_t)device,
		.function = (uint8_t)function,
	};
}

struct pci_name pci_name(const struct pci_function *f)
{
	static const char hex[] = "0123456789abcdef", form[] = "ssss:bb:dd.f";
	const uint64_t digits =
		(uint64_t)f->segment << 20 | (uint64_t)f->bus << 12 | (uint64_t)f->device << 4 | f->function;
	struct pci_name name = {{0}};
	unsigned shift = 32, to = 0;

	for (unsigned i = f->segment ? 0 : 5; form[i]; i++, to++) {
		const bool digit = form[i] >= 'a';

		if (i == 5)
			shift = 16;
		name.text[to] = digit ? hex[digits >> shift & 0xf] : form[i];
		shift -= digit ? 4 : 0;
	}
	return name;
}

bool pci_is_function(uint32_t ids)
{
	return ids != 0 && ids != 0xffffffff && ids != 0x0000ffff && ids != 0xffff0000 &&
	       (ids & 0xffff) != VENDOR_RETRY;
}

struct scan {
	const struct pci_ecam *ecam;
	bool (*visit)(const struct pci_function *f, void *arg);
	void *arg;
	unsigned count;
	unsigned never_ready;
	uint64_t retry_until_ns; /* 0: no function has asked for it */
	bool stopped;
};

/* A function that isn't ready yet may answer so (PCI Express Base Specification 5.0, section 2.3.1). All have the same
 * time: by now firmware has waited for them. */
static uint32_t ids_of(struct scan *s, const struct pci_function *f)
{
	uint32_t ids = pci_read32(f, PCI_VENDOR_ID);

	while ((ids & 0xffff) == VENDOR_RETRY) {
		const uint64_t now = driver_port_now_ns();

		if (!s->retry_until_ns)
			s->retry_until_ns = now + RETRY_NS;
		if (now >= s->retry_until_ns) {
			s->never_ready++;
			break;
		}
		driver_port_relax();
		ids = pci_read32(f, PCI_VENDOR_ID);
	}
	return ids;
}

static void scan_device(struct scan *s, unsigned bus, unsigned device)
{
	unsigned functions = 1;

	for (unsigned function = 0; function < functions && !s->stopped; function++) {
		struct pci_function f = pci_function_at(s->ecam, bus, device, function);
		const uint32_t ids = ids_of(s, &f);

		if (!pci_is_function(ids))
			continue; /* without function 0 functions stays 1: there is no device */
		f.vendor_id = (uint16_t)ids;
		f.device_id = (uint16_t)(ids >> 16);
		if (function == 0 && (pci_read8(&f, PCI_HEADER_TYPE) & HEADER_MULTIFUNCTION))
			functions = FUNCTIONS;
		s->count++;
		s->stopped = !s->visit(&f, s->arg);
	}
}

unsigned pci_scan(const struct pci_ecam *ecam, bool (*visit)(const struct pci_function *f, void *arg), void *arg)
{
	struct pci_ecam mapped = *ecam;
	struct scan s = {.ecam = &mapped, .visit = visit, .arg = arg};

	if (!pci_ecam_map(&mapped)) {
		driver_port_log("pci: buses %02x to %02x: their configuration space at %#llx can't be mapped, left out",
				ecam->bus_first, ecam->bus_last,
				(unsigned long long)pci_ecam_bus(ecam, ecam->bus_first));
		return 0;
	}
	for (unsigned bus = ecam->bus_first; bus <= ecam->bus_last; bus++)
		for (unsigned device = 0; device < DEVICES_PER_BUS && !s.stopped; device++)
			scan_device(&s, bus, device);
	if (s.never_ready)
		driver_port_log("pci: %u functions say that they aren't ready yet, and are left out", s.never_ready);
	return s.count;
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

/* Whether a register is the upper half of the BAR ahead of it. */
static bool is_upper_half(const struct pci_function *f, unsigned index)
{
	unsigned at = 0;

	while (at < index) {
		const uint32_t bar = pci_read32(f, PCI_BAR + at * 4);

		at += !(bar & BAR_IO) && (bar & BAR_TYPE_MASK) == BAR_TYPE_64 ? 2 : 1;
	}
	return at != index;
}

int pci_bar_size(const struct pci_function *f, unsigned index, struct pci_bar *bar)
{
	unsigned offset = PCI_BAR + index * 4;
	uint32_t low, high = 0;
	uint64_t mask, bytes, base;
	uint16_t command;
	bool wide;

	if (index >= PCI_BARS || (pci_read8(f, PCI_HEADER_TYPE) & HEADER_TYPE_MASK) != HEADER_DEVICE ||
	    is_upper_half(f, index))
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
		driver_port_log("pci: %s: the capability list runs in a circle", pci_name(walk->f).text);
		return 0;
	}
	walk->left--;
	*id = pci_read8(walk->f, at);
	walk->next = pci_read8(walk->f, at + 1);
	return at;
}
