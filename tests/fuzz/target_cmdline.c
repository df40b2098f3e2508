/* The command line, from the firmware's load options or fw_cfg to the knobs: boot/cmdline.c, kernel/machine/cmdline.c,
 * kernel/shell/knob.c, kernel/shell/parse.c.
 *
 * The first byte says what the rest is: text, load options, or one number with its bounds. Checked: the options come
 * out as printable ASCII and only if all of them are; words are taken apart as isspace would; every knob keeps to its
 * bounds; numbers agree with a reader that counts in 128 bits; errors are whole sentences.
 */
#include <stdlib.h>

#include "boot/cmdline.h"
#include "host.h"
#include "kernel/shell/knob.h"
#include "kernel/shell/parse.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX 4096u

static char *text_of(const uint8_t *data, size_t bytes)
{
	char *text = malloc(bytes + 1);

	memcpy(text, data, bytes);
	text[bytes] = '\0';
	return text;
}

static void check_knobs(void)
{
	TABLE_FOR_EACH (knob, struct knob_row, row) {
		uint64_t choices = 0;

		while (row->choices && row->choices[choices])
			choices++;
		if (row->choices)
			FUZZ_CHECK(*row->value < choices);
		else
			FUZZ_CHECK(*row->value >= row->min && *row->value <= row->max);
	}
}

static void check_words(const char *text)
{
	char *copy = strdup(text), *words[8];
	int count = parse_words(copy, words, (int)ARRAY_LEN(words));
	const char *at = text;

	for (int i = 0; i < count; i++) {
		at += strspn(at, " \t\r\n");
		size_t length = strcspn(at, " \t\r\n");

		FUZZ_CHECK(length != 0 && *at != '#');
		if (i < (int)ARRAY_LEN(words))
			FUZZ_CHECK(strlen(words[i]) == length && memcmp(words[i], at, length) == 0);
		at += length;
	}
	at += strspn(at, " \t\r\n");
	FUZZ_CHECK(*at == '\0' || *at == '#');
	free(copy);
}

static void run_text(const char *text)
{
	char *copy = strdup(text), *rest = copy, *word, err[KNOB_ERROR_BYTES];

	check_words(text);
	/* Word by word as presets and the console do, then whole as at boot. */
	while ((word = parse_word(&rest))) {
		char *before = strdup(word);

		for (unsigned mode = 0; mode < 3; mode++) {
			const enum knob_when when = mode == 1 ? KNOB_RUNNING : KNOB_AT_BOOT;

			err[0] = '\0';
			if ((mode == 0 ? knob_try : knob_assign)(word, when, err, sizeof(err)) != 0)
				FUZZ_CHECK(err[0] != '\0' && fuzz_printable(err));
			FUZZ_CHECK(strcmp(word, before) == 0);
		}
		check_knobs();
		free(before);
	}
	free(copy);
	fuzz_knobs_reset();
	copy = strdup(text);
	knob_assign_words(copy, mm_port_log);
	check_knobs();
	free(copy);
}

static void run_options(const uint8_t *data, size_t bytes)
{
	char out[64];
	enum boot_options_fault fault;
	size_t length, units = 0;
	uint32_t value;
	bool ascii = true;

	memset(out, 'x', sizeof(out));
	fault = cmdline_from_options(data, bytes, out, sizeof(out), &value);
	length = strnlen(out, sizeof(out));
	FUZZ_CHECK(length < sizeof(out) && fuzz_printable(out));
	for (; 2 * units + 1 < bytes && (data[2 * units] || data[2 * units + 1]); units++)
		ascii &= data[2 * units + 1] == 0 && data[2 * units] >= ' ' && data[2 * units] <= '~';
	FUZZ_CHECK((fault == BOOT_OPTIONS_SOUND) == (ascii && units < sizeof(out)));
	if (fault != BOOT_OPTIONS_SOUND)
		FUZZ_CHECK(length == 0 && value != 0);
	else
		for (size_t i = 0; i < length; i++)
			FUZZ_CHECK(out[i] == (char)data[2 * (units - length + i)]);
	if (ascii && units < sizeof(out) && length != units) {
		/* The only thing left out is a first word that ends in .efi, and blanks. */
		size_t name = 0;
		while (name < units - length && data[2 * name] != ' ')
			name++;
		FUZZ_CHECK(name >= 4 && data[2 * (name - 4)] == '.');
	}
	run_text(out);
}

/* What parse.h calls a number or size; -1: it is none, or 2^64 and more. */
static int read_number(const char *text, bool size, uint64_t *out)
{
	unsigned base = text[0] == '0' && (text[1] | 32) == 'x' ? 16 : 10, digits = 0;
	unsigned __int128 value = 0, limit = (unsigned __int128)1 << 64;

	for (text += base == 16 ? 2 : 0; *text; text++, digits++) {
		unsigned lower = (unsigned char)*text | 32u;
		unsigned digit = *text >= '0' && *text <= '9'	? (unsigned)(*text - '0')
				 : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
								: 16;
		if (digit >= base)
			break;
		value = value * base + digit;
		value = value > limit ? limit : value;
	}
	if (digits == 0)
		return -1;
	if (size && *text) {
		unsigned lower = (unsigned char)*text | 32u;
		unsigned shift = lower == 'k' ? 10 : lower == 'm' ? 20 : lower == 'g' ? 30 : 0;
		value <<= shift;
		text += shift ? 1 : 0;
	}
	if (*text || value >= limit)
		return -1;
	*out = (uint64_t)value;
	return 0;
}

static void run_number(struct choices *in, bool size)
{
	uint64_t min = choice_u8(in), max = choice_u32(in), out = 12345, want;
	char err[KNOB_ERROR_BYTES] = "";
	char *text;

	if (choice_u8(in) & 1)
		max = ~max;
	text = text_of(in->at, choice_left(in));
	bool good = read_number(text, size, &want) == 0 && want >= min && want <= max;
	int result = parse_u64(text, (struct parse_range){size ? PARSE_SIZE : PARSE_NUMBER, min, max}, &out, err,
			       sizeof(err));
	FUZZ_CHECK(good == (result == 0));
	FUZZ_CHECK(out == (good ? want : 12345));
	if (!good)
		FUZZ_CHECK(strstr(err, " allowed") && fuzz_printable(err));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct choices in = choices_of(data, bytes < TEXT_MAX ? bytes : TEXT_MAX);
	unsigned mode = choice_u8(&in);
	char *text;

	fuzz_knobs_reset();
	host_log_clear();
	switch (mode % 4) {
	case 0:
		text = text_of(in.at, choice_left(&in));
		run_text(text);
		free(text);
		break;
	case 1:
		run_options(in.at, choice_left(&in));
		break;
	default:
		run_number(&in, mode & 1);
	}
	return 0;
}
