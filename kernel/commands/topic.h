/* What `help` can tell of besides single commands: rows of the table `topic`.
 *
 * Every command, knob and counter belongs to one topic at least: scripts/check-topics sees to it, and the guest's
 * `test`. A topic may name what this build leaves out, but nothing that no build has.
 */
#pragma once

#include "lib/table.h"
#include "lib/types.h"

struct topic_row {
	const char *name;
	const char *help;	 /* one line */
	const char *const *text; /* paragraphs, NULL-terminated; `...` is what one types */
	const char *commands;	 /* names, blanks between */
	const char *prefixes;	 /* of knobs and counters: what stands ahead of the first dot, blanks between */
};

#define TOPIC(ident, name_, help_, commands_, prefixes_, ...)                          \
	static const char *const topic_text_##ident[] = {__VA_ARGS__, NULL};           \
	static const struct topic_row topic_row_##ident = {.name = (name_),            \
							   .help = (help_),            \
							   .text = topic_text_##ident, \
							   .commands = (commands_),    \
							   .prefixes = (prefixes_)};   \
	TABLE_ADD(topic, topic_row_##ident)

TABLE_DECLARE(topic);

/* Whether a command, and a knob or counter, belongs to the topic. */
bool topic_has_command(const struct topic_row *topic, const char *name);
bool topic_has_name(const struct topic_row *topic, const char *name);
