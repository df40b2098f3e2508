/* The drivers' port: all that drivers/ needs from the machine under it.
 *
 *   driver_port_map(paddr, n)   pointer to n bytes of device registers, for the read and write verbs only; NULL when
 *                               they can't be mapped, or memory lies there. The same ones may be mapped more than
 *                               once; never unmapped.
 *   driver_port_readN, writeN   one access of that width to registers, in program order among each other; a device
 *                               that is gone reads as ones and ignores writes
 *   driver_port_inN, outN      one access of that width to an I/O port; where there is none it reads as ones
 *   driver_port_frame(pfn)      pointer to the memory of a frame that mm gave out, shared with a device
 *   driver_port_dma(pfn)        the address by which a device knows that frame
 *   driver_port_wmb, rmb, mb    order stores to shared memory, loads from it, stores before later loads; wmb and mb
 *                               also order them before a driver_port_write that follows
 *   driver_port_now_ns()        a monotonic clock
 *   driver_port_relax()         called in a bounded wait loop: lets the machine get on
 *   driver_port_log             printf-like, one line
 *
 * There is no verb for interrupts: drivers poll (drivers/pci.h says why).
 *
 * Here, on x86-64: registers are mapped uncached, so each access is what the compiler makes of a volatile one; DMA is
 * coherent, stores become visible in order and loads are done in order, so only the compiler needs telling, but for a
 * load after a store (SDM volume 3, 9.2.2).
 */
#pragma once

#include "arch/x86_64/asm.h"
#include "arch/x86_64/paging.h"
#include "lib/types.h"
#include "port/mm_port.h"

volatile void *driver_port_map(paddr_t paddr, size_t bytes);

static inline uint8_t driver_port_read8(const volatile void *p)
{
	return *(const volatile uint8_t *)p;
}

static inline uint16_t driver_port_read16(const volatile void *p)
{
	return *(const volatile uint16_t *)p;
}

static inline uint32_t driver_port_read32(const volatile void *p)
{
	return *(const volatile uint32_t *)p;
}

static inline void driver_port_write8(volatile void *p, uint8_t value)
{
	*(volatile uint8_t *)p = value;
}

static inline void driver_port_write16(volatile void *p, uint16_t value)
{
	*(volatile uint16_t *)p = value;
}

static inline void driver_port_write32(volatile void *p, uint32_t value)
{
	*(volatile uint32_t *)p = value;
}

static inline uint32_t driver_port_in32(uint16_t port)
{
	return inl(port);
}

static inline void driver_port_out16(uint16_t port, uint16_t value)
{
	outw(port, value);
}

static inline void driver_port_out32(uint16_t port, uint32_t value)
{
	outl(port, value);
}

static inline void *driver_port_frame(pfn_t pfn)
{
	return mm_port_frame(pfn);
}

static inline uint64_t driver_port_dma(pfn_t pfn)
{
	return pfn_to_paddr(pfn);
}

static inline void driver_port_wmb(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void driver_port_rmb(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void driver_port_mb(void)
{
	__asm__ volatile("mfence" ::: "memory");
}

static inline uint64_t driver_port_now_ns(void)
{
	return mm_port_now_ns();
}

static inline void driver_port_relax(void)
{
	__builtin_ia32_pause();
}

#define driver_port_log(...) mm_port_log(__VA_ARGS__) /* the kernel has one log */
