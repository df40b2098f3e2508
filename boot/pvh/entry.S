/* The way in without firmware: PVH (Xen's docs/misc/pvh.pandoc, "x86/HVM direct boot ABI").
 *
 * Whoever loads kernel.elf this way puts its segments at their physical addresses and jumps to the address in the note,
 * in 32-bit protected mode with flat segments, without paging and interrupts, EBX being the address of a start info
 * (start_info.h). From here that is only stored: kernel/machine/pvh.c reads it when there is a console to complain on.
 *
 * The first page tables, made here, map
 *   0                   the first 4 GiB, executable: for the step into 64-bit mode
 *   DIRECT_MAP_BASE     the first 4 GiB, writable: where firmware and hypervisors leave what they hand over
 *   KERNEL_VBASE        the kernel image in 4 KiB pages, each segment with its own rights (W^X)
 * They lie with boot_info behind the image proper, in memory that the kernel takes back (tables_paddr).
 */
#define KERNEL_VBASE	0xffffffff80000000 /* boot/boot_info.h */
#define DIRECT_MAP_BASE 0xffff800000000000
#define INFO_MAGIC	0x3074686775306e21
#define INFO_VERSION	3
#define INFO_BY_PVH	1
#define INFO_START_INFO 16 /* offsets in struct boot_info, and its size; kernel/machine/pvh.c checks them */
#define INFO_ENTRY_TSC	24
#define INFO_RANGES	32
#define INFO_REACH	48
#define INFO_BYTES	152
#define REACH		0x100000000

#define PADDR(symbol) ((symbol) - KERNEL_VBASE)

#define NOTE_PHYS32_ENTRY 18

#define KERNEL_TABLES 4 /* of 4 KiB pages: room for 8 MiB, which linker.ld checks */
#define RANGES_MAX    1024
#define RANGE_BYTES   32 /* sizeof(struct boot_range) */

/* Bits of an entry (SDM volume 3, 4.5.4), and of its upper half. */
#define PRESENT	 0x1
#define WRITE	 0x2
#define LARGE	 0x80
#define NX_UPPER 0x80000000

#define TABLE_TOP    (PADDR(pvh_tables))
#define TABLE_LOW    (TABLE_TOP + 0x1000) /* entries of 1 GiB, of which four are used */
#define TABLE_2M     (TABLE_TOP + 0x2000) /* four, for 4 GiB */
#define TABLE_HIGH   (TABLE_TOP + 0x6000)
#define TABLE_KERNEL (TABLE_TOP + 0x7000)
#define TABLE_4K     (TABLE_TOP + 0x8000) /* KERNEL_TABLES of them */

#define CR0_LONG    0x80010033 /* PG, WP, NE, ET, MP, PE: as a PC's firmware leaves them */
#define CR4_LONG    0x620      /* OSXMMEXCPT, OSFXSR, PAE */
#define MSR_EFER    0xc0000080
#define EFER_LME    0x100
#define EFER_NXE    0x800
#define CODE	    0x08
#define DATA	    0x10
#define COM1	    0x3f8
#define COM1_STATUS 0x3fd
#define STATUS_ROOM 0x20
#define DEBUG_EXIT  0xf4 /* kernel/base/power.h: its port, and that the kernel panicked */
#define POWER_PANIC 0x13

	/* QEMU reads eight bytes of it, and aligns by the program header's p_align, which is 4. */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, NOTE_PHYS32_ENTRY
	.asciz "Xen"
	.quad PADDR(pvh_entry)

/* Zeroes from one address to another, both multiples of 4. */
.macro zero from, to
	movl $\from, %edi
	movl $\to, %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl
.endm

/* Maps the kernel's pages from ESI up to an address, the next entry being at EDI. */
.macro map_pages to, bits, upper
1:	cmpl $\to, %esi
	jae 2f
	leal \bits(%esi), %eax
	movl %eax, (%edi)
	movl \upper, 4(%edi)
	addl $8, %edi
	addl $0x1000, %esi
	jmp 1b
2:
.endm

	.section .text.pvh, "ax", @progbits
	.code32
	.globl pvh_entry
	.type pvh_entry, @function
pvh_entry:
	cli
	cld
	rdtsc
	movl %eax, PADDR(pvh_boot_info) + INFO_ENTRY_TSC
	movl %edx, PADDR(pvh_boot_info) + INFO_ENTRY_TSC + 4
	movl %ebx, PADDR(pvh_boot_info) + INFO_START_INFO

	/* 64-bit mode: CPUID 8000_0001, EDX bit 29. No-execute pages: bit 20; EBP is what makes an entry one. */
	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb .Lno_long_mode
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc .Lno_long_mode
	xorl %ebp, %ebp
	btl $20, %edx
	jnc 1f
	movl $NX_UPPER, %ebp

	/* Not everybody zeroes what a segment has beyond its file, and a reset machine's memory is as it was. */
1:	zero PADDR(__bss_start), PADDR(__kernel_end)
	zero PADDR(__boot_bss_start), PADDR(__boot_end)

	/* 0 and DIRECT_MAP_BASE (entry 256) by way of the same tables. */
	movl $TABLE_LOW + PRESENT + WRITE, TABLE_TOP
	movl $TABLE_LOW + PRESENT + WRITE, TABLE_TOP + 256 * 8
	movl %ebp, TABLE_TOP + 256 * 8 + 4
	movl $TABLE_2M + PRESENT + WRITE, TABLE_LOW
	movl $TABLE_2M + 0x1000 + PRESENT + WRITE, TABLE_LOW + 8
	movl $TABLE_2M + 0x2000 + PRESENT + WRITE, TABLE_LOW + 16
	movl $TABLE_2M + 0x3000 + PRESENT + WRITE, TABLE_LOW + 24
	movl $TABLE_2M, %edi
	movl $PRESENT + WRITE + LARGE, %eax
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $0x200000, %eax
	jnc 1b

	/* KERNEL_VBASE: entries 511, 510 and, for the 2 MiB that the image is linked above it, from 1 on. */
	movl $TABLE_HIGH + PRESENT + WRITE, TABLE_TOP + 511 * 8
	movl $TABLE_KERNEL + PRESENT + WRITE, TABLE_HIGH + 510 * 8
	movl $TABLE_KERNEL + 8, %edi
	movl $TABLE_4K + PRESENT + WRITE, %eax
	movl $KERNEL_TABLES, %ecx
1:	movl %eax, (%edi)
	addl $8, %edi
	addl $0x1000, %eax
	loop 1b
	movl $TABLE_4K, %edi
	movl $PADDR(__kernel_start), %esi
	xorl %edx, %edx
	map_pages PADDR(__rodata_start), PRESENT, %edx
	map_pages PADDR(__data_start), PRESENT, %ebp
	map_pages PADDR(__boot_end), PRESENT + WRITE, %ebp

	/* SDM volume 3, 10.8.5 ("Initializing IA-32e mode"). */
	movl $CR4_LONG, %eax
	movl %eax, %cr4
	movl $TABLE_TOP, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	testl %ebp, %ebp
	jz 1f
	orl $EFER_NXE, %eax
1:	wrmsr
	movl $CR0_LONG, %eax
	movl %eax, %cr0
	lgdt PADDR(gdt_pointer)
	ljmp $CODE, $PADDR(.Llong_mode)

	.code64
.Llong_mode:
	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movabsq $DIRECT_MAP_BASE + PADDR(pvh_boot_info), %rdi
	movabsq $kernel_entry, %rax
	jmp *%rax

	.code32
.Lno_long_mode:
	movl $PADDR(.Lno_long_mode_text), %esi
1:	movl $1000000, %ecx
	movl $COM1_STATUS, %edx
2:	inb %dx, %al
	testb $STATUS_ROOM, %al
	loopz 2b
	lodsb
	testb %al, %al
	jz 3f
	movl $COM1, %edx
	outb %al, %dx
	jmp 1b
3:	movb $POWER_PANIC, %al
	outb %al, $DEBUG_EXIT
4:	hlt
	jmp 4b
	.size pvh_entry, . - pvh_entry
	.code64

	.section .rodata.pvh, "a", @progbits
.Lno_long_mode_text:
	.asciz "Nought PANIC: boot: this CPU has no 64-bit mode\r\n"
	.balign 8
gdt:
	.quad 0
	.quad 0x00209b0000000000 /* code: 64 bit, present, accessed */
	.quad 0x0000930000000000 /* data: present, writable, accessed */
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long PADDR(gdt)

	/* What boot_info holds beyond this is for C to fill in. */
	.section .boot.data, "aw", @progbits
	.balign 8
pvh_boot_info:
	.quad INFO_MAGIC
	.long INFO_VERSION
	.long INFO_BY_PVH
	.org pvh_boot_info + INFO_RANGES
	.quad PADDR(pvh_ranges)
	.org pvh_boot_info + INFO_REACH
	.quad REACH
	.org pvh_boot_info + INFO_BYTES

	/* The ranges last: how many there is room for is known by where they end. */
	.section .boot.bss, "aw", @nobits
	.balign 4096
pvh_tables:
	.skip (8 + KERNEL_TABLES) * 4096
pvh_ranges:
	.skip RANGES_MAX * RANGE_BYTES
