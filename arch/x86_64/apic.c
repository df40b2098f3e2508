/* The local APIC (SDM volume 3, 11), through its memory window, and the 8259s put away.
 */
#include "arch/x86_64/apic.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/irq_private.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/trap.h"
#include "lib/bits.h"

#define LAPIC_ID	    0x20u
#define LAPIC_VERSION	    0x30u
#define LAPIC_TPR	    0x80u
#define LAPIC_EOI	    0xb0u
#define LAPIC_SPURIOUS	    0xf0u
#define LAPIC_LVT_TIMER	    0x320u
#define LAPIC_LVT_LINT0	    0x350u
#define LAPIC_LVT_LINT1	    0x360u
#define LAPIC_LVT_ERROR	    0x370u
#define LAPIC_TIMER_INITIAL 0x380u
#define LAPIC_TIMER_CURRENT 0x390u
#define LAPIC_TIMER_DIVIDE  0x3e0u

#define LVT_MASKED   0x10000u
#define LVT_NMI	     0x400u
#define DIVIDE_BY_16 0x3u
_Static_assert(LAPIC_TIMER_DIVISOR == 16, "as the register is set");

#define BASE_ENABLE  BIT(11)
#define BASE_X2APIC  BIT(10)
#define BASE_ADDRESS (bits_low(52) & ~bits_low(12))

#define LVT_ENTRIES_LEAST 3u /* timer, LINT0, LINT1 */
#define LVT_ENTRIES_MOST  32u

static volatile uint32_t *lapic;

static uint32_t lapic_read(unsigned reg)
{
	return lapic[reg / 4];
}

static void lapic_write(unsigned reg, uint32_t v)
{
	lapic[reg / 4] = v;
}

/* The 8259s get vectors that do no harm, since even masked ones raise spurious interrupts, and are masked. */
static void pic_off(void)
{
	static const struct {
		uint16_t port;
		uint8_t value;
	} steps[] = {
		{0x20, 0x11},	    {0xa0, 0x11},	    /* initialise */
		{0x21, VECTOR_PIC}, {0xa1, VECTOR_PIC + 8}, /* vectors */
		{0x21, 4},	    {0xa1, 2},
		{0x21, 1},	    {0xa1, 1},	  /* cascade, 8086 mode */
		{0x21, 0xff},	    {0xa1, 0xff}, /* all masked */
	};

	for (unsigned i = 0; i < ARRAY_LEN(steps); i++)
		outb(steps[i].port, steps[i].value);
}

/* Whether what lies at paddr looks like a local APIC; maps it. Read only, since it may be anything. */
static bool answers(paddr_t paddr)
{
	lapic = paddr ? mmio_map(paddr, FRAME_SIZE) : NULL;
	if (!lapic)
		return false;
	const uint32_t version = lapic_read(LAPIC_VERSION), entries = (version >> 16 & 0xff) + 1;
	return (version & 0xff) != 0 && (version & 0xff) != 0xff && entries >= LVT_ENTRIES_LEAST &&
	       entries <= LVT_ENTRIES_MOST;
}

/* On, with registers in memory. From x2APIC mode, in which it has none, the only way there is by off (SDM volume 3,
 * 11.12.5). Returns where the CPU says they are. */
static paddr_t enable(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if (base & BASE_X2APIC) {
		base &= ~(uint64_t)(BASE_X2APIC | BASE_ENABLE);
		wrmsr(MSR_APIC_BASE, base);
	}
	wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
	return base & BASE_ADDRESS;
}

paddr_t lapic_init(paddr_t paddr)
{
	if (!(cpuid(1).d & BIT(9)))
		return 0;
	pic_off();
	const paddr_t by_cpu = enable();
	if (answers(by_cpu))
		paddr = by_cpu;
	else if (!answers(paddr))
		return 0;
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, LVT_NMI);
	lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
	lapic_write(LAPIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS); /* enabled */
	lapic_write(LAPIC_EOI, 0);
	return paddr;
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

uint32_t lapic_id(void)
{
	return lapic_read(LAPIC_ID) >> 24;
}

void lapic_timer_mode(unsigned vector)
{
	lapic_write(LAPIC_LVT_TIMER, vector ? vector : LVT_MASKED); /* one-shot */
}

void lapic_timer_start(uint32_t ticks)
{
	lapic_write(LAPIC_TIMER_INITIAL, ticks);
}

uint32_t lapic_timer_count(void)
{
	return lapic_read(LAPIC_TIMER_CURRENT);
}
