/* crash: does what the kernel must not survive: exceptions that a panic must tell apart, and an allocator's misuse. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/paging.h"
#include "arch/x86_64/stacks.h"
#include "kernel/shell/cmd.h"
#include "lib/assert.h"
#include "mm/mm.h"

/* Through these the compiler can't see what is going to happen. */
static volatile uintptr_t nowhere;		    /* (T) */
static volatile uint64_t zero;			    /* (T) */
static uint64_t (*volatile deeper)(uint64_t depth); /* (T) */

/* Keeps a call in front of it from being the last thing that a function does: a jump would leave no frame to name. */
#define AND_COME_BACK() __asm__ volatile("" ::: "memory")

static inline __attribute__((always_inline)) void call(uintptr_t address)
{
	((void (*)(void))address)();
	AND_COME_BACK();
}

static void crash_null(void)
{
	*(volatile uint64_t *)nowhere = 1;
}

static void crash_call_null(void)
{
	call(nowhere);
}

static void crash_code(void)
{
	*(volatile uint8_t *)(uintptr_t)crash_code = 0;
}

static void crash_constant(void)
{
	static const uint64_t constant = 1;

	*(volatile uint64_t *)(uintptr_t)&constant = 2;
}

static void crash_data(void)
{
	static uint8_t code[] = {0xc3}; /* (T) ret */

	call((uintptr_t)code);
}

static void crash_frame(void)
{
	pfn_t pfn = mm_alloc(&mm_system, 0, MM_ANY);

	if (pfn == MM_PFN_NONE)
		return;
	*(volatile uint8_t *)phys_to_virt(pfn_to_paddr(pfn)) = 0xc3;
	call((uintptr_t)phys_to_virt(pfn_to_paddr(pfn)));
}

static void crash_heap(void)
{
	uint8_t *code = malloc(16);

	if (!code)
		return;
	*code = 0xc3;
	call((uintptr_t)code);
	free(code);
}

static void lowest_guard(uint64_t va, void *arg)
{
	uint64_t *lowest = arg;

	if (!*lowest)
		*lowest = va;
}

static void crash_guard(void)
{
	uint64_t guard = 0;

	stack_guards(lowest_guard, &guard);
	(void)*(volatile uint64_t *)(guard + FRAME_SIZE / 2);
}

static void crash_page0(void)
{
	*(volatile uint8_t *)phys_to_virt(0) = 1;
}

static uint64_t recurse(uint64_t depth)
{
	volatile uint64_t room[32];

	room[depth % ARRAY_LEN(room)] = depth;
	return deeper(depth + 1) + room[depth % ARRAY_LEN(room)];
}

static void crash_stack(void)
{
	deeper = recurse;
	recurse(0);
}

static void crash_canary(void)
{
	volatile uint8_t room[16];
	volatile uint8_t *p = room;

	for (size_t i = 0; i < 4 * sizeof(room); i++)
		p[i] = 0x55;
}

static void crash_opcode(void)
{
	__asm__ volatile("ud2");
}

static void crash_divide(void)
{
	__asm__ volatile("xorl %%ecx, %%ecx; divl %%ecx" ::: "rax", "rcx", "rdx"); /* 1 / x becomes a comparison */
}

static void crash_address(void)
{
	*(volatile uint8_t *)(nowhere + 0x1234567812345678ull) = 1;
}

static void crash_nmi(void)
{
	__asm__ volatile("int $2");
}

static void crash_assert(void)
{
	ASSERT(zero != 0);
}

/* The allocator is told of a frame that nobody has, of a block's second half, of one twice, of one of another order. */
static void crash_wild_free(void)
{
	mm_free(&mm_system, MM_PFN_LIMIT + 5, 0);
	AND_COME_BACK();
}

static void crash_inner_free(void)
{
	pfn_t pfn = mm_alloc(&mm_system, 3, MM_ANY);

	if (pfn != MM_PFN_NONE)
		mm_free(&mm_system, pfn + 4, 2);
	AND_COME_BACK();
}

static void crash_double_free(void)
{
	pfn_t pfn = mm_alloc(&mm_system, 3, MM_ANY);

	if (pfn == MM_PFN_NONE)
		return;
	mm_free(&mm_system, pfn, 3);
	mm_free(&mm_system, pfn, 3);
	AND_COME_BACK();
}

static void crash_wrong_order(void)
{
	pfn_t pfn = mm_alloc(&mm_system, 3, MM_ANY);

	if (pfn != MM_PFN_NONE)
		mm_free(&mm_system, pfn, 4);
	AND_COME_BACK();
}

/* Writes to a frame after it was freed, then has it given out again: DEBUG builds find that out. */
static void crash_use_after_free(void)
{
	pfn_t pfn = mm_alloc(&mm_system, 0, MM_ANY);

	if (pfn == MM_PFN_NONE)
		return;
	mm_free(&mm_system, pfn, 0);
	*(volatile uint64_t *)((uint8_t *)phys_to_virt(pfn_to_paddr(pfn)) + 0x128) = 0x1badb002;
	if (mm_take_range(&mm_system, pfn, 1) == 0)
		mm_free(&mm_system, pfn, 0);
	AND_COME_BACK();
}

static const struct {
	const char *word;
	void (*run)(void);
} kinds[] = {
	{"null", crash_null},
	{"call-null", crash_call_null},
	{"code", crash_code},
	{"constant", crash_constant},
	{"data", crash_data},
	{"frame", crash_frame},
	{"page0", crash_page0},
	{"stack", crash_stack},
	{"canary", crash_canary},
	{"opcode", crash_opcode},
	{"divide", crash_divide},
	{"address", crash_address},
	{"nmi", crash_nmi},
	{"assert", crash_assert},
	{"heap", crash_heap},
	{"guard", crash_guard},
	{"wild-free", crash_wild_free},
	{"inner-free", crash_inner_free},
	{"double-free", crash_double_free},
	{"wrong-order", crash_wrong_order},
	{"use-after-free", crash_use_after_free},
};

#define CRASH_KINDS                                                                                              \
	"null|call-null|code|constant|data|heap|frame|page0|stack|guard|canary|opcode|divide|address|nmi|assert" \
	"|wild-free|inner-free|double-free|wrong-order|use-after-free"

static int cmd_crash(int argc, char **argv)
{
	const char *words[ARRAY_LEN(kinds) + 1] = {NULL};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		words[i] = kinds[i].word;
	if (cmd_args(argc, argv, NULL, CRASH_KINDS, 1, 1) == CMD_FAILED)
		return CMD_FAILED;
	int kind = cmd_choice("crash", argv[1], words);
	if (kind == CMD_FAILED)
		return CMD_FAILED;
	fflush(stdout);
	kinds[kind].run();
	iprintf("crash: %s: nothing happened\n", kinds[kind].word);
	return CMD_FAILED;
}

CMD(crash, "crash", CRASH_KINDS, "provoke an exception: writing or calling what must not be, and others", cmd_crash);
