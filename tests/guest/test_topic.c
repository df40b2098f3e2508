/* The topics of `help`, and what the console's tables say of each other. */

#include "kernel/shell/cmd.h"

#include "kernel/commands/topic.h"
#include "tests/unit/test.h"

static void check_found(const char *name, bool (*has)(const struct topic_row *topic, const char *name))
{
	bool found = false;
	TABLE_FOR_EACH (topic, struct topic_row, topic)
		found |= has(topic, name);
	if (!found)
		test_port_note("%s is in no topic, kernel/commands/topic.c has them", name);
	CHECK(found);
}

TEST(topic, every_command_belongs_to_one)
{
	TABLE_FOR_EACH (cmd, struct cmd_row, command)
		check_found(command->name, topic_has_command);
}

TEST(topic, every_knob_and_counter_belongs_to_one)
{
	TABLE_FOR_EACH (knob, struct knob_row, knob)
		check_found(knob->name, topic_has_name);
	TABLE_FOR_EACH (stat, struct stat_row, stat)
		check_found(stat->name, topic_has_name);
}
