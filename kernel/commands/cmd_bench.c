/* bench: run a benchmark, or list them. */
#include <stdio.h>
#include <string.h>

#include "kernel/console/console.h"
#include "kernel/shell/bench.h"
#include "kernel/shell/cmd.h"
#include "kernel/shell/complete.h"
#include "kernel/shell/json.h"
#include "kernel/shell/nearest.h"
#include "kernel/shell/sorted.h"
#include "kernel/shell/wrap.h"

static void list(void)
{
	SORTED_FOR_EACH (bench, struct bench_row, row) {
		unsigned column = (unsigned)iprintf("%s ", row->name);
		wrap_print(column, column, row->usage);
		iprintf("  ");
		wrap_print(2, 2, row->help);
	}
}

static void list_json(void)
{
	struct json json = json_begin();
	json_array(&json, "benches");
	SORTED_FOR_EACH (bench, struct bench_row, row) {
		json_object(&json, NULL);
		json_text(&json, "name", row->name);
		json_text(&json, "usage", row->usage);
		json_text(&json, "help", row->help);
		json_close(&json);
	}
	json_close(&json);
	json_end(&json);
}

/* Only -j is this command's; the other words are the bench's own business, options too. */
static bool take_json(int *argc, char **argv)
{
	bool found = false;
	int kept = 0;
	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], "-j") == 0)
			found = true;
		else
			argv[kept++] = argv[i];
	}
	argv[kept] = NULL;
	*argc = kept;
	return found;
}

static int cmd_bench(int argc, char **argv)
{
	bool json = take_json(&argc, argv);
	if (argc < 2 || strcmp(argv[1], "list") == 0) {
		if (argc > 2) {
			iprintf("bench: list takes no argument, not '%.40s'\n", argv[2]);
			return CMD_FAILED;
		}
		console_pages();
		if (json)
			list_json();
		else
			list();
		return 0;
	}
	const struct bench_row *row = TABLE_FIND(bench, argv[1]);
	if (!row) {
		struct nearest n;
		char hint[NEAREST_TEXT_BYTES];
		nearest_begin(&n, argv[1]);
		NEAREST_TABLE(&n, bench);
		nearest_offer(&n, "list");
		iprintf("bench: there is no bench '%.40s'%s\n", argv[1],
			nearest_text(&n, ", `bench list` lists them", hint, sizeof(hint)));
		return CMD_FAILED;
	}
	char name[40];
	sniprintf(name, sizeof(name), "bench %s", row->name);
	argv[1] = name; /* in messages */
	return row->run(argc - 1, argv + 1, json);
}

CMD(bench, "bench", "[-j] [list|BENCH [ARGS...]]", "run a benchmark; -j prints a JSON object for each row", cmd_bench);

static void bench_words(const struct completion *c)
{
	COMPLETE_TABLE(c, bench);
}

static const char *bench_usage(const char *name)
{
	const struct bench_row *row = TABLE_FIND(bench, name);

	return row ? row->usage : NULL;
}

COMPLETE(bench, "BENCH", .words = bench_words, .usage = bench_usage);
