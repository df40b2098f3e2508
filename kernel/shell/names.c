/* Every kind of name; see names.h. */
#include "kernel/shell/names.h"

#include "kernel/shell/bench.h"
#include "kernel/shell/cmd.h"

/* kernel/commands/topic.h has the rows; their names are all that counts here. */
TABLE_DECLARE(topic);

void names_offer(struct nearest *n)
{
	NEAREST_TABLE(n, cmd);
	NEAREST_TABLE(n, topic);
	NEAREST_TABLE(n, knob);
	NEAREST_TABLE(n, stat);
	NEAREST_TABLE(n, preset);
	NEAREST_TABLE(n, bench);
}

void names_offer_arguments(struct nearest *n)
{
	n->how = "knob ";
	NEAREST_TABLE(n, knob);
	n->how = "stats ";
	NEAREST_TABLE(n, stat);
	n->how = "preset ";
	NEAREST_TABLE(n, preset);
	n->how = "bench ";
	NEAREST_TABLE(n, bench);
	n->how = "help ";
	NEAREST_TABLE(n, topic);
}
