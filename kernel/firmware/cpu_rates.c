/* Intel SDM volume 2, CPUID, for leaves 0x15 and 0x16; the others are VMware's proposal of 2008 to all hypervisors
 * (lkml.org/lkml/2008/10/1/246), which KVM's users follow. */
#include "kernel/firmware/cpu_rates.h"

#include <string.h>

#define KHZ	       1000ull
#define MHZ	       1000000ull
#define LEAST_HZ       (10 * MHZ)
#define MOST_HZ	       (100000 * MHZ)
#define FEATURE_GUEST  (1u << 31)
#define HYPERVISOR_BUS (1000 * MHZ) /* of the APIC that KVM and QEMU have */

static bool can_be(uint64_t hz)
{
	return hz >= LEAST_HZ && hz <= MOST_HZ;
}

/* 12 bytes in EBX, ECX, EDX. */
static bool is_named(const struct cpu_leaf *leaf, const char *name)
{
	return memcmp(&leaf->b, name, 4) == 0 && memcmp(&leaf->c, name + 4, 4) == 0 &&
	       memcmp(&leaf->d, name + 8, 4) == 0;
}

static uint64_t by_crystal(const struct cpu_leaf *crystal)
{
	return crystal->a ? (uint64_t)crystal->c * crystal->b / crystal->a : 0;
}

static void find_tsc(const struct cpu_leaves *l, bool guest, struct cpu_rates *out)
{
	const struct {
		const char *by;
		uint64_t hz;
	} words[] = {
		{"CPUID leaf 0x40000010", guest ? l->timing.a * KHZ : 0},
		{"CPUID leaf 0x15", by_crystal(&l->crystal)},
		{"CPUID leaf 0x16", (l->frequency.a & 0xffff) * MHZ},
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]) && !out->tsc_by; i++) {
		if (can_be(words[i].hz)) {
			out->tsc_by = words[i].by;
			out->tsc_hz = words[i].hz;
		}
	}
}

struct cpu_rates cpu_rates(const struct cpu_leaves *l)
{
	const bool guest = l->features.c & FEATURE_GUEST;
	struct cpu_rates out = {NULL, 0, NULL, 0};

	find_tsc(l, guest, &out);
	if (guest && can_be(l->timing.b * KHZ)) {
		out.bus_by = "as CPUID leaf 0x40000010 has it";
		out.bus_hz = l->timing.b * KHZ;
	} else if (guest && (is_named(&l->hypervisor, "TCGTCGTCGTCG") || is_named(&l->hypervisor, "KVMKVMKVM\0\0\0"))) {
		out.bus_by = "as QEMU and KVM have it";
		out.bus_hz = HYPERVISOR_BUS;
	}
	return out;
}
