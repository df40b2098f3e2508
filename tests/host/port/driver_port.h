/* The drivers' port to the host: drivers/ runs unchanged against devices made of C (tests/host/host_mmio.h).
 *
 * The verbs are the same as in arch/x86_64/port/driver_port.h, which is their manual page. Registers are what a test
 * put on the bus; a pointer from driver_port_map leads into memory that can't be touched but through the read and
 * write verbs. Any of those can be made to fail.
 */
#pragma once

#include "lib/types.h"
#include "port/mm_port.h"

volatile void *driver_port_map(paddr_t paddr, size_t bytes);

uint8_t driver_port_read8(const volatile void *p);
uint16_t driver_port_read16(const volatile void *p);
uint32_t driver_port_read32(const volatile void *p);
void driver_port_write8(volatile void *p, uint8_t value);
void driver_port_write16(volatile void *p, uint16_t value);
void driver_port_write32(volatile void *p, uint32_t value);

uint32_t driver_port_in32(uint16_t port);
void driver_port_out16(uint16_t port, uint16_t value);
void driver_port_out32(uint16_t port, uint32_t value);

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
	atomic_thread_fence(memory_order_release);
}

static inline void driver_port_rmb(void)
{
	atomic_thread_fence(memory_order_acquire);
}

static inline void driver_port_mb(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

static inline uint64_t driver_port_now_ns(void)
{
	return mm_port_now_ns();
}

void driver_port_relax(void);

#define driver_port_log(...) mm_port_log(__VA_ARGS__)
