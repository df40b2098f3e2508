/* The bus under drivers/ when they run in a host test: windows of registers, and faults at the test's command.
 *
 * Each driver_port_map, read and write is one port call. A pointer outside of every mapping is plain memory, so that
 * tests that also run in the guest can use a variable as a register.
 */
#pragma once

#include "lib/types.h"

/* A run of physical addresses that answers. size is 1, 2 or 4; offset is aligned to it and within the window. */
struct host_window {
	paddr_t base;
	uint64_t bytes;
	uint32_t (*read)(void *device, uint64_t offset, unsigned size);
	void (*write)(void *device, uint64_t offset, unsigned size, uint32_t value);
	void *device;
};

/* Forgets all windows, mappings, faults and counts. */
void host_mmio_reset(void);

/* Adds a window; addresses outside of all windows read as ones. */
void host_mmio_add(const struct host_window *window);

/* Makes that window the machine's I/O ports: base is the first one's number. Other ports read as ones. */
void host_mmio_ports(const struct host_window *window);

/* Port calls since host_mmio_reset. */
uint64_t host_mmio_calls(void);

/* What a failing port call does: map returns NULL, a read returns ones, a write is lost. first counts from 1; calls is
 * how many fail from there on, UINT64_MAX: all. */
void host_mmio_fail(uint64_t first, uint64_t calls);

/* What a read really gives, and what is written, for devices that lie: called with what the window said. NULL: nobody.
 * host_mmio_reset forgets them. */
extern uint32_t (*host_mmio_read_hook)(paddr_t paddr, unsigned size, uint32_t value);
extern void (*host_mmio_write_hook)(paddr_t paddr, unsigned size, uint32_t value);
