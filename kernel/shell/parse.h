/* Words and numbers as people type them, on the console and on the kernel's command line.
 *
 *   number   decimal (08 is eight, nothing is octal) or 0x and hexadecimal digits of either case; no sign
 *   size     a number, perhaps with K, M or G (either case) for 2^10, 2^20 or 2^30
 *
 * Nothing here allocates or prints; errors are texts that name the value and what is allowed.
 */
#pragma once

#include "lib/types.h"

/* What a number may be: its kind, and from where to where, both allowed. */
struct parse_range {
	enum parse_kind { PARSE_NUMBER, PARSE_SIZE } kind;
	uint64_t min, max;
};

static inline struct parse_range parse_numbers(uint64_t min, uint64_t max)
{
	return (struct parse_range){PARSE_NUMBER, min, max};
}

static inline struct parse_range parse_sizes(uint64_t min, uint64_t max)
{
	return (struct parse_range){PARSE_SIZE, min, max};
}

/* Reads the whole of text as a number or size of that range. Returns 0 and sets *out; or -1 with *out as it was and one
 * sentence in err, such as: '19' is out of range, 0 to 18 are allowed */
int parse_u64(const char *text, struct parse_range range, uint64_t *out, char *err, size_t err_size);

/* Cuts the first word off what is left of a line: words end at blanks, tabs and line ends. Returns it, terminated in
 * place, and moves *rest behind it; NULL: there is none. */
char *parse_word(char **rest);

/* Cuts line into words, in place. A word that begins with # starts a comment, which reaches to the end of the line.
 * Returns how many words there are; those beyond max are counted, but not stored. */
int parse_words(char *line, char **words, int max);

/* Copies at most size - 1 bytes, each that isn't printable ASCII as '?', so that nothing a script or command line
 * holds can steer the terminal that shows it. A tab becomes a blank. Always terminates out; size must not be 0. */
void parse_printable(const char *text, size_t length, char *out, size_t size);
