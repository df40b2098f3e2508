/* From usage texts to words; see complete.h. */
#include "kernel/shell/complete.h"

#include <string.h>

#include "kernel/shell/cmd.h"
#include "kernel/shell/knob.h"
#include "kernel/shell/line.h"
#include "kernel/shell/sorted.h"

/* A part of a usage text between blanks and brackets; not terminated. */
struct token {
	const char *text;
	size_t length;
};

static bool is_token(struct token token, const char *text)
{
	return token.length == strlen(text) && memcmp(token.text, text, token.length) == 0;
}

/* The next token at or after *at, which moves behind it. An empty one: there is none. */
static struct token next_token(const char **at)
{
	const char *start = *at + strspn(*at, " []");
	size_t length = strcspn(start, " []");

	*at = start + length;
	return (struct token){start, length};
}

static bool is_option(struct token token)
{
	return token.length >= 2 && token.text[0] == '-';
}

/* The value that the option just taken has, if a blank and a kind follow it within its brackets. */
static struct token option_value(const char **at)
{
	const char *start = *at;
	struct token value = {start, 0};

	if (*start != ' ' || start[1] < 'A' || start[1] > 'Z')
		return value;
	return next_token(at);
}

/* The value of option -letter; an empty token: it has none. */
static struct token find_value(const char *usage, char letter)
{
	for (struct token token = next_token(&usage); token.length > 0; token = next_token(&usage)) {
		if (!is_option(token))
			continue;
		struct token value = option_value(&usage);
		/* "-z|-Z" is several */
		for (size_t i = 1; i < token.length; i++)
			if (token.text[i - 1] == '-' && token.text[i] == letter)
				return value;
	}
	return (struct token){usage, 0};
}

/* What stands at the place of argument number at, from 0; the last one again if it ends in dots. */
static struct token find_argument(const char *usage, int at)
{
	struct token last = {usage, 0};

	for (struct token token = next_token(&usage); token.length > 0; token = next_token(&usage)) {
		if (is_option(token)) {
			option_value(&usage);
			continue;
		}
		last = token;
		if (at-- == 0)
			return token;
	}
	bool again = last.length > 3 && memcmp(last.text + last.length - 3, "...", 3) == 0;
	return again ? last : (struct token){usage, 0};
}

static const struct complete_row *find_kind(struct token token)
{
	TABLE_FOR_EACH (complete, struct complete_row, row)
		if (is_token(token, row->name))
			return row;
	return NULL;
}

/* The first of the choices between |, taken off; dots behind it too. */
static struct token take_choice(struct token *left)
{
	const char *bar = memchr(left->text, '|', left->length);
	struct token choice = {left->text, bar ? (size_t)(bar - left->text) : left->length};
	size_t taken = choice.length + (bar ? 1 : 0);

	left->text += taken;
	left->length -= taken;
	if (choice.length > 3 && memcmp(choice.text + choice.length - 3, "...", 3) == 0)
		choice.length -= 3;
	return choice;
}

/* A word of the usage text itself, or those of a kind. */
static void offer_token(const struct completion *c, struct token token)
{
	char word[40];

	for (struct token left = token; left.length > 0;) {
		struct token choice = take_choice(&left);
		const struct complete_row *kind = find_kind(choice);
		if (kind) {
			kind->words(c);
		} else if (choice.length > 0 && choice.length < sizeof(word) &&
			   (choice.text[0] < 'A' || choice.text[0] > 'Z')) {
			memcpy(word, choice.text, choice.length);
			word[choice.length] = '\0';
			c->offer(c->to, word);
		}
	}
}

static void offer_options(const struct completion *c, const char *usage)
{
	for (struct token token = next_token(&usage); token.length > 0; token = next_token(&usage))
		if (is_option(token))
			offer_token(c, token);
}

static void offer_command(const struct completion *c, char **words, int count);

/* What follows word by the usage text of what it names, if it is of one of the token's kinds. */
static const char *usage_of(struct token token, const char *word)
{
	const char *usage = NULL;

	while (token.length > 0 && !usage) {
		const struct complete_row *kind = find_kind(take_choice(&token));
		if (kind && kind->usage)
			usage = kind->usage(word);
	}
	return usage;
}

static bool is_option_word(const char *word)
{
	return word[0] == '-' && word[1] != '\0' && (word[1] < '0' || word[1] > '9');
}

void complete_usage(const struct completion *c, const char *usage, char **words, int count)
{
	struct token value = {usage, 0}, token = find_argument(usage, 0);
	const char *rest = NULL;
	int argument = 0;

	for (int i = 0; i < count; i++) {
		if (value.length > 0) {
			value.length = 0;
		} else if (is_token(token, "CMD...")) {
			offer_command(c, words + i, count - i);
			return;
		} else if (is_token(token, "ARGS...")) {
			if (rest)
				complete_usage(c, rest, words + i, count - i);
			return;
		} else if (is_option_word(words[i])) {
			value = find_value(usage, words[i][strlen(words[i]) - 1]);
		} else {
			rest = usage_of(token, words[i]);
			token = find_argument(usage, ++argument);
		}
	}
	if (value.length > 0) {
		offer_token(c, value);
	} else if (is_token(token, "CMD...")) {
		offer_command(c, words + count, 0);
	} else if (is_token(token, "ARGS...")) {
		if (rest)
			complete_usage(c, rest, words + count, 0);
	} else {
		offer_token(c, token);
		offer_options(c, usage);
	}
}

/* Words of a line from the command on, perhaps behind `!`s. */
static void offer_command(const struct completion *c, char **words, int count)
{
	while (count > 0 && strspn(words[0], "!") == strlen(words[0])) {
		words++;
		count--;
	}
	if (count == 0) {
		COMPLETE_TABLE(c, cmd);
		return;
	}
	const struct cmd_row *row = TABLE_FIND(cmd, words[0] + strspn(words[0], "!"));
	if (row)
		complete_usage(c, row->usage, words + 1, count - 1);
}

void complete_names(const struct completion *c, const void *const *start, const void *const *stop)
{
	/* Every row's name is its first member, see sorted.h. */
	for (const char *const *row = sorted_next(start, stop, NULL); row; row = sorted_next(start, stop, *row))
		c->offer(c->to, *row);
}

void complete_line(const char *text, size_t length, complete_offer_fn *offer, void *to)
{
	char line[LINE_BYTES_MAX + 1], *words[CMD_WORDS_MAX];

	if (length > LINE_BYTES_MAX)
		return;
	memcpy(line, text, length);
	line[length] = '\0';
	bool comment = false;
	int count = 0;
	char *rest = line;
	for (char *word; (word = parse_word(&rest)) && count < CMD_WORDS_MAX; count++) {
		comment |= word[0] == '#';
		words[count] = word;
	}
	if (comment || count == CMD_WORDS_MAX)
		return;
	struct completion c = {.offer = offer, .to = to, .before = count > 0 ? words[count - 1] : NULL};
	offer_command(&c, words, count);
}

/* --- the kinds that the console's own tables have --- */

static void cmd_words(const struct completion *c)
{
	COMPLETE_TABLE(c, cmd);
}

COMPLETE(cmd, "CMD", .words = cmd_words);

static void counter_words(const struct completion *c)
{
	COMPLETE_TABLE(c, stat);
}

COMPLETE(counter, "COUNTER", .words = counter_words);

static void preset_words(const struct completion *c)
{
	COMPLETE_TABLE(c, preset);
}

COMPLETE(preset, "PRESET", .words = preset_words);

static void knob_words(const struct completion *c)
{
	COMPLETE_TABLE(c, knob);
}

COMPLETE(knob, "KNOB", .words = knob_words);

/* Of the knob before. */
static void value_words(const struct completion *c)
{
	const struct knob_row *row = c->before ? TABLE_FIND(knob, c->before) : NULL;

	for (const char *const *choice = row ? row->choices : NULL; choice && *choice; choice++)
		c->offer(c->to, *choice);
}

COMPLETE(value, "VALUE", .words = value_words);
