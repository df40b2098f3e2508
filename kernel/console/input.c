/* Keys, without what tells of the terminal's size; see input.h. */
#include "kernel/console/input.h"

#include "kernel/base/tty.h"
#include "kernel/shell/resize.h"

#define CTRL_C	  0x03
#define ESCAPE_NS 50000000ull	/* an escape key is a key when nothing has come behind it for so long */
#define BURST_NS  10000000ull	/* keys that are held down come slower */
#define REPORT_NS 1000000000ull /* no key begins as a report does, so the rest of it is waited for */

static void nobody(unsigned rows, unsigned columns)
{
	(void)rows;
	(void)columns;
}

static struct resize resize;					    /* (T) */
static char ready[RESIZE_BYTES + 1];				    /* (T) bytes of keys */
static unsigned ready_at, ready_end;				    /* (T) */
static int last;						    /* (T) byte that was got */
static bool again;						    /* (T) and is to be got again */
static bool after_cr;						    /* (T) */
static uint64_t held_until_ns;					    /* (T) */
static void (*on_resize)(unsigned rows, unsigned columns) = nobody; /* (T) */

void input_on_resize(void (*resized)(unsigned rows, unsigned columns))
{
	on_resize = resized;
}

/* Terminals and what is between may send CR LF for the key that ends a line, or CR NUL (telnet). A NUL by itself is no
 * key either: lines that break look so. */
static bool is_part_of_cr(char byte)
{
	bool part = byte == '\0' || (byte == '\n' && after_cr);

	after_cr = byte == '\r' || (byte == '\0' && after_cr);
	return part;
}

/* When nothing is ready. */
static void take(char byte)
{
	if (is_part_of_cr(byte))
		return;
	if (resize_feed(&resize, byte, ready, &ready_end) == RESIZE_NEW)
		on_resize(resize.rows, resize.columns);
	ready_at = 0;
	if (resize.length > 0)
		held_until_ns = tty_deadline_ns(resize.length == 1 ? ESCAPE_NS : REPORT_NS);
}

int input_peek_until(uint64_t deadline_ns)
{
	if (again)
		return last;
	while (ready_at == ready_end) {
		bool held_first = resize.length > 0 && held_until_ns < deadline_ns;
		int byte = tty_peek_until(held_first ? held_until_ns : deadline_ns);
		if (byte >= 0) {
			take((char)tty_getc());
		} else if (held_first) {
			ready_end = resize_give_up(&resize, ready);
			ready_at = 0;
		} else {
			return -1;
		}
	}
	return (unsigned char)ready[ready_at];
}

int input_getc(void)
{
	last = input_peek_until(UINT64_MAX);
	if (!again)
		ready_at++;
	again = false;
	return last;
}

void input_put_back(void)
{
	again = true;
}

bool input_in_burst(void)
{
	return input_peek_until(tty_deadline_ns(BURST_NS)) >= 0;
}

/* Of what was typed ahead of ^C only the terminal's size counts. */
static void drop(char byte)
{
	take(byte);
	ready_end = 0;
}

static bool ready_interrupted(void)
{
	while (ready_at < ready_end)
		if (ready[ready_at++] == CTRL_C)
			return true;
	return false;
}

bool input_interrupted(void)
{
	unsigned at = ready_at;

	if (tty_interrupted(drop)) {
		again = false;
		resize.length = 0;
		ready_at = ready_end = 0;
		return true;
	}
	if (ready_interrupted()) {
		again = false;
		return true;
	}
	ready_at = at; /* keys for the next line */
	return false;
}
