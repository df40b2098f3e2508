/* The kernel's own address space, as its page tables have it: nothing writable can be executed, nothing that should be
 * unmapped is mapped.
 */
#include "arch/x86_64/asm.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/stacks.h"
#include "lib/bits.h"
#include "mm/mm.h"
#include "port/driver_port.h"
#include "tests/unit/test.h"

extern const char __kernel_start[], __text_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[],
	__data_end[], __kernel_end[];

static uint64_t at(const char *symbol)
{
	return (uint64_t)(uintptr_t)symbol;
}

static void check_pages(uint64_t from, uint64_t to, unsigned wanted)
{
	for (uint64_t va = align_down(from, FRAME_SIZE); va < to; va += FRAME_SIZE) {
		paddr_t paddr;
		unsigned flags;

		if (stack_is_guard(va)) {
			CHECK(!paging_lookup(va, &paddr, &flags));
			continue;
		}
		CHECK(paging_lookup(va, &paddr, &flags));
		CHECK_EQ(flags, wanted);
	}
}

TEST(paging, no_page_of_the_kernel_is_writable_and_executable)
{
	check_pages(at(__text_start), at(__text_end), PAGING_EXEC);
	check_pages(at(__rodata_start), at(__rodata_end), 0);
	check_pages(at(__data_start), at(__data_end), PAGING_WRITE);
}

TEST(paging, the_kernel_is_not_in_the_direct_map)
{
	for (uint64_t va = at(__kernel_start); va < at(__kernel_end); va += FRAME_SIZE) {
		paddr_t paddr, alias;

		if (paging_lookup(va, &paddr, NULL))
			CHECK(!paging_lookup((uint64_t)(uintptr_t)phys_to_virt(paddr), &alias, NULL));
	}
}

TEST(paging, kernel_page_tables_and_page_0_are_not_the_allocators)
{
	paddr_t paddr;

	CHECK_EQ(mm_frame_state(&mm_system, 0), MM_STATE_UNMANAGED);
	CHECK_EQ(mm_frame_state(&mm_system, paddr_to_pfn(read_cr3())), MM_STATE_UNMANAGED);
	for (uint64_t va = at(__kernel_start); va < at(__kernel_end); va += FRAME_SIZE)
		if (paging_lookup(va, &paddr, NULL))
			CHECK_EQ(mm_frame_state(&mm_system, paddr_to_pfn(paddr)), MM_STATE_UNMANAGED);
}

TEST(paging, null_and_physical_page_0_are_not_mapped)
{
	paddr_t paddr;

	CHECK(!paging_lookup(0, &paddr, NULL));
	CHECK(!paging_lookup(FRAME_SIZE, &paddr, NULL));
	CHECK(!paging_lookup(DIRECT_MAP_BASE, &paddr, NULL));
}

/* By its tables, where nothing is, and page by page agree. */
TEST(paging, whether_anything_is_mapped_in_a_run)
{
	static const uint64_t runs[] = {FRAME_SIZE, 3 * FRAME_SIZE, 2 * MIB, 5 * MIB};
	const uint64_t image = at(__kernel_start), starts[] = {
							   0,
							   DIRECT_MAP_BASE,
							   DIRECT_MAP_BASE + MIB,
							   DIRECT_MAP_BASE + 3 * GIB,
							   PAGING_MMIO_BASE - 5 * MIB,
							   PAGING_MMIO_BASE,
							   PAGING_HEAP_BASE,
							   image - 5 * MIB,
							   image - FRAME_SIZE,
							   image,
							   at(__data_end) - FRAME_SIZE,
						   };

	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		for (size_t j = 0; j < ARRAY_LEN(runs); j++) {
			const uint64_t from = align_down(starts[i], FRAME_SIZE);
			bool any = false;
			paddr_t paddr;

			for (uint64_t va = from; va < from + runs[j]; va += FRAME_SIZE)
				any |= paging_lookup(va, &paddr, NULL);
			CHECK_EQ(paging_any(from, runs[j]), any);
		}
	CHECK(!paging_any(DIRECT_MAP_BASE + (PAGING_MMIO_BASE - DIRECT_MAP_BASE) / 2, 16 * GIB));
}

TEST(paging, the_direct_map_writes_and_does_not_execute)
{
	pfn_t pfn = test_port_frames(0);
	paddr_t paddr = 0;
	unsigned flags = 0;

	CHECK(pfn != MM_PFN_NONE);
	bool mapped = paging_lookup((uint64_t)(uintptr_t)phys_to_virt(pfn_to_paddr(pfn)) + 5, &paddr, &flags);
	test_port_frames_back(pfn, 0);
	CHECK(mapped);
	CHECK_EQ(paddr, pfn_to_paddr(pfn) + 5);
	CHECK_EQ(flags, PAGING_WRITE);
}

TEST(paging, below_this_stack_is_a_guard)
{
	uint64_t va = align_down((uint64_t)(uintptr_t)__builtin_frame_address(0), FRAME_SIZE);
	paddr_t paddr;
	unsigned flags;

	while (paging_lookup(va, &paddr, &flags)) {
		CHECK_EQ(flags, PAGING_WRITE);
		CHECK(!stack_is_guard(va));
		va -= FRAME_SIZE;
	}
	CHECK(stack_is_guard(va));
}

TEST(paging, what_the_cpu_has_is_on)
{
	CHECK(read_cr0() & BIT(16));
	if (cpuid(0x80000001).d & BIT(20))
		CHECK(rdmsr(MSR_EFER) & BIT(11));
	CHECK_EQ(!!(read_cr4() & BIT(20)), !!(cpuid(7).b & BIT(7)));  /* SMEP */
	CHECK_EQ(!!(read_cr4() & BIT(21)), !!(cpuid(7).b & BIT(20))); /* SMAP */
}

TEST(paging, a_page_is_mapped_found_and_unmapped)
{
	const uint64_t va = PAGING_HEAP_BASE + 64 * GIB;
	pfn_t pfn = test_port_frames(0);
	paddr_t paddr = 0;
	unsigned flags = 0;

	CHECK(pfn != MM_PFN_NONE);
	CHECK_EQ(paging_map(va, pfn_to_paddr(pfn), FRAME_SIZE, 0), 0);
	CHECK_EQ(paging_map(va, pfn_to_paddr(pfn), FRAME_SIZE, 0), -1); /* taken */
	CHECK(paging_lookup(va, &paddr, &flags));
	CHECK_EQ(paddr, pfn_to_paddr(pfn));
	CHECK_EQ(flags, 0);
	CHECK_EQ(paging_unmap(va), pfn_to_paddr(pfn));
	CHECK_EQ(paging_unmap(va), 0);
	CHECK(!paging_lookup(va, &paddr, &flags));
	test_port_frames_back(pfn, 0);
}

TEST(paging, device_registers_are_mapped_once_and_uncached)
{
	const paddr_t lapic = 0xfee00000;
	void *a = mmio_map(lapic + 0x20, 16), *b = mmio_map(lapic + 0x30, 4);
	paddr_t paddr = 0;
	unsigned flags = 0;

	CHECK(a && b);
	CHECK_EQ((uintptr_t)b - (uintptr_t)a, 0x10);
	CHECK(paging_lookup((uint64_t)(uintptr_t)a, &paddr, &flags));
	CHECK_EQ(paddr, lapic + 0x20);
	CHECK_EQ(flags, PAGING_WRITE | PAGING_DEVICE);
	CHECK(!mmio_map(lapic, 0));
	CHECK(!mmio_map(paging_paddr_limit(), 4));
	CHECK(!mmio_map(paging_paddr_limit() - 4, 8));
	CHECK(!mmio_map(lapic, SIZE_MAX));
}

/* A device says where its registers lie. If that is memory, they would be written over it. */
/* Addresses at the very end of what the CPU can address, where nobody looks. */
TEST(paging, many_registers_are_each_mapped_once)
{
	enum { MANY = 300 };
	static const void *there[MANY];
	const paddr_t end = paging_paddr_limit();

	for (unsigned i = 0; i < MANY; i++) {
		there[i] = mmio_map(end - (i + 1) * 2 * FRAME_SIZE, 16);
		CHECK(there[i]);
	}
	for (unsigned i = 0; i < MANY; i++)
		CHECK(mmio_map(end - (i + 1) * 2 * FRAME_SIZE, 16) == there[i]);
}

TEST(paging, memory_is_not_mapped_as_registers)
{
	const paddr_t lapic = 0xfee00000;
	pfn_t pfn = test_port_frames(1);
	paddr_t text;

	CHECK(pfn != MM_PFN_NONE);
	CHECK(!driver_port_map(pfn_to_paddr(pfn), 4));
	CHECK(!driver_port_map(pfn_to_paddr(pfn) + FRAME_SIZE - 4, 8));
	test_port_frames_back(pfn, 1);
	CHECK(paging_lookup(at(__text_start), &text, NULL));
	CHECK(!driver_port_map(text, 4));
	CHECK(!driver_port_map(read_cr3() & ~(paddr_t)(FRAME_SIZE - 1), 4));
	CHECK(!driver_port_map(lapic, 0));
	CHECK(!driver_port_map(paging_paddr_limit() - 4, 8));
	CHECK(driver_port_map(lapic + 0x20, 4));
}
