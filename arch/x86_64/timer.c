/* Turns times on clock_ns into ticks of the local APIC's timer. */
#include "arch/x86_64/timer.h"

#include "arch/x86_64/clock.h"
#include "arch/x86_64/irq_private.h"
#include "arch/x86_64/trap.h"

static uint64_t ticks_per_ns; /* in 2^-32 */

static void timer_irq(void *fn)
{
	((void (*)(void))fn)();
}

void timer_init(void (*fn)(void))
{
	ticks_per_ns = (clock_lapic_hz() << 32) / 1000000000u;
	lapic_timer_start(0);
	irq_set_vector(VECTOR_TIMER, timer_irq, (void *)fn);
	lapic_timer_mode(VECTOR_TIMER);
}

void timer_arm(uint64_t deadline_ns)
{
	uint64_t now = clock_ns();
	uint32_t ticks = 1;

	if (deadline_ns == UINT64_MAX) {
		lapic_timer_start(0);
		return;
	}
	if (deadline_ns > now) {
		/* One tick more, so that the deadline has passed when it fires. */
		unsigned __int128 wanted = ((unsigned __int128)(deadline_ns - now) * ticks_per_ns >> 32) + 1;
		ticks = wanted > UINT32_MAX ? UINT32_MAX : (uint32_t)wanted;
	}
	lapic_timer_start(ticks);
}
