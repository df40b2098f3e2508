/* The topics of `help`, and what the console's tables say of each other. */

#include "kernel/shell/cmd.h"

#include "kernel/commands/topic.h"
#include "tests/unit/test.h"

TEST(topic, every_command_belongs_to_one)
{
	TABLE_FOR_EACH (cmd, struct cmd_row, command) {
		bool found = false;
		TABLE_FOR_EACH (topic, struct topic_row, topic)
			found |= topic_has_command(topic, command->name);
		if (!found)
			test_port_note("%s is in no topic, kernel/commands/topic.c has them", command->name);
		CHECK(found);
	}
}
