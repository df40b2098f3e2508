/* Gives the ACPI parser physical memory to read, and says what came out.
 */
#include "kernel/machine/acpi.h"

#include "arch/x86_64/paging.h"
#include "kernel/base/log.h"
#include "kernel/base/power.h"

static struct acpi_info info; /* (B) */

/* Through the direct map where it reaches all of it; firmware may keep tables in memory that it doesn't cover. */
static const uint8_t *map_table(paddr_t paddr, size_t bytes)
{
	paddr_t limit = paging_paddr_limit();
	bool direct = paddr < limit && bytes <= limit - paddr;

	for (paddr_t at = paddr & ~(paddr_t)(FRAME_SIZE - 1); direct && at < paddr + bytes; at += FRAME_SIZE) {
		paddr_t there;
		direct = paging_lookup((uint64_t)(uintptr_t)phys_to_virt(at), &there, NULL);
	}
	return direct ? phys_to_virt(paddr) : mmio_map(paddr, bytes);
}

void acpi_init(paddr_t rsdp)
{
	unsigned tables = acpi_parse(rsdp, map_table, log_printf, &info);
	power_use_acpi(&info.power);

	log_printf("ACPI: %u tables, %u CPU%s, %u IOAPIC%s, ECAM 0x%lx, PM timer port 0x%x", tables, info.cpus,
		   info.cpus == 1 ? "" : "s", info.ioapic_count, info.ioapic_count == 1 ? "" : "s",
		   info.mcfg.count ? info.mcfg.ecam[0].base : 0, info.pm_timer_port);
}

const struct acpi_info *acpi_info(void)
{
	return &info;
}
