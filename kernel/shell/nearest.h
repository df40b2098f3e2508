/* The names that somebody may have meant who typed one that there is not: for the messages that refuse it.
 *
 *   struct nearest n;
 *   nearest_begin(&n, "zero.polcy");
 *   NEAREST_TABLE(&n, knob);
 *   nearest_text(&n, ", `knob` lists them", hint, sizeof(hint));     "; nearest: zero.policy"
 *
 * Near is a name that begins as the word does; that has it behind a dot or an underline (low_pct, poison); or that a
 * few slips of the finger lead to: a letter too many, missing, wrong, or changed for its neighbour (1 for words of 3 to
 * 5 letters, 2 up to 8, else 3), in all of the name, in its beginning, or in what is behind its dot. Capitals are small
 * letters. What is nearest comes first, names equally near by the alphabet; much farther ones than the first are left
 * out. Pure: it looks at names, wherever they come from.
 */
#pragma once

#include "lib/table.h"
#include "lib/types.h"

#define NEAREST_MAX	   4u
#define NEAREST_NAME_BYTES 80u /* longer names are never near */
#define NEAREST_TEXT_BYTES 200u
#define NEAREST_WORD_MAX   40u /* longer words have nothing near */

struct nearest {
	const char *how; /* may be set between offers: what one types ahead of the names that follow, such as "knob " */

	/* its own */
	char word[NEAREST_WORD_MAX + 1];
	size_t length;
	unsigned count;
	struct nearest_found {
		unsigned far; /* the less the nearer */
		const char *how;
		char name[NEAREST_NAME_BYTES];
	} found[NEAREST_MAX];
};

void nearest_begin(struct nearest *n, const char *word);

/* Takes a name, and keeps no pointer to it; one that was offered before doesn't count again. The shape is that of
 * complete_offer_fn. */
void nearest_offer(void *n, const char *name);

/* Offers the names of a table's rows, which are their first members; or the words of a NULL-terminated list. */
#define NEAREST_TABLE(n, table) nearest_rows(n, __start_table_##table, __stop_table_##table)
void nearest_rows(struct nearest *n, const void *const *start, const void *const *stop);
void nearest_words(struct nearest *n, const char *const *words);

/* Whether a knows a name that is nearer than all that b knows. */
bool nearest_is_nearer(const struct nearest *a, const struct nearest *b);

/* Writes "; nearest: stats, state", as many names as there is room for; or `otherwise` where nothing is near. Returns
 * out. */
const char *nearest_text(const struct nearest *n, const char *otherwise, char *out, size_t size);
