/* Where stacks lie, and the unmapped pages below them. */
#include "arch/x86_64/stacks.h"

#include "arch/x86_64/paging.h"

struct boot_stack {
	uint8_t guard[FRAME_SIZE];
	uint8_t bytes[STACK_BOOT_BYTES];
};

struct ist_stack {
	uint8_t guard[FRAME_SIZE];
	uint8_t bytes[STACK_IST_BYTES];
};

/* entry.S starts on this one, by name and by STACK_BOOT_BYTES + FRAME_SIZE. */
struct boot_stack boot_stack __attribute__((aligned(4096)));
static struct ist_stack ist_stacks[STACK_ISTS] __attribute__((aligned(4096)));
_Static_assert(sizeof(struct ist_stack) % FRAME_SIZE == 0, "each guard has a page of its own");

static size_t slot_bytes[STACK_SLOTS];

uint64_t stack_ist_top(enum stack_ist which)
{
	return (uint64_t)(uintptr_t)(ist_stacks[which].bytes + STACK_IST_BYTES);
}

static uint64_t slot_top(unsigned slot)
{
	return PAGING_STACKS_BASE + (slot + 1ull) * STACK_SLOT_BYTES;
}

uint64_t stack_map(unsigned slot, size_t bytes)
{
	while (slot_bytes[slot] < bytes) {
		paddr_t frame = paging_alloc_frame();
		uint64_t va = slot_top(slot) - slot_bytes[slot] - FRAME_SIZE;

		if (!frame || paging_map(va, frame, FRAME_SIZE, PAGING_WRITE) < 0)
			return 0; /* what is mapped stays with the slot, for the next try */
		slot_bytes[slot] += FRAME_SIZE;
	}
	return slot_top(slot);
}

void stack_guards(void (*fn)(uint64_t va, void *arg), void *arg)
{
	uint64_t guards[1 + STACK_ISTS] = {(uint64_t)(uintptr_t)boot_stack.guard};

	for (unsigned i = 0; i < STACK_ISTS; i++)
		guards[1 + i] = (uint64_t)(uintptr_t)ist_stacks[i].guard;
	for (uint64_t last = 0;;) { /* the compiler chooses their order */
		uint64_t next = ~0ull;
		for (unsigned i = 0; i < ARRAY_LEN(guards); i++)
			if (guards[i] > last && guards[i] < next)
				next = guards[i];
		if (next == ~0ull)
			return;
		fn(next, arg);
		last = next;
	}
}

bool stack_is_guard(uint64_t address)
{
	uint64_t page = address & ~(FRAME_SIZE - 1);

	if (page == (uint64_t)(uintptr_t)boot_stack.guard)
		return true;
	for (unsigned i = 0; i < STACK_ISTS; i++)
		if (page == (uint64_t)(uintptr_t)ist_stacks[i].guard)
			return true;
	if (address < PAGING_STACKS_BASE || address >= PAGING_STACKS_BASE + (uint64_t)STACK_SLOTS * STACK_SLOT_BYTES)
		return false;
	uint64_t slot = (address - PAGING_STACKS_BASE) / STACK_SLOT_BYTES;
	return address < slot_top((unsigned)slot) - slot_bytes[slot];
}
