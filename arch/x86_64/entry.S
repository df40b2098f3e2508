/* The first instructions: a stack of our own and a stack protector's guard that nobody can know, then C.
 *
 * Called by the loader with RDI = struct boot_info, interrupts off, on the loader's page tables.
 */
#define STACK_BYTES (4096 + 32768) /* arch/x86_64/stacks.c: the guard page and STACK_BOOT_BYTES */

	.section .text.entry, "ax", @progbits
	.globl kernel_entry
	.type kernel_entry, @function
kernel_entry:
	cli
	cld
	movq $boot_stack + STACK_BYTES, %rsp
	xorl %ebp, %ebp /* backtraces end here */
	movq %rdi, %r12

	/* Guard: the TSC, and RDRAND where there is one (CPUID 1, ECX bit 30; it may fail for a while). */
	rdtsc
	shlq $32, %rdx
	orq %rdx, %rax
	movq %rax, %r13
	movl $1, %eax
	xorl %ecx, %ecx
	cpuid
	btl $30, %ecx
	jnc 2f
	movl $16, %ecx
1:	rdrand %rax
	jc 3f
	loop 1b
	jmp 2f
3:	xorq %rax, %r13
2:	movabsq $0x9e3779b97f4a7c15, %rax /* spreads the TSC's few changing bits */
	imulq %rax, %r13
	movq %r13, %rax
	shrq $32, %rax
	xorq %rax, %r13
	xorb %r13b, %r13b /* a zero byte, which string functions stop at */
	movq %r13, __stack_chk_guard

	movq %r12, %rdi
	call kernel_main
	ud2
	.size kernel_entry, . - kernel_entry

	.bss
	.balign 8
	.globl __stack_chk_guard
	.type __stack_chk_guard, @object
	.size __stack_chk_guard, 8
__stack_chk_guard:
	.skip 8
