/* How a frame is zeroed on x86-64; kernel/port.c has the verbs that need the kernel.
 */
#include "port/mm_port.h"

#include "arch/x86_64/asm.h"

#define CPUID_1_C_RDRAND (1u << 30)
#define RDRAND_TRIES	 10u /* as Intel advises (SDM volume 1, 7.3.17.1) */

/* Non-temporal stores of 8 bytes: they need no vector register, and are as fast as the widest. A line at a time, so
 * that each write-combining buffer fills up and leaves as one. */
void mm_port_zero_cold(pfn_t pfn, size_t frames)
{
	uint64_t *p = mm_port_frame(pfn);
	const uint64_t *end = p + frames * (FRAME_SIZE / sizeof *p);

	for (; p < end; p += 8)
		__asm__ volatile("movnti %1, (%0)\n\t"
				 "movnti %1, 8(%0)\n\t"
				 "movnti %1, 16(%0)\n\t"
				 "movnti %1, 24(%0)\n\t"
				 "movnti %1, 32(%0)\n\t"
				 "movnti %1, 40(%0)\n\t"
				 "movnti %1, 48(%0)\n\t"
				 "movnti %1, 56(%0)"
				 :
				 : "r"(p), "r"(0ull)
				 : "memory");
}

/* Without RDRAND, or when it has run dry: the time, which is the best there is. */
uint64_t mm_port_random(void)
{
	uint64_t value = 0;
	bool good = false;

	for (unsigned i = 0; i < RDRAND_TRIES && !good && (cpuid(1).c & CPUID_1_C_RDRAND) != 0; i++)
		__asm__ volatile("rdrand %0" : "=r"(value), "=@ccc"(good));
	return good ? value : rdtsc() * 0x9e3779b97f4a7c15ull;
}

void mm_port_zero_hot(pfn_t pfn, size_t frames)
{
	void *p = mm_port_frame(pfn);
	uint64_t words = frames * (FRAME_SIZE / sizeof(uint64_t));

	__asm__ volatile("rep stosq" : "+D"(p), "+c"(words) : "a"(0ull) : "memory");
}
