/* crash: provokes an exception, each kind that a panic must tell apart. */
#include <stdio.h>
#include <string.h>

#include "arch/x86_64/paging.h"
#include "kernel/cmd.h"
#include "lib/assert.h"
#include "mm/mm.h"

/* Through these the compiler can't see what is going to happen. */
static volatile uintptr_t nowhere;
static volatile uint64_t zero;
static uint64_t (*volatile deeper)(uint64_t depth);

static void call(uintptr_t address)
{
	((void (*)(void))address)();
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
	static uint8_t code[] = {0xc3}; /* ret */

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

	for (size_t i = 0; i < 4 * sizeof room; i++)
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

static const struct {
	const char *word;
	void (*run)(void);
} kinds[] = {
	{"null", crash_null},	      {"call-null", crash_call_null}, {"code", crash_code},
	{"constant", crash_constant}, {"data", crash_data},	      {"frame", crash_frame},
	{"page0", crash_page0},	      {"stack", crash_stack},	      {"canary", crash_canary},
	{"opcode", crash_opcode},     {"divide", crash_divide},	      {"address", crash_address},
	{"nmi", crash_nmi},	      {"assert", crash_assert},
};

#define CRASH_KINDS "null|call-null|code|constant|data|frame|page0|stack|canary|opcode|divide|address|nmi|assert"

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
