/* What the next word of a command line could be, told from the usage texts of commands alone.
 *
 * A usage text such as "[-j] [-o ORDER] zero|report|idle [TIMEOUT_MS]" says for each place what stands there:
 *
 *   small letters     the word itself; | separates several
 *   CAPITALS          a kind of word; the row of that name in the table `complete` knows the words, if there is one
 *   [-x] and [-x Y]   an option, and one with a value of kind Y; options may stand anywhere
 *   CMD...            the rest is a command line by itself
 *   ARGS...           the rest has the usage text of what the kind before names (complete_row.usage)
 *
 * So whoever adds a command, a knob or a bench has its words completed without doing anything for it.
 */
#pragma once

#include "lib/table.h"
#include "lib/types.h"

typedef void complete_offer_fn(void *to, const char *word);

/* The place in a line that is to be filled. */
struct completion {
	complete_offer_fn *offer; /* takes any word that could stand there, whatever is typed of it already */
	void *to;
	const char *before; /* the argument before, or the command; NULL: none */
};

/* How to find the words of a kind. */
struct complete_row {
	const char *name; /* the kind, in capitals */
	void (*words)(const struct completion *c);
	const char *(*usage)(const char *word); /* of the arguments behind such a word; NULL, or NULL returned: none */
};

#define COMPLETE(ident, name_, ...)                                                             \
	static const struct complete_row complete_row_##ident = {.name = (name_), __VA_ARGS__}; \
	TABLE_ADD(complete, complete_row_##ident)

TABLE_DECLARE(complete);

/* Offers the names of a table's rows, sorted. */
#define COMPLETE_TABLE(c, table) complete_names(c, __start_table_##table, __stop_table_##table)
void complete_names(const struct completion *c, const void *const *start, const void *const *stop);

/* Offers what may come behind words[0] to words[count - 1], the arguments so far, by a usage text. */
void complete_usage(const struct completion *c, const char *usage, char **words, int count);

/* Offers what may come behind the first length bytes of a command line: the names of commands, or what the command's
 * usage says. Lines of more than LINE_BYTES_MAX bytes or CMD_WORDS_MAX words get nothing offered. */
void complete_line(const char *text, size_t length, complete_offer_fn *offer, void *to);
