/* From a line of text to the command that it names, and the checks that commands share. */
#include "kernel/shell/cmd.h"

#include <stdio.h>
#include <string.h>

#include "kernel/shell/names.h"
#include "kernel/shell/sorted.h"

/* A word that is no command may be the name of something else, or a setting without `knob` ahead. It is taken for that
 * only if no command is as near. */
static void say_unknown(const char *word)
{
	char hint[NEAREST_TEXT_BYTES], name[NEAREST_WORD_MAX + 2];
	struct nearest commands, others;

	sniprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	nearest_begin(&commands, name);
	NEAREST_TABLE(&commands, cmd);
	nearest_begin(&others, name);
	names_offer_arguments(&others);
	iprintf("there is no command '%.40s'%s\n", word,
		nearest_text(nearest_is_nearer(&others, &commands) ? &others : &commands, ", `help` lists them", hint,
			     sizeof(hint)));
}

static int run_words(int argc, char **argv)
{
	if (argc == 0)
		return 0;
	if (argc > CMD_WORDS_MAX) {
		iprintf("%d words, at most %d are allowed\n", argc, CMD_WORDS_MAX);
		return CMD_FAILED;
	}
	argv[argc] = NULL;
	const struct cmd_row *row = TABLE_FIND(cmd, argv[0]);
	if (!row) {
		say_unknown(argv[0]);
		return CMD_FAILED;
	}
	return row->run(argc, argv) == 0 ? 0 : CMD_FAILED;
}

bool cmd_take_turns(char **line)
{
	bool turned = false;

	for (; **line == ' ' || **line == '\t' || **line == '!'; (*line)++)
		turned ^= **line == '!';
	return turned;
}

int cmd_run_line(char *line)
{
	char *argv[CMD_WORDS_MAX + 1];
	bool turned = cmd_take_turns(&line);

	int argc = parse_words(line, argv, CMD_WORDS_MAX);
	if (argc == 0 && turned) {
		iprintf("! needs a command behind it\n");
		return CMD_FAILED;
	}
	int result = run_words(argc, argv);
	if (!turned)
		return result;
	if (result == 0) {
		iprintf("the command succeeded, and ! wants it to fail\n");
		return CMD_FAILED;
	}
	return 0;
}

static void print_options(const struct cmd_option *options)
{
	if (!options || !options->letter) {
		iprintf("it takes none\n");
		return;
	}
	iprintf("allowed are");
	for (const struct cmd_option *option = options; option->letter; option++)
		iprintf(" -%c%s%s", option->letter, option->value_name ? " " : "",
			option->value_name ? option->value_name : "");
	iprintf("\n");
}

static const struct cmd_option *find_option(const struct cmd_option *options, char letter)
{
	for (; options && options->letter; options++)
		if (options->letter == letter)
			return options;
	return NULL;
}

/* Takes the option word argv[at], such as -j, -zl, -o3, or -o with its value in the next word. Returns how many words
 * it took, or CMD_FAILED. */
static int take_option(int argc, char **argv, int at, const struct cmd_option *options)
{
	for (const char *letter = argv[at] + 1; *letter; letter++) {
		const struct cmd_option *option = find_option(options, *letter);
		if (!option) {
			iprintf("%s: there is no option '%.20s', ", argv[0], argv[at]);
			print_options(options);
			return CMD_FAILED;
		}
		if (option->set)
			*option->set = true;
		if (!option->value_name)
			continue;
		/* What is missing is read as an empty value: whoever checks it says what is allowed. */
		bool next = letter[1] == '\0' && at + 1 < argc;
		*option->value = next ? argv[at + 1] : letter + 1;
		return next ? 2 : 1;
	}
	return 1;
}

/* -5 is a number that somebody got wrong, and the argument that it was meant for says what is allowed. */
static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0' && !(word[1] >= '0' && word[1] <= '9');
}

int cmd_args(int argc, char **argv, const struct cmd_option *options, const char *names, int min, int max)
{
	int count = 0;
	bool options_ended = false;

	for (int at = 1; at < argc;) {
		if (!options_ended && strcmp(argv[at], "--") == 0) {
			options_ended = true;
			at++;
		} else if (!options_ended && is_option(argv[at])) {
			int taken = take_option(argc, argv, at, options);
			if (taken == CMD_FAILED)
				return CMD_FAILED;
			at += taken;
		} else {
			argv[1 + count++] = argv[at++];
		}
	}
	if (count >= min && count <= max)
		return count;
	if (max == 0)
		iprintf("%s: takes no argument, not '%.40s'\n", argv[0], argv[1]);
	else if (min == max)
		iprintf("%s: takes %d argument%s, %s, not %d\n", argv[0], min, min == 1 ? "" : "s", names, count);
	else
		iprintf("%s: takes %d to %d arguments, %s, not %d\n", argv[0], min, max, names, count);
	return CMD_FAILED;
}

int cmd_number(const char *cmd, const char *what, const char *text, struct parse_range range, uint64_t *out)
{
	char err[160];
	if (parse_u64(text, range, out, err, sizeof(err)) == 0)
		return 0;
	iprintf("%s: %s %s\n", cmd, what, err);
	return CMD_FAILED;
}

int cmd_choice(const char *cmd, const char *text, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	struct nearest n;
	char hint[NEAREST_TEXT_BYTES];
	nearest_begin(&n, text);
	nearest_words(&n, words);
	iprintf("%s: '%.40s' is not known, allowed are", cmd, text);
	for (int i = 0; words[i]; i++)
		iprintf("%s %s", i == 0 ? "" : words[i + 1] ? "," : " and", words[i]);
	iprintf("%s\n", nearest_text(&n, "", hint, sizeof(hint)));
	return CMD_FAILED;
}

const char *cmd_size_text(uint64_t bytes, char text[CMD_SIZE_BYTES])
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;
	uint64_t scale = 1;
	while (unit + 1 < ARRAY_LEN(units) && bytes >= scale * 1024) {
		scale *= 1024;
		unit++;
	}
	uint64_t tenths = bytes % scale * 10 / scale;
	if (tenths)
		sniprintf(text, CMD_SIZE_BYTES, "%lu.%lu %s", bytes / scale, tenths, units[unit]);
	else
		sniprintf(text, CMD_SIZE_BYTES, "%lu %s", bytes / scale, units[unit]);
	return text;
}

void cmd_print_frames(const char *what, uint64_t frames)
{
	char size[CMD_SIZE_BYTES];
	iprintf("%-11s %10lu frames, %s\n", what, frames, cmd_size_text(frames * FRAME_SIZE, size));
}
