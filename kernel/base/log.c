/* A fixed ring of text: each line ends in a newline, the oldest are overwritten.
 */
#include "kernel/base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "arch/x86_64/clock.h"
#include "kernel/base/tty.h"

#define RING_BYTES (32u * 1024u)
#define LINE_MAX   220u /* with its time */

static void nothing(void)
{
}

static char ring[RING_BYTES]; /* (K) */
static bool ring_only;	      /* (T) */
static uint64_t written;      /* (K) bytes ever; the ring holds the last RING_BYTES of them */
static void (*hide_row)(void) = nothing, (*show_row)(void) = nothing; /* (T) */

static void ring_add(const char *line, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ring[(written + i) % RING_BYTES] = line[i];
	written += count;
}

void log_printf(const char *fmt, ...)
{
	char line[LINE_MAX + 1];
	uint64_t ms = clock_ns() / 1000000;
	va_list args;

	size_t at = (size_t)sniprintf(line, sizeof(line), "[%3lu.%03lu] ", ms / 1000, ms % 1000);
	va_start(args, fmt);
	int count = vsniprintf(line + at, LINE_MAX - at, fmt, args);
	va_end(args);
	if (count > 0)
		at = at + (size_t)count < LINE_MAX ? at + (size_t)count : LINE_MAX - 1;
	line[at++] = '\n';
	ring_add(line, at);
	if (ring_only)
		return;
	hide_row();
	tty_write(line, at);
	show_row();
}

void log_row_owner(void (*hide)(void), void (*show)(void))
{
	hide_row = hide;
	show_row = show;
}

void log_quiet(void)
{
	ring_only = true;
}

void log_loud(void)
{
	ring_only = false;
}

int log_next(uint64_t *cursor, char *line, size_t max)
{
	uint64_t at = *cursor;
	size_t count = 0;

	if (written - at > RING_BYTES) {
		/* Overwritten: go on with the first line that is whole, which only what stands ahead of it tells. */
		at = written - RING_BYTES + 1;
		while (at < written && ring[(at - 1) % RING_BYTES] != '\n')
			at++;
	}
	if (at >= written)
		return -1;
	while (at < written && ring[at % RING_BYTES] != '\n') {
		if (count + 1 < max)
			line[count++] = ring[at % RING_BYTES];
		at++;
	}
	if (max)
		line[count] = '\0';
	*cursor = at + 1;
	return (int)count;
}
