/* Commands: rows of the table `cmd`, and what every command needs to read its arguments.
 *
 *   CMD(alloc, "alloc", "[-o ORDER] [-n COUNT]", "get blocks of memory", cmd_alloc);
 *
 * A command prints with iprintf. It returns 0, or CMD_FAILED after it has printed one line that says why.
 */
#pragma once

#include "kernel/shell/parse.h"
#include "lib/table.h"
#include "lib/types.h"

#define CMD_FAILED    (-1)
#define CMD_WORDS_MAX 32

/* argv[0] is the command's name, argv[argc] is NULL. The words may be changed and moved. */
struct cmd_row {
	const char *name;
	const char *usage; /* the arguments only */
	const char *help;
	int (*run)(int argc, char **argv);
};

#define CMD(ident, name_, usage_, help_, run_)                                       \
	static const struct cmd_row cmd_row_##ident = {                              \
		.name = (name_), .usage = (usage_), .help = (help_), .run = (run_)}; \
	TABLE_ADD(cmd, cmd_row_##ident)

TABLE_DECLARE(cmd);

/* Takes the `!`s from the front of a line. Returns whether they turn the result round: ! CMD succeeds only if CMD
 * fails. */
bool cmd_take_turns(char **line);

/* Runs one line: words, perhaps behind `!`, which turns the result round; a # at the start of a word begins a comment.
 * A line without words is 0. line is cut into pieces. */
int cmd_run_line(char *line);

/* One option that a command takes: -x, or -x VALUE (-xVALUE is the same). */
struct cmd_option {
	char letter;
	const char *value_name; /* what the value is called in messages; NULL: takes none */
	bool *set;		/* may be NULL */
	const char **value; /* where value_name is set: the word, "" if it is missing; left alone without the option */
};

/* Takes the options, which may stand anywhere, out of argv and moves the arguments that are left to argv[1] on; `--`
 * ends the options, and a word such as -5 is an argument. options ends with a row whose letter is 0, or is NULL: none.
 * names says what the arguments are called, for messages; min and max is how many there may be. Returns how many, or
 * CMD_FAILED, said why. */
int cmd_args(int argc, char **argv, const struct cmd_option *options, const char *names, int min, int max);

/* Reads an argument as a number or size of that range. Returns 0, or CMD_FAILED, said why: "alloc: ORDER
 * '19' is ..." */
int cmd_number(const char *cmd, const char *what, const char *text, struct parse_range range, uint64_t *out);

/* The index of text among the words (NULL-terminated); CMD_FAILED, said why, when it is none of them. */
int cmd_choice(const char *cmd, const char *text, const char *const *words);

/* "4 KiB", "1.5 GiB": exact where the unit allows one decimal, else rounded down to it. Returns text. */
#define CMD_SIZE_BYTES 24
const char *cmd_size_text(uint64_t bytes, char text[CMD_SIZE_BYTES]);

/* Prints a row of a status: "stock             512 frames, 2 MiB". */
void cmd_print_frames(const char *what, uint64_t frames);
