/* The step from the firmware's page tables to the kernel's:
 *
 *   enter_kernel(rdi: top page table, rsi: kernel's entry, rdx: boot_info in the direct map, rcx: set EFER.NXE)
 *
 * Interrupts are off from here on, and nothing is on the stack: only the pages of this code are mapped in both worlds.
 * The kernel starts with boot_info in rdi and no stack of its own.
 */
	.text
	.balign 64
	.globl enter_kernel, enter_kernel_end
	.hidden enter_kernel, enter_kernel_end
	.type enter_kernel, @function
enter_kernel:
	cli
	cld
	mov %rdi, %r8
	mov %rdx, %rdi

	/* Tables with no-execute bits fault unless EFER.NXE (bit 11) is set. */
	test %rcx, %rcx
	jz 1f
	mov $0xc0000080, %ecx
	rdmsr
	or $0x800, %eax
	wrmsr
1:	mov %r8, %cr3
	xor %ebp, %ebp
	xor %esp, %esp
	jmp *%rsi
enter_kernel_end:
	.size enter_kernel, . - enter_kernel
	.section .note.GNU-stack, "", @progbits
