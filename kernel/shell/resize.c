/* Finds reports of the terminal's size among keys; see resize.h. */
#include "kernel/shell/resize.h"

#include <string.h>

#define ESC	    0x1b
#define NUMBERS_MAX 5u
#define DIGITS_MAX  4u

/* What bytes are: no report, the beginning of one, or a whole one. */
enum found { NONE, BEGINNING, WHOLE };

/* Reads a number of a report; false: what follows is neither a number nor cut off. */
static bool read_number(const char **at, const char *end, unsigned *number)
{
	unsigned digits = 0;

	for (*number = 0; *at < end && **at >= '0' && **at <= '9'; (*at)++, digits++)
		*number = *number * 10 + (unsigned)(**at - '0');
	return digits <= DIGITS_MAX && (digits > 0 || *at == end);
}

static enum found parse(struct resize *r)
{
	const char *at = r->held, *end = at + r->length;
	unsigned number[NUMBERS_MAX], count = 0;

	if (*at++ != ESC)
		return NONE;
	if (at == end)
		return BEGINNING;
	if (*at++ != '[')
		return NONE;
	for (;; at++) {
		if (count == NUMBERS_MAX)
			return NONE;
		if (!read_number(&at, end, &number[count++]))
			return NONE;
		if (at == end)
			/* Keys have other first numbers, and shall not wait: CSI 5 ~. */
			return count > 1 || number[0] == 0 || number[0] == 4 || number[0] == 8 || number[0] == 48
				       ? BEGINNING
				       : NONE;
		if (*at != ';')
			break;
		if (count == 1 && number[0] != 8 && number[0] != 48)
			return NONE;
	}
	if (*at != 't' || !((count == 3 && number[0] == 8) || (count == 5 && number[0] == 48)) || number[1] == 0 ||
	    number[2] == 0)
		return NONE;
	r->rows = number[1];
	r->columns = number[2];
	return WHOLE;
}

unsigned resize_give_up(struct resize *r, char out[RESIZE_BYTES + 1])
{
	unsigned count = r->length;

	memcpy(out, r->held, count);
	r->length = 0;
	return count;
}

enum resize_event resize_feed(struct resize *r, char byte, char out[RESIZE_BYTES + 1], unsigned *count)
{
	*count = 0;
	/* A key that was cut off, perhaps by the report that begins here. */
	if (r->length == RESIZE_BYTES || (byte == ESC && r->length > 0))
		*count = resize_give_up(r, out);
	r->held[r->length++] = byte;
	switch (parse(r)) {
	case WHOLE:
		r->length = 0;
		return RESIZE_NEW;
	case BEGINNING:
		return *count > 0 ? RESIZE_PASS : RESIZE_HELD;
	case NONE:
		break;
	}
	*count += resize_give_up(r, out + *count);
	return RESIZE_PASS;
}
