/* The console: a prompt on the terminal, or the host's script.
 *
 * Knobs: console.columns, how wide the terminal is; console.color, whether it wants colours.
 */
#pragma once

#include "lib/types.h"

#define CONSOLE_PROMPT "nought> "

/* The console's thread: runs the script if there is one, which ends the machine, else reads commands for ever. */
void console_run(void *unused);

/* Around whole lines that somebody else prints: takes the line that is being typed out of the way, and puts it back.
 * Nothing when none is, as at boot or while a command runs. */
void console_hide(void);
void console_show(void);

/* What is printed from here on is in that colour, an SGR parameter (ECMA-48, 8.3.117) such as 32; 0: as usual. Nothing
 * unless console.color is on. */
void console_color(unsigned sgr);

/* For the console's thread in commands that take long: whether the user wants cmd to end (^C), said so. */
bool console_interrupted(const char *cmd);
