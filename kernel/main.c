/* The boot order: from the loader's jump to the prompt.
 */
#include "arch/x86_64/apic.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/irq.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/trap.h"
#include "arch/x86_64/upcall.h"
#include "drivers/drivers.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/start.h"
#include "kernel/base/tty.h"
#include "kernel/base/version.h"
#include "kernel/console/console.h"
#include "kernel/console/newlib.h"
#include "kernel/machine/acpi.h"
#include "kernel/machine/boot_text.h"
#include "kernel/machine/clock_start.h"
#include "kernel/machine/cmdline.h"
#include "kernel/machine/pvh.h"
#include "kernel/memory/memory.h"
#include "kernel/sched/idle.h"
#include "kernel/sched/runqueue.h"
#include "kernel/sched/thread.h"
#include "lib/table.h"
#include "mm/mm.h"

#define IOAPIC_PC_PADDR 0xfec00000u /* where a PC without a MADT has it */

static uint64_t boot_ms; /* (T, A) */
STAT(boot_ms, "boot.ms", "ms", "from the loader's start to the prompt", &boot_ms);

static uint64_t irq_off_max_ns(void)
{
	return clock_tsc_to_ns(irq_off_max_tsc());
}

STAT_GET(irq_off_max, "irq.off_max_ns", "ns", "longest time with interrupts off", irq_off_max_ns);

static char cmdline[BOOT_CMDLINE_MAX + 1]; /* (B) */
static char terminal[256];		   /* (B) */

static void say_version(void)
{
	static const char text[] = "Nought " NOUGHT_VERSION "\n";

	tty_write(text, sizeof(text) - 1);
}

static void start_interrupts(void)
{
	const struct acpi_info *acpi = acpi_info();

	if (!acpi->ioapic_count && ioapic_add(IOAPIC_PC_PADDR, 0) < 0)
		log_printf("interrupts: the IOAPIC at 0x%x can't be used", IOAPIC_PC_PADDR);
	for (unsigned i = 0; i < acpi->ioapic_count; i++)
		if (ioapic_add(acpi->ioapic[i].paddr, acpi->ioapic[i].gsi_base) < 0)
			log_printf("interrupts: the IOAPIC at 0x%lx can't be used", acpi->ioapic[i].paddr);
	for (unsigned irq = 0; irq < ACPI_ISA; irq++)
		if (acpi->isa[irq].set)
			irq_isa_override(irq, acpi->isa[irq].gsi, acpi->isa[irq].level, acpi->isa[irq].low);
	sched_init(idle_wake_due);
	if (!tty_start())
		log_printf("tty: no interrupt for COM1, input doesn't work");
	irq_enable();
}

/* Whether nobody calls any of it memory. */
static bool is_window(const struct acpi_info *acpi)
{
	const pfn_t first = paddr_to_pfn(acpi->window);

	return memory_ram_frames(first, paddr_to_pfn(acpi->window + acpi->window_bytes)) == 0;
}

static void start_drivers(void)
{
	static struct pci_ecam ecams[ACPI_ECAMS]; /* (B) */
	const struct acpi_info *acpi = acpi_info();

	for (unsigned i = 0; i < acpi->mcfg.count; i++) {
		const struct acpi_ecam *e = &acpi->mcfg.ecam[i];

		ecams[i] = (struct pci_ecam){
			.base = e->base,
			.segment = e->segment,
			.bus_first = e->bus_first,
			.bus_last = e->bus_last,
		};
		if (e->segment == 0 && is_window(acpi)) {
			ecams[i].window = acpi->window;
			ecams[i].window_bytes = acpi->window_bytes;
		}
	}
	drivers_start(&mm_system, ecams, acpi->mcfg.count);
}

/* The console's thread: devices first, since bringing them up may wait. */
static void console_thread(void *unused)
{
	start_drivers();
	TABLE_FOR_EACH (start, struct start_row, row)
		if (row->settle)
			row->settle();
	boot_ms = clock_ns() / 1000000;
	log_printf("boot: up after %lu ms", boot_ms);
	console_run(unused);
}

_Noreturn void kernel_main(struct boot_info *info)
{
	trap_init();
	const bool seen = tty_init();
	say_version();
	if (!seen)
		log_printf("tty: no UART at COM1, nobody will see this");
	if (info->magic != BOOT_INFO_MAGIC || info->version != BOOT_INFO_VERSION)
		panic("boot: the loader's information is not of version %u", BOOT_INFO_VERSION);
	if (info->way == BOOT_BY_PVH)
		pvh_read(info);
	boot_text_cmdline(info, cmdline, sizeof(cmdline));
	boot_text_terminal(terminal, sizeof(terminal));
	boot_text_keep(info);
	uint64_t entry_tsc = info->entry_tsc;
	paddr_t rsdp = info->rsdp;
	memory_map(info);

	acpi_init(rsdp);
	clock_start(entry_tsc);
	cmdline_apply(terminal);
	cmdline_apply(cmdline);
	memory_start(); /* from here on info is gone */
	newlib_init();
	start_interrupts();

	TABLE_FOR_EACH (start, struct start_row, row)
		row->start();
	if (!thread_create("console", console_thread, NULL))
		panic("boot: no memory for the stack of thread console");
	idle_run();
}
