/* IOAPICs: which input interrupts the boot CPU with which vector (Intel 82093AA data sheet).
 */
#include "arch/x86_64/apic.h"
#include "arch/x86_64/irq_private.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/trap.h"

#define IOAPIC_VERSION	0x01u
#define IOAPIC_REDIRECT 0x10u /* two registers for each input */

#define REDIRECT_LOW	0x2000u /* active low */
#define REDIRECT_LEVEL	0x8000u
#define REDIRECT_MASKED 0x10000u

#define IOAPIC_MAX 64u /* as many as the ACPI tables give */
#define ISA_IRQS   16u

static struct ioapic {
	volatile uint32_t *regs; /* [0] selects, [4] is the window */
	unsigned gsi_base;
	unsigned inputs;
} ioapics[IOAPIC_MAX];
static unsigned ioapic_count;

static struct {
	unsigned gsi;
	bool overridden, level, low;
} isa[ISA_IRQS];

static unsigned next_vector = VECTOR_GSI;

static uint32_t ioapic_read(struct ioapic *io, unsigned reg)
{
	io->regs[0] = reg;
	return io->regs[4];
}

static void ioapic_write(struct ioapic *io, unsigned reg, uint32_t v)
{
	io->regs[0] = reg;
	io->regs[4] = v;
}

int ioapic_add(paddr_t paddr, unsigned gsi_base)
{
	struct ioapic *io = &ioapics[ioapic_count];

	if (ioapic_count == IOAPIC_MAX)
		return -1;
	io->regs = mmio_map(paddr, 32);
	if (!io->regs)
		return -1;
	io->gsi_base = gsi_base;
	io->inputs = (ioapic_read(io, IOAPIC_VERSION) >> 16 & 0xff) + 1;
	for (unsigned i = 0; i < io->inputs; i++)
		ioapic_write(io, IOAPIC_REDIRECT + 2 * i, REDIRECT_MASKED);
	ioapic_count++;
	return 0;
}

void irq_isa_override(unsigned irq, unsigned gsi, bool level, bool active_low)
{
	if (irq >= ISA_IRQS)
		return;
	isa[irq].overridden = true;
	isa[irq].gsi = gsi;
	isa[irq].level = level;
	isa[irq].low = active_low;
}

static int route(unsigned gsi, bool level, bool low, irq_fn *fn, void *arg)
{
	for (unsigned i = 0; i < ioapic_count; i++) {
		struct ioapic *io = &ioapics[i];
		unsigned input = gsi - io->gsi_base;

		if (gsi < io->gsi_base || input >= io->inputs)
			continue;
		if (next_vector == VECTOR_GSI_END || !(ioapic_read(io, IOAPIC_REDIRECT + 2 * input) & REDIRECT_MASKED))
			return -1;
		irq_set_vector(next_vector, fn, arg);
		ioapic_write(io, IOAPIC_REDIRECT + 2 * input + 1, lapic_id() << 24);
		ioapic_write(io, IOAPIC_REDIRECT + 2 * input,
			     next_vector | (level ? REDIRECT_LEVEL : 0) | (low ? REDIRECT_LOW : 0));
		next_vector++;
		return 0;
	}
	return -1;
}

int irq_install(unsigned gsi, enum irq_trigger trigger, irq_fn *fn, void *arg)
{
	const bool level = trigger == IRQ_LEVEL;

	for (unsigned irq = 0; irq < ISA_IRQS; irq++)
		if (isa[irq].overridden && isa[irq].gsi == gsi)
			return route(gsi, isa[irq].level, isa[irq].low, fn, arg);
	return route(gsi, level, level, fn, arg);
}

int irq_install_isa(unsigned irq, irq_fn *fn, void *arg)
{
	if (irq >= ISA_IRQS)
		return -1;
	return irq_install(isa[irq].overridden ? isa[irq].gsi : irq, IRQ_EDGE, fn, arg);
}
