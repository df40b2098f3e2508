/* The console: a prompt on the terminal, or the host's script.
 *
 * Nothing tells a terminal from a pipe here, so whoever starts the machine says what it knows, by knobs:
 * console.columns and console.rows, how large the terminal is; console.color, whether it shows colours; console.tab,
 * what a tab is.
 */
#pragma once

#include "lib/types.h"

#define CONSOLE_PROMPT "nought> "

/* The console's thread: runs the script if there is one, which ends the machine, else reads commands for ever. */
void console_run(void *unused);

/* What is printed from here on is in that colour, an SGR parameter (ECMA-48, 8.3.117) such as 32; 0: as usual. Nothing
 * unless console.color is on. */
void console_color(unsigned sgr);

/* Commands' output, from newlib: whole, or page by page. */
void console_write(const char *bytes, size_t count);

/* For commands that only list: what they print from here on stops after each page, if somebody types at a terminal
 * whose rows are known. What the user doesn't want to see any more is dropped. */
void console_pages(void);

/* Around one screenful: what is printed between the two overwrites what is there, from the first row on, and is cut off
 * at the last one. The first one clears the screen. Returns false, and both do nothing, where no terminal's rows are
 * known. */
bool console_screen_begin(bool first);
void console_screen_end(void);

/* For the console's thread in commands that take long: whether the user wants cmd to end (^C), said so. */
bool console_interrupted(const char *cmd);

/* Whether it would return true. Only looks, so it may be asked with a lock held; what it saw stays to be said. */
bool console_interrupt_waits(void);

/* How often it has returned true for a ^C, for commands that run others. */
unsigned console_interruptions(void);
