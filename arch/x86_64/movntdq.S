/* void zero_movntdq(void *p, size_t bytes), see zero_stores.h. The only code of the kernel that uses a vector register:
 * it keeps XMM0 in its frame, so that it changes nothing for anybody.
 */
	.text
	.globl zero_movntdq
	.type zero_movntdq, @function
zero_movntdq:
	subq $24, %rsp
	movups %xmm0, (%rsp)
	pxor %xmm0, %xmm0
	addq %rdi, %rsi
1:	movntdq %xmm0, (%rdi)
	movntdq %xmm0, 16(%rdi)
	movntdq %xmm0, 32(%rdi)
	movntdq %xmm0, 48(%rdi)
	addq $64, %rdi
	cmpq %rsi, %rdi
	jne 1b
	movups (%rsp), %xmm0
	addq $24, %rsp
	ret
	.size zero_movntdq, . - zero_movntdq
	.section .note.GNU-stack, "", @progbits
