/* How a frame is zeroed on x86-64, and what nobody can guess; kernel/base/mm_port.c has the verbs that need the kernel.
 */
#include "port/mm_port.h"

#include <cpuid.h>

#include "arch/x86_64/asm.h"
#include "arch/x86_64/zero_stores.h"

#define CPUID_1_C_RDRAND     (1u << 30)
#define CPUID_1_C_HYPERVISOR (1u << 31)
#define CPUID_HYPERVISOR     0x40000000u
#define CPUID_TCG	     0x54474354u /* "TCGT", as EBX of that leaf; ECX is "CGTC", EDX "GTCG" */
#define RDRAND_TRIES	     10u	 /* as Intel advises (SDM volume 1, 7.3.17.1) */

/* Without RDRAND, or when it has run dry: the time, which is the best there is. */
uint64_t mm_port_random(void)
{
	uint64_t value = 0;
	bool good = false;

	for (unsigned i = 0; i < RDRAND_TRIES && !good && (cpuid(1).c & CPUID_1_C_RDRAND) != 0; i++)
		__asm__ volatile("rdrand %0" : "=r"(value), "=@ccc"(good));
	return good ? value : rdtsc() * 0x9e3779b97f4a7c15ull;
}

/* Real CPUs have microcode for rep stosq, a third faster than plain stores; QEMU's emulator does it word by word, and
 * plain stores are the faster ones there. So it is known by the name that it gives itself. */
static bool is_emulated(void)
{
	static enum { UNKNOWN, NO, YES } known;
	unsigned a, b, c, d;

	if (likely(known != UNKNOWN))
		return known == YES;
	known = NO;
	if ((cpuid(1).c & CPUID_1_C_HYPERVISOR) != 0) {
		__cpuid(CPUID_HYPERVISOR, a, b, c, d);
		known = b == CPUID_TCG ? YES : NO;
	}
	return known == YES;
}

const char *zero_cold_name(void)
{
	return "movnti";
}

const char *zero_hot_name(void)
{
	return is_emulated() ? "mov-line" : "rep-stosq";
}

void mm_port_zero_cold(pfn_t pfn, size_t frames)
{
	zero_movnti(mm_port_frame(pfn), frames << FRAME_SHIFT);
}

void mm_port_zero_hot(pfn_t pfn, size_t frames)
{
	if (is_emulated())
		zero_mov_line(mm_port_frame(pfn), frames << FRAME_SHIFT);
	else
		zero_rep_stosq(mm_port_frame(pfn), frames << FRAME_SHIFT);
}
