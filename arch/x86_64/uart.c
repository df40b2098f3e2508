/* The 16550's registers (National Semiconductor PC16550D data sheet).
 */
#include "arch/x86_64/uart.h"

#include "arch/x86_64/asm.h"

#define COM1 0x3f8u

#define REG_DATA      (COM1 + 0)
#define REG_INTERRUPT (COM1 + 1)
#define REG_IDENT     (COM1 + 2) /* read */
#define REG_FIFO      (COM1 + 2) /* write */
#define REG_LINE      (COM1 + 3)
#define REG_MODEM     (COM1 + 4)
#define REG_STATUS    (COM1 + 5)
#define REG_SCRATCH   (COM1 + 7)

#define STATUS_RECEIVED 0x01u
#define STATUS_ROOM	0x20u

static bool present;

/* A UART keeps what is written to its scratch register; where there is none, the bus reads as ones. */
static bool detect(void)
{
	outb(REG_SCRATCH, 0x5a);
	if (inb(REG_SCRATCH) != 0x5a)
		return false;
	outb(REG_SCRATCH, 0xa5);
	return inb(REG_SCRATCH) == 0xa5;
}

bool uart_init(void)
{
	present = detect();
	if (!present)
		return false;
	outb(REG_INTERRUPT, 0);
	outb(REG_LINE, 0x80); /* the next two are the divisor: 115200 */
	outb(REG_DATA, 1);
	outb(REG_INTERRUPT, 0);
	outb(REG_LINE, 0x03);  /* 8 bits, no parity, 1 stop bit */
	outb(REG_FIFO, 0x07);  /* on, both emptied, interrupt from the first byte */
	outb(REG_MODEM, 0x0b); /* DTR, RTS, and OUT2, which lets interrupts through on a PC */
	return true;
}

bool uart_can_send(void)
{
	return present && (inb(REG_STATUS) & STATUS_ROOM);
}

void uart_send(uint8_t byte)
{
	if (present)
		outb(REG_DATA, byte);
}

int uart_receive(void)
{
	return present && (inb(REG_STATUS) & STATUS_RECEIVED) ? inb(REG_DATA) : -1;
}

void uart_interrupts(bool receive, bool send)
{
	if (present)
		outb(REG_INTERRUPT, (uint8_t)((receive ? 1u : 0u) | (send ? 2u : 0u)));
}

bool uart_interrupt_pending(void)
{
	return present && !(inb(REG_IDENT) & 1); /* reading it takes "has room" back */
}
