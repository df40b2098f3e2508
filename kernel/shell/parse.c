/* Words and numbers as people type them. */
#include "kernel/shell/parse.h"

#include <stdio.h>

enum digits { DIGITS_OK, DIGITS_NONE, DIGITS_OVERFLOW };

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

static unsigned suffix_shift(char c)
{
	switch (c) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	default:
		return 0;
	}
}

/* Text that is no number at all is told from one that is too big even where both hold: 99999999999999999999x isn't
 * out of range, it is nonsense. */
static enum digits read_digits(const char *text, enum parse_kind kind, uint64_t *out)
{
	unsigned base = 10;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (digit_value(*text) >= base)
		return DIGITS_NONE;

	uint64_t value = 0;
	bool overflow = false;
	for (; digit_value(*text) < base; text++) {
		overflow |= __builtin_mul_overflow(value, base, &value);
		overflow |= __builtin_add_overflow(value, digit_value(*text), &value);
	}
	if (kind == PARSE_SIZE && suffix_shift(*text) != 0) {
		overflow |= __builtin_mul_overflow(value, 1ull << suffix_shift(*text), &value);
		text++;
	}
	if (*text != '\0')
		return DIGITS_NONE;
	if (overflow)
		return DIGITS_OVERFLOW;
	*out = value;
	return DIGITS_OK;
}

int parse_u64(const char *text, struct parse_range range, uint64_t *out, char *err, size_t err_size)
{
	uint64_t value = 0;
	enum digits found = read_digits(text, range.kind, &value);

	if (found == DIGITS_OK && value >= range.min && value <= range.max) {
		*out = value;
		return 0;
	}
	const char *what = found != DIGITS_NONE	      ? "out of range"
			   : range.kind == PARSE_SIZE ? "not a size (decimal or 0x, perhaps with K, M or G)"
						      : "not a number (decimal or 0x)";
	char shown[40];
	size_t length = 0;
	while (text[length])
		length++;
	parse_printable(text, length, shown, sizeof(shown));
	sniprintf(err, err_size, "'%s' is %s, %lu to %lu are allowed", shown, what, range.min, range.max);
	return -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

char *parse_word(char **rest)
{
	char *at = *rest;
	while (is_blank(*at))
		at++;
	char *word = at;
	while (*at != '\0' && !is_blank(*at))
		at++;
	if (*at != '\0')
		*at++ = '\0';
	*rest = at;
	return *word != '\0' ? word : NULL;
}

int parse_words(char *line, char **words, int max)
{
	int count = 0;
	for (char *word = parse_word(&line); word && *word != '#'; word = parse_word(&line)) {
		if (count < max)
			words[count] = word;
		count++;
	}
	return count;
}

void parse_printable(const char *text, size_t length, char *out, size_t size)
{
	size_t count = length < size - 1 ? length : size - 1;
	for (size_t i = 0; i < count; i++)
		out[i] = text[i] == '\t' ? ' ' : text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[count] = '\0';
}
