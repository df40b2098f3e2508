/* A 16550 at COM1: bytes in and out of its FIFOs, and which interrupts it raises. The buffers are the tty's.
 */
#pragma once

#include "lib/types.h"

#define UART_IRQ  4u
#define UART_FIFO 16u

/* Finds and sets up the UART: 115200 8N1, FIFOs on, its interrupts off. False: there is none; then nothing is ever
 * ready and what is sent is lost. */
bool uart_init(void);

/* Room in the transmitter: UART_FIFO bytes may be sent without looking again. */
bool uart_can_send(void);
void uart_send(uint8_t byte);

/* The next byte received, or -1. */
int uart_receive(void);

/* Which interrupts the UART raises; has bytes, has room. */
void uart_interrupts(bool receive, bool send);

/* Takes back the interrupt that is pending, if there is one. False: there was none; only then will the next one be an
 * edge that the IOAPIC sees. */
bool uart_interrupt_pending(void);
