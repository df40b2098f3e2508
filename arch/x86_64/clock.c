/* Calibrates the TSC, then multiplies and shifts.
 *
 * At either end of the window the reference is read several times, each time between two reads of the TSC; the read
 * that took least counts, since an emulator or a hypervisor may stop us anywhere. A window of 30 ms then gives a few
 * parts in 10^5.
 */
#include "arch/x86_64/clock.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/irq_private.h"
#include "lib/bits.h"

#define PM_HZ	   3579545u /* ACPI specification 6.4, section 4.8.2.1 */
#define PIT_HZ	   1193182u
#define WINDOW_MS  30u
#define SAMPLES	   8u
#define NS_PER_S   1000000000ull
#define TICKS_LOST 2000000000ull /* so many TSC ticks without the reference moving on: it doesn't count */

/* Something that counts at a known rate. */
struct reference {
	const char *name;
	uint32_t hz;
	uint32_t mask;
	bool down;
};

struct sample {
	uint64_t tsc;
	uint32_t reference;
	uint32_t lapic;
};

static uint16_t pm_port;
static uint64_t epoch, tsc_hz, lapic_hz;
static uint64_t ns_per_tick; /* in 2^-32 */

/* PIT channel 2, which the speaker's gate starts and which needs no interrupt: counts down from 65535, once. */
static void pit_start(void)
{
	outb(0x61, (uint8_t)((inb(0x61) & ~2u) | 1u));
	outb(0x43, 0xb0);
	outb(0x42, 0xff);
	outb(0x42, 0xff);
}

static uint32_t pit_read(void)
{
	outb(0x43, 0x80); /* latch */
	uint32_t low = inb(0x42);
	return low | (uint32_t)inb(0x42) << 8;
}

static uint32_t reference_read(const struct reference *r)
{
	return (r->down ? pit_read() : inl(pm_port)) & r->mask;
}

static uint32_t elapsed(const struct reference *r, uint32_t from, uint32_t to)
{
	return (r->down ? from - to : to - from) & r->mask;
}

static struct sample take_sample(const struct reference *r)
{
	struct sample best = {0, 0, 0};
	uint64_t best_ticks = UINT64_MAX;

	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t before = rdtsc();
		uint32_t reference = reference_read(r);
		uint32_t lapic = lapic_timer_count();
		uint64_t ticks = rdtsc() - before;

		if (ticks < best_ticks) {
			best_ticks = ticks;
			best = (struct sample){before + ticks / 2, reference, lapic};
		}
	}
	return best;
}

static bool measure(const struct reference *r)
{
	uint32_t wanted = r->hz / 1000 * WINDOW_MS;
	struct sample from = take_sample(r), to;

	do {
		to.tsc = rdtsc();
		if (to.tsc - from.tsc > TICKS_LOST)
			return false;
	} while (elapsed(r, from.reference, reference_read(r)) < wanted);
	to = take_sample(r);

	uint32_t counted = elapsed(r, from.reference, to.reference);
	/* Stopped for so long that the reference may have wrapped (a PIT wraps after 55 ms), or it jumps about. */
	if (counted < wanted || counted > r->mask / 8 * 7)
		return false;
	tsc_hz = (to.tsc - from.tsc) * r->hz / counted; /* no overflow: at most some TICKS_LOST by 2^22 */
	lapic_hz = (uint64_t)(from.lapic - to.lapic) * r->hz / counted;
	return tsc_hz > 1000000 && lapic_hz > 1000; /* slower than that is no clock */
}

const char *clock_init(uint16_t port, unsigned pm_bits, uint64_t epoch_tsc)
{
	const struct reference pm = {"ACPI PM timer", PM_HZ, (uint32_t)bits_low(pm_bits), false};
	const struct reference pit = {"PIT", PIT_HZ, 0xffff, true};
	const char *name = NULL;

	lapic_timer_mode(0);
	lapic_timer_start(UINT32_MAX);
	pm_port = port;
	for (unsigned try = 0; !name && port && try < 3; try++)
		if (measure(&pm))
			name = pm.name;
	for (unsigned try = 0; !name && try < 3; try++) {
		pit_start();
		if (measure(&pit))
			name = pit.name;
	}
	if (!name) {
		tsc_hz = NS_PER_S;
		lapic_hz = NS_PER_S / 16;
	}
	uint64_t now = rdtsc();
	/* The loader's word, unless it can't be: from the future, or more than an hour ago. */
	epoch = epoch_tsc > now || now - epoch_tsc > 3600 * tsc_hz ? now : epoch_tsc;
	ns_per_tick = (NS_PER_S << 32) / tsc_hz;
	return name;
}

uint64_t clock_tsc_to_ns(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * ns_per_tick >> 32);
}

uint64_t clock_ns(void)
{
	return ns_per_tick ? clock_tsc_to_ns(rdtsc() - epoch) : 0;
}

uint64_t clock_tsc_hz(void)
{
	return tsc_hz;
}

uint64_t clock_lapic_hz(void)
{
	return lapic_hz;
}
