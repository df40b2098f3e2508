/* Calibrates the TSC, then multiplies and shifts.
 *
 * At either end of the window the reference is read several times, each time between two reads of the TSC; the read
 * that took least counts, since an emulator or a hypervisor may stop us anywhere. A window of 30 ms then gives a few
 * parts in 10^5.
 */
#include "arch/x86_64/clock.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/irq_private.h"
#include "arch/x86_64/paging.h"
#include "lib/bits.h"

#define PM_HZ	  3579545u /* ACPI specification 6.4, section 4.8.2.1 */
#define PIT_HZ	  1193182u
#define TSC_HZ	  1000000000ull /* where nobody knows */
#define WINDOW_MS 30u
#define SAMPLES	  8u
#define TRIES	  3u
#define NS_PER_S  1000000000ull
#define SLOWEST	  1000u /* ticks a second; less is no clock */

/* In TSC ticks, of which there are at most some 5 a nanosecond. */
#define TICKS_STILL 20000000ull	  /* a reference that shows the same for so long, and at each of READS_STILL reads */
#define TICKS_LOST  500000000ull  /* has counted too little in so long: neither counts */
#define TICKS_MOST  4000000000ull /* between two samples: we were stopped in between, and numbers grow too large */
#define READS_STILL 64u

/* IA-PC HPET specification 1.0a, section 2.3. */
#define HPET_BYTES	 0x400u
#define HPET_PERIOD	 0x04u /* of a tick, in femtoseconds */
#define HPET_CONFIG	 0x10u
#define HPET_COUNTER	 0xf0u
#define HPET_ENABLE	 1u
#define HPET_PERIOD_MOST 100000000u
#define FS_PER_S	 1000000000000000ull

/* Something that counts at a known rate. */
struct reference {
	const char *name;
	uint32_t (*start)(void); /* returns how often it counts a second; 0: there is none */
	uint32_t (*read)(void);
	uint32_t mask;
	bool down;
};

struct sample {
	uint64_t tsc;
	uint32_t reference;
	uint32_t lapic;
};

static const struct clock_sources *sources;
static volatile uint32_t *hpet;
static uint64_t epoch, tsc_hz, lapic_hz;
static uint64_t ns_per_tick; /* in 2^-32 */

static uint32_t pm_start(void)
{
	return sources->pm_port ? PM_HZ : 0;
}

static uint32_t pm_read(void)
{
	return inl(sources->pm_port);
}

static uint32_t hpet_start(void)
{
	hpet = sources->hpet ? mmio_map(sources->hpet, HPET_BYTES) : NULL;
	if (!hpet)
		return 0;
	const uint32_t period = hpet[HPET_PERIOD / 4];
	if (period == 0 || period > HPET_PERIOD_MOST || FS_PER_S / period > NS_PER_S)
		return 0;
	hpet[HPET_CONFIG / 4] |= HPET_ENABLE;
	return (uint32_t)(FS_PER_S / period);
}

static uint32_t hpet_read(void)
{
	return hpet[HPET_COUNTER / 4];
}

/* PIT channel 2, which the speaker's gate starts and which needs no interrupt: counts down from 65535, once. */
static uint32_t pit_start(void)
{
	outb(0x61, (uint8_t)((inb(0x61) & ~2u) | 1u));
	outb(0x43, 0xb0);
	outb(0x42, 0xff);
	outb(0x42, 0xff);
	return PIT_HZ;
}

static uint32_t pit_read(void)
{
	outb(0x43, 0x80); /* latch */
	uint32_t low = inb(0x42);
	return low | (uint32_t)inb(0x42) << 8;
}

static uint32_t bus_start(void)
{
	lapic_timer_start(UINT32_MAX);
	return (uint32_t)(sources->bus_hz / LAPIC_TIMER_DIVISOR);
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
		uint32_t reference = r->read();
		uint32_t lapic = lapic_timer_count();
		uint64_t ticks = rdtsc() - before;

		if (ticks < best_ticks) {
			best_ticks = ticks;
			best = (struct sample){before + ticks / 2, reference, lapic};
		}
	}
	return best;
}

/* Whether it moves at all. An absent one shows the same for ever, mostly ones. */
static bool moves(const struct reference *r)
{
	const uint32_t first = r->read();
	const uint64_t since = rdtsc();

	for (unsigned reads = 0; reads < READS_STILL || rdtsc() - since < TICKS_STILL; reads++)
		if (r->read() != first)
			return true;
	return false;
}

static bool measure_once(const struct reference *r, uint32_t hz)
{
	const uint32_t wanted = hz / 1000 * WINDOW_MS;
	const struct sample from = take_sample(r);

	while (elapsed(r, from.reference, r->read()) < wanted)
		if (rdtsc() - from.tsc > TICKS_LOST)
			return false;
	const struct sample to = take_sample(r);
	const uint64_t ticks = to.tsc - from.tsc;
	const uint32_t counted = elapsed(r, from.reference, to.reference);

	/* Stopped for so long that the reference may have wrapped (a PIT wraps after 55 ms), or it jumps about. */
	if (counted < wanted || counted > r->mask / 8 * 7 || ticks > TICKS_MOST)
		return false;
	tsc_hz = ticks * hz / counted; /* no overflow: below 2^32 by 2^30 */
	lapic_hz = (uint64_t)(from.lapic - to.lapic) * hz / counted;
	return tsc_hz > 1000 * SLOWEST;
}

static bool measure(const struct reference *r)
{
	for (unsigned try = 0; try < TRIES; try++) {
		const uint32_t hz = r->start();

		if (hz == 0 || !moves(r))
			return false;
		if (measure_once(r, hz))
			return true;
	}
	return false;
}

/* The local APIC's timer, once the TSC's rate is known. */
static void measure_lapic(void)
{
	const uint64_t window = tsc_hz / 1000 * WINDOW_MS, from_tsc = rdtsc();
	const uint32_t from = lapic_timer_count();
	uint64_t ticks;

	do
		ticks = rdtsc() - from_tsc;
	while (ticks < window);
	const uint32_t to = lapic_timer_count();
	/* Were we stopped just now? Then the timer went on while `ticks` stood. */
	ticks = rdtsc() - from_tsc;
	lapic_hz = (uint64_t)(from - to) * (tsc_hz / 1000) / (ticks / 1000);
}

static enum clock_way find_rates(const char **by)
{
	const struct reference references[] = {
		{"ACPI PM timer", pm_start, pm_read, (uint32_t)bits_low(sources->pm_bits), false},
		{"PIT", pit_start, pit_read, 0xffff, true},
		{"HPET", hpet_start, hpet_read, UINT32_MAX, false},
	};
	const struct reference bus = {NULL, bus_start, lapic_timer_count, UINT32_MAX, true};

	for (unsigned i = 0; i < ARRAY_LEN(references); i++) {
		*by = references[i].name;
		if (measure(&references[i]))
			return CLOCK_MEASURED;
	}
	*by = sources->tsc_by;
	if (!sources->tsc_hz && measure(&bus))
		return CLOCK_BUS_ASSUMED;
	tsc_hz = sources->tsc_hz ? sources->tsc_hz : TSC_HZ;
	measure_lapic();
	return sources->tsc_hz ? CLOCK_TOLD : CLOCK_TSC_ASSUMED;
}

enum clock_way clock_init(const struct clock_sources *from, uint64_t epoch_tsc, const char **by)
{
	lapic_timer_mode(0);
	lapic_timer_start(UINT32_MAX);
	sources = from;
	const enum clock_way way = find_rates(by);
	sources = NULL;
	if (lapic_hz < SLOWEST)
		lapic_hz = 0;
	uint64_t now = rdtsc();
	/* The loader's word, unless it can't be: from the future, or more than an hour ago. */
	epoch = epoch_tsc > now || now - epoch_tsc > 3600 * tsc_hz ? now : epoch_tsc;
	ns_per_tick = (NS_PER_S << 32) / tsc_hz;
	return way;
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
