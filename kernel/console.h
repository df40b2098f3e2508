/* The console: a prompt on the terminal, or the host's script.
 *
 * Knob: console.columns, how wide the terminal is.
 */
#pragma once

#define CONSOLE_PROMPT "nought> "

/* The console's thread: runs the script if there is one, which ends the machine, else reads commands for ever. */
void console_run(void *unused);
