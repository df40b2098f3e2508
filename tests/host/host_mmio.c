/* The bus under drivers/ on the host: the read and write verbs find the window behind a pointer and ask it. */
#include "host_mmio.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "host.h"
#include "port/driver_port.h"

#define WINDOWS_MAX  8u
#define MAPPINGS_MAX 512u
#define ARENA_BYTES  (1ull << 30)
#define RELAX_NS     100000u /* a wait of a second is 10000 rounds */

static struct host_window windows[WINDOWS_MAX];
static unsigned window_count;
static struct host_window ports; /* without bytes: none */

static struct mapping {
	uintptr_t start;
	paddr_t paddr;
	size_t bytes;
} mappings[MAPPINGS_MAX];
static unsigned mapping_count;

/* Address space that no access is allowed to: whoever follows such a pointer by hand crashes. */
static uintptr_t arena, arena_used;

static uint64_t calls, fail_first, fail_calls;

uint32_t (*host_mmio_read_hook)(paddr_t paddr, unsigned size, uint32_t value);
void (*host_mmio_write_hook)(paddr_t paddr, unsigned size, uint32_t value);

void host_mmio_reset(void)
{
	window_count = 0;
	ports.bytes = 0;
	mapping_count = 0;
	arena_used = 0;
	calls = 0;
	fail_first = 0;
	fail_calls = 0;
	host_mmio_read_hook = NULL;
	host_mmio_write_hook = NULL;
}

void host_mmio_add(const struct host_window *window)
{
	if (window_count == WINDOWS_MAX) {
		fprintf(stderr, "host: more than %u windows\n", WINDOWS_MAX);
		abort();
	}
	windows[window_count++] = *window;
}

void host_mmio_ports(const struct host_window *window)
{
	ports = *window;
}

uint64_t host_mmio_calls(void)
{
	return calls;
}

void host_mmio_fail(uint64_t first, uint64_t n)
{
	fail_first = first;
	fail_calls = n;
}

static bool call_fails(void)
{
	calls++;
	return fail_first && calls >= fail_first && calls - fail_first < fail_calls;
}

volatile void *driver_port_map(paddr_t paddr, size_t bytes)
{
	struct mapping *m;

	if (!arena) {
		void *p = mmap(NULL, ARENA_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (p == MAP_FAILED) {
			perror("host: mmap");
			exit(1);
		}
		arena = (uintptr_t)p;
	}
	if (call_fails() || bytes == 0 || paddr + bytes < paddr || mapping_count == MAPPINGS_MAX ||
	    bytes > ARENA_BYTES - arena_used - 2 * FRAME_SIZE)
		return NULL;
	m = &mappings[mapping_count++];
	*m = (struct mapping){.start = arena + arena_used + (paddr & (FRAME_SIZE - 1)), .paddr = paddr, .bytes = bytes};
	arena_used += ((paddr & (FRAME_SIZE - 1)) + bytes + 2 * FRAME_SIZE - 1) & ~(FRAME_SIZE - 1);
	return (volatile void *)m->start;
}

/* Where a pointer leads. False: it isn't from driver_port_map. Beyond the end of a mapping is an error of the
 * driver. */
static bool find(const volatile void *p, unsigned size, struct host_window **window, uint64_t *offset, paddr_t *paddr)
{
	uintptr_t at = (uintptr_t)p;

	if (!arena || at < arena || at >= arena + ARENA_BYTES)
		return false;
	for (unsigned i = 0; i < mapping_count; i++) {
		const struct mapping *m = &mappings[i];

		*paddr = m->paddr + (at - m->start);
		if (at < m->start || at - m->start >= m->bytes)
			continue;
		if (at - m->start + size > m->bytes || (*paddr & (size - 1)))
			break;
		*window = NULL;
		for (unsigned w = 0; w < window_count; w++) {
			if (*paddr >= windows[w].base && *paddr + size <= windows[w].base + windows[w].bytes) {
				*window = &windows[w];
				*offset = *paddr - windows[w].base;
			}
		}
		return true;
	}
	mm_port_panic("host: %u bytes at %p: misaligned, or beyond what was mapped", size, (const void *)(uintptr_t)p);
}

static bool read_bus(const volatile void *p, unsigned size, uint32_t *value)
{
	struct host_window *window;
	uint64_t offset;
	paddr_t paddr;

	*value = ~0u;
	if (!find(p, size, &window, &offset, &paddr))
		return false;
	if (!call_fails() && window)
		*value = window->read(window->device, offset, size);
	if (host_mmio_read_hook)
		*value = host_mmio_read_hook(paddr, size, *value);
	return true;
}

static bool write_bus(volatile void *p, unsigned size, uint32_t value)
{
	struct host_window *window;
	uint64_t offset;
	paddr_t paddr;

	if (!find(p, size, &window, &offset, &paddr))
		return false;
	if (host_mmio_write_hook)
		host_mmio_write_hook(paddr, size, value);
	if (!call_fails() && window)
		window->write(window->device, offset, size, value);
	return true;
}

#define VERBS(bits)                                                          \
	uint##bits##_t driver_port_read##bits(const volatile void *p)        \
	{                                                                    \
		uint32_t value;                                              \
                                                                             \
		if (!read_bus(p, (bits) / 8, &value))                        \
			return *(const volatile uint##bits##_t *)p;          \
		return (uint##bits##_t)value;                                \
	}                                                                    \
                                                                             \
	void driver_port_write##bits(volatile void *p, uint##bits##_t value) \
	{                                                                    \
		if (!write_bus(p, (bits) / 8, value))                        \
			*(volatile uint##bits##_t *)p = value;               \
	}

VERBS(8)
VERBS(16)
VERBS(32)

static bool port_answers(uint16_t port, unsigned size)
{
	return !call_fails() && port >= ports.base && port + size <= ports.base + ports.bytes;
}

uint32_t driver_port_in32(uint16_t port)
{
	return port_answers(port, 4) ? ports.read(ports.device, port - ports.base, 4) : ~0u;
}

void driver_port_out16(uint16_t port, uint16_t value)
{
	if (port_answers(port, 2))
		ports.write(ports.device, port - ports.base, 2, value);
}

void driver_port_out32(uint16_t port, uint32_t value)
{
	if (port_answers(port, 4))
		ports.write(ports.device, port - ports.base, 4, value);
}

void driver_port_relax(void)
{
	host_time_advance(RELAX_NS);
}
