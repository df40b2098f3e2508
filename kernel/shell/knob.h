/* Settings: rows of the table `knob`, changed by name.
 *
 * Values come from people and scripts, so everything is checked; errors are one sentence without the caller's name,
 * such as: zero.low_pct: '200' is out of range, 0 to 100 are allowed. Nothing here allocates, so it works before there
 * is an allocator. Called by one thread at a time: the console's, or boot.
 */
#pragma once

#include "lib/table.h"
#include "lib/types.h"

enum knob_when {
	KNOB_AT_BOOT, /* before anything read a boot-only knob */
	KNOB_RUNNING, /* boot-only knobs are refused */
};

/* Long enough for every error below that has a sane number of choices; longer ones are cut off. */
#define KNOB_ERROR_BYTES 240u

/* Whether the row would take this text; nothing changes. Returns 0 and sets *out, or -1 with a sentence in err. */
int knob_check(const struct knob_row *row, const char *text, enum knob_when when, uint64_t *out, char *err,
	       size_t err_size);

/* The row called name; NULL: there is none, and err has a sentence that says which may have been meant. */
const struct knob_row *knob_find(const char *name, char *err, size_t err_size);

/* Sets the knob called name on a running machine, and calls its `changed`. Returns 0; or -1 with a sentence in err,
 * and nothing changed. */
int knob_set(const char *name, const char *text, char *err, size_t err_size);

/* The same from one word of the form name=value, at boot too; knob_try checks it as well, but changes nothing. Both
 * write to word, and put back what was there. */
int knob_assign(char *word, enum knob_when when, char *err, size_t err_size);
int knob_try(char *word, enum knob_when when, char *err, size_t err_size);

/* Cuts the first word off what is left of a line of settings, as parse_word does; blanks around its = go, so that
 * "a = 1", "a= 1" and "a =1" are a=1. A name that has nothing behind its = takes no word that has an = itself. NULL:
 * there is none. */
char *knob_next_word(char **rest);

/* A command line, at boot: words of the form name=value. Those that are unknown or bad are refused, and say is told of
 * each; the others are set. Where a name comes twice, the later one wins. Cuts words into pieces. */
typedef void knob_say_fn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void knob_assign_words(char *words, knob_say_fn *say);

/* Writes a row's value as people type it: the number, or the word. */
void knob_value_text(const struct knob_row *row, char *out, size_t size);

/* Writes what the row takes: "0 to 100", or "idle, alloc or free". */
void knob_allowed_text(const struct knob_row *row, char *out, size_t size);
