/* Gives BARs their places where no firmware did: see pci.h. */
#include "drivers/pci.h"

#include "lib/bits.h"
#include "port/driver_port.h"

struct placing {
	paddr_t next, end;
	unsigned by_firmware, placed, left;
};

/* Calls fn for each memory BAR of a function, sized. */
static void each_bar(const struct pci_function *f, struct placing *p,
		     void (*fn)(const struct pci_function *f, unsigned index, struct pci_bar bar, struct placing *p))
{
	struct pci_bar bar;

	for (unsigned i = 0; i < PCI_BARS; i++) {
		if (pci_bar_size(f, i, &bar) < 0)
			continue;
		fn(f, i, bar, p);
		i += bar.wide;
	}
}

static void count_placed(const struct pci_function *f, unsigned index, struct pci_bar bar, struct placing *p)
{
	(void)f;
	(void)index;
	p->by_firmware += bar.base != 0;
}

static void place_bar(const struct pci_function *f, unsigned index, struct pci_bar bar, struct placing *p)
{
	const paddr_t at = align_up(p->next, bar.bytes);

	/* A device that doesn't fit isn't used; others that are smaller may still. */
	if (at < p->next || at >= p->end || bar.bytes > p->end - at) {
		p->left++;
		return;
	}
	pci_bar_set(f, index, &bar, at);
	p->next = at + bar.bytes;
	p->placed++;
}

static bool visit_count(const struct pci_function *f, void *arg)
{
	const struct placing *p = arg;

	each_bar(f, arg, count_placed);
	return p->by_firmware == 0;
}

static bool visit_place(const struct pci_function *f, void *arg)
{
	each_bar(f, arg, place_bar);
	return true;
}

static void visit_segment(const struct pci_ecam *ecams, size_t count, unsigned segment, struct placing *p,
			  bool (*visit)(const struct pci_function *f, void *arg))
{
	for (size_t i = 0; i < count; i++)
		if (ecams[i].segment == segment)
			pci_scan(&ecams[i], visit, p);
}

void pci_place(const struct pci_ecam *ecams, size_t count)
{
	const struct pci_ecam *bridge = ecams;

	while (bridge < ecams + count && !bridge->window)
		bridge++;
	if (bridge == ecams + count || bridge->window + bridge->window_bytes < bridge->window)
		return;
	struct placing p = {.next = bridge->window, .end = bridge->window + bridge->window_bytes};
	visit_segment(ecams, count, bridge->segment, &p, visit_count);
	if (p.by_firmware)
		return;
	visit_segment(ecams, count, bridge->segment, &p, visit_place);
	if (p.placed || p.left)
		driver_port_log("pci: nobody has placed a device: %u BARs are from %#llx on, %u found no room",
				p.placed, (unsigned long long)bridge->window, p.left);
}
