/* Console commands from a file that the host hands over (kernel/machine/boot_text.h), run instead of the console.
 *
 * One command a line; lines end with LF, CR LF or CR, the last one perhaps with nothing. Blank lines and lines that
 * begin with # are skipped; a # at the start of a later word begins a comment too. Each command is echoed behind the
 * prompt. After a command that failed the next one runs; at the end a
 * line says on which lines commands failed. A line longer than LINE_BYTES_MAX is a command that failed,
 * which is what `!` in front of it wants.
 */
#pragma once

#include "lib/types.h"

/* Runs the script if there is one, and then ends the machine: POWER_OK, or POWER_FAILED if a command failed. Returns
 * only when there is none. */
void script_run(void);

/* Ends the script that runs behind the command that calls this, with the status that it has then. False: none runs. */
bool script_end(void);

/* Whether one runs, so that nobody types. */
bool script_running(void);
