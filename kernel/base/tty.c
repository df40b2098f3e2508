/* Two rings between threads and the UART's interrupt.
 *
 * The interrupt handler fills the receive ring and empties the transmit ring; everybody else does the opposite, with
 * interrupts off for short copies. A full receive ring stops the UART's interrupt, and with it the sender behind QEMU's
 * FIFO, so a long paste loses nothing.
 */
#include "kernel/base/tty.h"

#include "arch/x86_64/clock.h"
#include "arch/x86_64/irq.h"
#include "arch/x86_64/uart.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/wait.h"
#include "lib/table.h"

#define RX_BYTES   1024u
#define TX_BYTES   8192u
#define COPY_BYTES 256u	     /* with interrupts off */
#define WAIT_NS	   50000000u /* a waiter looks again, should another have taken its wake-up */
#define CTRL_C	   0x03
#define POLLS_MAX  2000000u /* a second or two without room: nobody takes the bytes, so they go */

static uint8_t rx[RX_BYTES], tx[TX_BYTES];    /* (I) */
static uint32_t rx_in, rx_out, tx_in, tx_out; /* (I) bytes ever */
static bool rx_stopped;			      /* (I) the ring is full: the UART must not interrupt for bytes */
static bool by_interrupts;		      /* (I) */
static struct thread *reader, *writer;	      /* (I) */

static uint64_t rx_bytes, tx_bytes, tx_lost; /* (I, A) */
STAT(tty_rx, "tty.rx_bytes", "bytes", "received on COM1", &rx_bytes);
STAT(tty_tx, "tty.tx_bytes", "bytes", "sent on COM1", &tx_bytes);
STAT(tty_lost, "tty.tx_lost_bytes", "bytes", "dropped, since nobody took them", &tx_lost);

/* Sends what fits into the transmitter. False: it has no room. */
static bool pump(void)
{
	if (!uart_can_send())
		return false;
	for (unsigned i = 0; i < UART_FIFO && tx_out != tx_in; i++) {
		uart_send(tx[tx_out++ % TX_BYTES]);
		tx_bytes++;
	}
	return true;
}

/* Empties the transmit ring by polling. With interrupts off. */
static void drain_polled(void)
{
	for (uint32_t polls = 0; tx_out != tx_in; polls++) {
		if (pump())
			polls = 0;
		if (polls == POLLS_MAX) {
			tx_lost += tx_in - tx_out;
			tx_out = tx_in;
		}
	}
}

static void set_interrupts(void)
{
	uart_interrupts(by_interrupts && !rx_stopped, by_interrupts && tx_out != tx_in);
}

static void tty_irq(void *arg)
{
	(void)arg;
	do {
		while (rx_in - rx_out < RX_BYTES) {
			int byte = uart_receive();

			if (byte < 0)
				break;
			rx[rx_in++ % RX_BYTES] = (uint8_t)byte;
			rx_bytes++;
		}
		rx_stopped = rx_in - rx_out == RX_BYTES;
		pump();
		set_interrupts();
	} while (uart_interrupt_pending());

	if (reader && rx_in != rx_out)
		thread_wake(reader);
	if (writer && tx_in - tx_out < TX_BYTES / 2) {
		thread_wake(writer);
		writer = NULL;
	}
}

bool tty_init(void)
{
	return uart_init();
}

bool tty_start(void)
{
	if (irq_install_isa(UART_IRQ, tty_irq, NULL) < 0)
		return false;
	bool on = irq_save();
	by_interrupts = true;
	set_interrupts();
	irq_restore(on);
	return true;
}

static void tx_put(uint8_t byte)
{
	tx[tx_in++ % TX_BYTES] = byte;
}

void tty_write(const char *bytes, size_t count)
{
	size_t done = 0;

	while (done < count) {
		bool on = irq_save();
		for (size_t i = 0; i < COPY_BYTES && done < count && TX_BYTES - (tx_in - tx_out) >= 2; i++) {
			if (bytes[done] == '\n')
				tx_put('\r');
			tx_put((uint8_t)bytes[done++]);
		}
		bool wait =
			by_interrupts && done < count && TX_BYTES - (tx_in - tx_out) < 2 && on && thread_may_block();
		if (!by_interrupts || (TX_BYTES - (tx_in - tx_out) < 2 && !wait))
			drain_polled();
		if (wait)
			writer = thread_current();
		set_interrupts();
		irq_restore(on);
		if (wait)
			thread_block_until(clock_ns() + WAIT_NS);
	}
}

void tty_flush(void)
{
	bool on = irq_save();

	drain_polled();
	for (uint32_t polls = 0; polls < POLLS_MAX && !uart_can_send(); polls++)
		;
	irq_restore(on);
}

void tty_panic_mode(void)
{
	by_interrupts = false;
	set_interrupts();
}

/* Bytes were taken out of the receive ring. With interrupts off. */
static void rx_taken(void)
{
	if (rx_stopped && rx_in - rx_out <= RX_BYTES / 2) {
		rx_stopped = false;
		set_interrupts();
	}
}

bool tty_interrupted(void (*drop)(char byte))
{
	bool on = irq_save();
	uint32_t at = rx_in;

	while (at != rx_out && rx[(at - 1) % RX_BYTES] != CTRL_C)
		at--;
	bool found = at != rx_out;
	if (found) {
		while (rx_out + 1 != at)
			drop((char)rx[rx_out++ % RX_BYTES]);
		rx_out = at;
		rx_taken();
	}
	irq_restore(on);
	return found;
}

int tty_peek_until(uint64_t deadline_ns)
{
	for (;;) {
		bool on = irq_save();
		int byte = rx_in != rx_out ? rx[rx_out % RX_BYTES] : -1;

		reader = byte < 0 ? thread_current() : NULL;
		irq_restore(on);
		if (byte >= 0 || clock_ns() >= deadline_ns)
			return byte;
		thread_block_until(deadline_ns);
	}
}

uint64_t tty_deadline_ns(uint64_t from_now_ns)
{
	return clock_ns() + from_now_ns;
}

int tty_getc(void)
{
	int byte = tty_peek_until(UINT64_MAX);
	bool on = irq_save();

	rx_out++;
	rx_taken();
	irq_restore(on);
	return byte;
}
