/* One small entry for each vector, which all end up in trap_dispatch with a struct trap_frame. */

	.text
	.altmacro
	.macro entry vector
	.balign 16
trap_entry_\vector:
	/* The CPU pushes an error code for these (SDM volume 3, 6.13); the others get a 0 in its place. */
	.set has_error, (\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17)
	.set has_error, has_error || (\vector == 21) || (\vector == 29) || (\vector == 30)
	.if !has_error
	pushq $0
	.endif
	pushq $\vector
	jmp trap_common
	.endm

	.macro entry_address vector
	.quad trap_entry_\vector
	.endm

	.type trap_common, @function
trap_common:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	/* A frame for backtraces: as if what was interrupted had called. */
	pushq 17*8(%rdi)
	pushq %rbp
	movq %rsp, %rbp
	call trap_dispatch
	addq $16, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
	iretq
	.size trap_common, . - trap_common

	.set i, 0
	.rept 256
	entry %i
	.set i, i + 1
	.endr

	.section .rodata
	.balign 8
	.globl trap_entries
trap_entries:
	.set i, 0
	.rept 256
	entry_address %i
	.set i, i + 1
	.endr
