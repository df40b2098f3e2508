/* void context_switch(uint64_t *save_rsp, uint64_t load_rsp): goes on where the other thread last called this. What a
 * call may change needn't be kept. Interrupts are off.
 */
	.text
	.globl context_switch
	.type context_switch, @function
context_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size context_switch, . - context_switch

/* Where a new thread starts (see context_new): calls the function in RBX and never returns. */
	.globl context_start
	.type context_start, @function
context_start:
	xorl %ebp, %ebp /* backtraces end here */
	call *%rbx
	ud2
	.size context_start, . - context_start
