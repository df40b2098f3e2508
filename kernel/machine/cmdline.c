/* The kernel's command line: settings that are in force before anything starts. */
#include "kernel/base/log.h"
#include "kernel/shell/knob.h"
#include "kernel/shell/parse.h"

void knob_cmdline(char *cmdline)
{
	char err[KNOB_ERROR_BYTES];

	for (char *word = parse_word(&cmdline); word; word = parse_word(&cmdline))
		if (knob_assign(word, KNOB_AT_BOOT, false, err, sizeof(err)) != 0)
			log_printf("command line: refused: %s", err);
}
