/* Keys from the terminal, the end of a line as one byte. Reports of its size that come among them
 * (kernel/shell/resize.h) are taken out: whoever started the machine sends them when the size changes. For the
 * console's thread.
 */
#pragma once

#include "lib/types.h"

/* Blocks until there is a byte of a key. */
int input_getc(void);

/* The next one, which stays to be read: waits for it until a time on clock_ns, perhaps past. -1: there is none. */
int input_peek_until(uint64_t deadline_ns);

/* The byte that input_getc returned last comes once more. */
void input_put_back(void);

/* Whether several bytes come at once, as nobody types: another one waits, or comes within a few milliseconds. */
bool input_in_burst(void);

/* Whether ^C waits to be read: then takes it, and what was typed ahead of it. Neither waits nor prints. */
bool input_interrupted(void);

/* Who is told of a new size, within the calls above. */
void input_on_resize(void (*resized)(unsigned rows, unsigned columns));
