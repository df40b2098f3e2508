/* DIMM slots by the registers that QEMU's ACPI code for them uses (specs/acpi_mem_hotplug in QEMU's documentation).
 * They are asked only where fw_cfg says that this is QEMU.
 */
#include "kernel/machine/dimm.h"

#include "arch/x86_64/asm.h"
#include "kernel/base/log.h"
#include "kernel/base/start.h"
#include "kernel/machine/fw_cfg.h"

#define PORT	   0x0a00u
#define SELECT	   (PORT + 0x00) /* write: the slot that all others speak of */
#define SIZE_LOW   (PORT + 0x08)
#define SIZE_HIGH  (PORT + 0x0c)
#define FLAGS	   (PORT + 0x14)
#define FLAG_THERE 0x01u
#define SLOTS_MAX  256u
#define ALWAYS	   "etc/acpi/tables" /* a file that a QEMU with ACPI has */

uint64_t dimm_bytes(unsigned *count)
{
	uint64_t bytes = 0;

	*count = 0;
	if (fw_cfg_size(ALWAYS) < 0)
		return 0;
	for (unsigned slot = 0; slot < SLOTS_MAX; slot++) {
		outl(SELECT, slot);
		const uint8_t flags = inb(FLAGS);
		const uint64_t size = inl(SIZE_LOW) | (uint64_t)inl(SIZE_HIGH) << 32;
		if (size == ~0ull) /* nothing answers at that port */
			return 0;
		if (!(flags & FLAG_THERE))
			continue;
		bytes += size;
		++*count;
	}
	return bytes;
}

static void say(void)
{
	unsigned count;
	const uint64_t bytes = dimm_bytes(&count);

	if (bytes != 0)
		log_printf("memory: %lu MiB in %u DIMM slot%s aren't used: they are in no memory map", bytes >> 20,
			   count, count == 1 ? "" : "s");
}

START(dimm, .name = "dimm", .start = say);
