/* ACPI tables: kernel/firmware/acpi_tables.c and acpi_power.c read the input as physical memory from PADDR_BASE on.
 *
 * Every map is a copy of just the bytes asked for, so that ASan sees a read behind them. The first byte says whether
 * checksums are made right on the way (bit 0), or else nothing would be got past them. Checked: what comes out can be,
 * and no table counts as sound that doesn't sum to zero.
 */
#include <stdlib.h>

#include "kernel/firmware/acpi_tables.h"
#include "lib/bits.h"
#include "tests/fuzz/fuzz.h"

#define PADDR_BASE 0x1000u
#define MAPS_MAX   2048u

static const uint8_t *memory;
static size_t memory_bytes;
static bool fix_sums;
static uint8_t *maps[MAPS_MAX];
static unsigned map_count, sound_most;
static bool sound_madt, sound_mcfg, sound_fadt, sound_hpet;

static uint8_t sum_of(const uint8_t *p, size_t bytes)
{
	uint8_t sum = 0;

	while (bytes--)
		sum = (uint8_t)(sum + *p++);
	return sum;
}

static const uint8_t *map(paddr_t paddr, size_t bytes)
{
	uint8_t *copy;
	uint32_t length;

	if (paddr < PADDR_BASE || paddr - PADDR_BASE > memory_bytes || bytes > memory_bytes - (paddr - PADDR_BASE) ||
	    map_count == MAPS_MAX)
		return NULL;
	copy = malloc(bytes);
	memcpy(copy, memory + (paddr - PADDR_BASE), bytes);
	maps[map_count++] = copy;
	memcpy(&length, copy + 4, 4);
	if (fix_sums && bytes >= 20 && memcmp(copy, "RSD PTR ", 8) == 0) {
		copy[8] = (uint8_t)(copy[8] - sum_of(copy, 20));
		if (bytes == 36)
			copy[32] = (uint8_t)(copy[32] - sum_of(copy, 36));
	} else if (length == bytes && bytes > 9) {
		if (fix_sums)
			copy[9] = (uint8_t)(copy[9] - sum_of(copy, bytes));
		if (sum_of(copy, bytes) == 0) {
			sound_most++;
			sound_madt |= memcmp(copy, "APIC", 4) == 0;
			sound_mcfg |= memcmp(copy, "MCFG", 4) == 0;
			sound_fadt |= memcmp(copy, "FACP", 4) == 0;
			sound_hpet |= memcmp(copy, "HPET", 4) == 0;
		}
	}
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct acpi_info info;
	unsigned sound;

	if (bytes == 0)
		return 0;
	fix_sums = data[0] & 1;
	memory = data + 1;
	memory_bytes = bytes - 1;
	map_count = 0;
	sound_most = 0;
	sound_madt = sound_mcfg = sound_fadt = sound_hpet = false;
	memset(&info, 0xff, sizeof(info)); /* nothing that is left from before may come out */
	sound = acpi_parse(data[0] & 2 ? PADDR_BASE + (data[0] >> 2) : PADDR_BASE, map, fuzz_say, &info);
	FUZZ_CHECK(sound <= sound_most);
	FUZZ_CHECK(sound_madt || !info.have_madt);
	FUZZ_CHECK(sound_mcfg || sound_fadt || info.mcfg.count == 0);
	FUZZ_CHECK(sound_fadt || (!info.pm_timer_port && !info.power.control_a));
	FUZZ_CHECK(sound_hpet || !info.hpet);
	FUZZ_CHECK(sound_fadt || (!info.power.has_s5 && info.power.sleep.space == ACPI_NOWHERE && !info.window));
	FUZZ_CHECK(info.cpus >= 1);
	FUZZ_CHECK(info.ioapic_count <= ACPI_IOAPICS);
	for (unsigned i = 0; i < info.ioapic_count; i++)
		for (unsigned j = 0; j < i; j++)
			FUZZ_CHECK(info.ioapic[i].paddr != info.ioapic[j].paddr &&
				   info.ioapic[i].gsi_base != info.ioapic[j].gsi_base);
	FUZZ_CHECK(info.have_madt || (info.cpus == 1 && info.ioapic_count == 0));
	FUZZ_CHECK(info.mcfg.count <= ACPI_ECAMS && (!info.mcfg.by_dsdt || info.mcfg.count == 1));
	for (unsigned i = 0; i < info.mcfg.count; i++) {
		const struct acpi_ecam *e = &info.mcfg.ecam[i];

		FUZZ_CHECK(e->base != 0 && is_aligned(e->base, MIB) && e->bus_first <= e->bus_last);
		FUZZ_CHECK(e->base + (e->bus_last + 1u) * MIB > e->base);
	}
	FUZZ_CHECK(info.pm_timer_port <= 0xfffc);
	FUZZ_CHECK(info.pm_timer_port ? info.pm_timer_bits == 24 || info.pm_timer_bits == 32 : info.pm_timer_bits == 0);
	FUZZ_CHECK(sound != 0 || (!info.have_madt && info.mcfg.count == 0 && !info.pm_timer_port));
	FUZZ_CHECK(!info.power.has_s5 || ((info.power.control_a != 0 || info.power.sleep.space != ACPI_NOWHERE) &&
					  info.power.type_a <= 7 && info.power.type_b <= 7));
	while (map_count)
		free(maps[--map_count]);
	return 0;
}
