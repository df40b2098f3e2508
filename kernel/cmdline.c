/* The kernel's command line: settings that are in force before anything starts. */
#include <string.h>

#include "kernel/knob.h"
#include "kernel/log.h"
#include "kernel/parse.h"

#define WORDS_MAX 64

void knob_cmdline(char *cmdline)
{
	char *words[WORDS_MAX];
	char err[KNOB_ERROR_BYTES];
	int count = parse_words(cmdline, words, WORDS_MAX);

	for (int i = 0; i < count && i < WORDS_MAX; i++)
		if (knob_assign(words[i], KNOB_AT_BOOT, false, err, sizeof(err)) != 0)
			log_printf("command line: refused: %s", err);
	if (count > WORDS_MAX)
		log_printf("command line: %d words, those after the first %d are refused", count, WORDS_MAX);
}
