/* What CPUs and hypervisors tell of their clocks, by leaves as they have them. */
#include <string.h>

#include "kernel/firmware/cpu_rates.h"
#include "tests/unit/test.h"

static struct cpu_leaves leaves;

static void on_hardware(void)
{
	memset(&leaves, 0, sizeof(leaves));
}

static void as_guest_of(const char *name)
{
	on_hardware();
	leaves.features.c = 1u << 31;
	memcpy((uint8_t *)&leaves.hypervisor + 4, name, 12);
}

TEST(cpu_rates, nothing_told_is_nothing_known)
{
	on_hardware();
	const struct cpu_rates r = cpu_rates(&leaves);
	CHECK(!r.tsc_by && !r.bus_by);
	CHECK_EQ(r.tsc_hz, 0);
	CHECK_EQ(r.bus_hz, 0);
}

TEST(cpu_rates, crystal_and_ratio)
{
	on_hardware();
	leaves.crystal = (struct cpu_leaf){2, 216, 24000000, 0}; /* a Skylake of 2.6 GHz */
	CHECK_EQ(cpu_rates(&leaves).tsc_hz, 2592000000);
	CHECK_STR(cpu_rates(&leaves).tsc_by, "CPUID leaf 0x15");
	leaves.crystal = (struct cpu_leaf){1, 0xffffffff, 0xffffffff, 0}; /* no such rate, and no overflow */
	CHECK(!cpu_rates(&leaves).tsc_by);
	leaves.crystal = (struct cpu_leaf){0, 216, 24000000, 0}; /* no ratio, nothing to divide by */
	CHECK(!cpu_rates(&leaves).tsc_by);
}

TEST(cpu_rates, a_crystal_of_0_leaves_it_to_the_base_frequency)
{
	on_hardware();
	leaves.crystal = (struct cpu_leaf){2, 216, 0, 0};
	leaves.frequency = (struct cpu_leaf){2600, 3500, 100, 0};
	CHECK_EQ(cpu_rates(&leaves).tsc_hz, 2600000000);
	CHECK_STR(cpu_rates(&leaves).tsc_by, "CPUID leaf 0x16");
	leaves.frequency.a = 0xffff0000 | 2100; /* the upper half is reserved */
	CHECK_EQ(cpu_rates(&leaves).tsc_hz, 2100000000);
	leaves.frequency.a = 9;
	CHECK(!cpu_rates(&leaves).tsc_by);
}

TEST(cpu_rates, the_hypervisors_word_goes_first_where_there_is_one)
{
	as_guest_of("KVMKVMKVM\0\0\0");
	leaves.crystal = (struct cpu_leaf){2, 216, 24000000, 0};
	leaves.timing = (struct cpu_leaf){1900000, 1000000, 0, 0};
	const struct cpu_rates r = cpu_rates(&leaves);
	CHECK_EQ(r.tsc_hz, 1900000000);
	CHECK_STR(r.tsc_by, "CPUID leaf 0x40000010");
	CHECK_EQ(r.bus_hz, 1000000000);
	on_hardware();
	leaves.timing = (struct cpu_leaf){1900000, 1000000, 0, 0}; /* without a hypervisor it means nothing */
	CHECK(!cpu_rates(&leaves).tsc_by);
	CHECK(!cpu_rates(&leaves).bus_by);
	as_guest_of("VMwareVMware");
	leaves.timing = (struct cpu_leaf){0, 66000, 0, 0};
	CHECK(!cpu_rates(&leaves).tsc_by);
	CHECK_EQ(cpu_rates(&leaves).bus_hz, 66000000);
}

TEST(cpu_rates, the_bus_of_qemu_and_kvm_is_known)
{
	as_guest_of("TCGTCGTCGTCG");
	CHECK_EQ(cpu_rates(&leaves).bus_hz, 1000000000);
	CHECK(!cpu_rates(&leaves).tsc_by);
	as_guest_of("KVMKVMKVM\0\0\0");
	CHECK_EQ(cpu_rates(&leaves).bus_hz, 1000000000);
	as_guest_of("Microsoft Hv");
	CHECK(!cpu_rates(&leaves).bus_by);
	on_hardware();
	memcpy((uint8_t *)&leaves.hypervisor + 4, "KVMKVMKVM\0\0\0", 12);
	CHECK(!cpu_rates(&leaves).bus_by);
}
