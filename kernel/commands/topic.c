/* The topics of `help`. */
#include "kernel/commands/topic.h"

#include <string.h>

/* Whether the first length bytes of name are one of the words. */
static bool is_among(const char *words, const char *name, size_t length)
{
	for (; *words; words += strspn(words, " ")) {
		size_t next = strcspn(words, " ");
		if (next == length && memcmp(words, name, length) == 0)
			return true;
		words += next;
	}
	return false;
}

bool topic_has_command(const struct topic_row *topic, const char *name)
{
	return is_among(topic->commands, name, strlen(name));
}

bool topic_has_name(const struct topic_row *topic, const char *name)
{
	return is_among(topic->prefixes, name, strcspn(name, "."));
}

TOPIC(allocating, "allocating", "getting and giving memory by hand", "alloc fill free handles verify", "mm",
      "`alloc` gets blocks of 2^ORDER frames of 4 KiB, all or none, and names them by a handle. `free` gives a "
      "handle's blocks back, or all but every N-th, which makes fragmentation. `fill` and `verify` write and read "
      "every byte of them.",
      "`-z` asks for memory that reads as zero and best comes from stock; `-Z` for such memory that is touched at "
      "once and best is zeroed in the cache. Without them the contents don't matter. Memory above 4 GiB goes first, "
      "unless `-l` says below.");

TOPIC(states, "states", "what memory is, and what is known of its contents", "buddy check map mem", "mm boot",
      "A free frame is dirty (anything may be in it), zero, or reported: the host doesn't back it. It may be reported "
      "and zero at once. Frames in CPUs' caches are dirty ones. Isolated frames are being zeroed or reported.",
      "`map` draws where they are and `mem` counts them. `buddy` shows in blocks of which size they lie: where large "
      "blocks hold little of the free memory, it is fragmented. `check` goes through all of the allocator's books.");

TOPIC(zeroing, "zeroing", "zeroing ahead, while the CPU is idle", "ledger wait zero", "zero idle",
      "With `zero.policy` idle the idle loop zeroes free memory until the stock, the free frames that are zero, "
      "reaches the mark `zero.high_pct`; it begins again at `zero.low_pct`. With alloc memory is zeroed when it is "
      "asked for, with free when it is given back.",
      "Reported memory is zeroed only below the low mark, and by `zero now`, which zeroes everything there is. "
      "`ledger` weighs what zeroing ahead has cost against what callers didn't wait for.");

TOPIC(reporting, "reporting", "giving free memory to the host", "report wait", "report balloon",
      "Free blocks of `report.order` and more are reported to the host by a virtio-balloon device with free page "
      "reporting. The host takes such memory, and backs it again when it is touched. As much as the high mark of the "
      "stock, and `report.reserve_pct` of all memory, are left alone. `report now` reports everything else.",
      "A balloon that fails is brought up again once; then `report restart` does it.");

TOPIC(settings, "settings", "knobs: settings one by one, or several at once", "knob preset", "boot",
      "`knob` lists them, `knob KNOB` shows one, `knob KNOB VALUE` and `knob KNOB=VALUE` set it. At boot they are set "
      "on the kernel's command line, as `KNOB=VALUE`; some can be set only there. A preset sets several, all or none, "
      "and so does `knob A=1 B=2`.");

TOPIC(measuring, "measuring", "counters, benchmarks, and looking again and again", "bench stats trace watch",
      "irq heap",
      "`stats` prints the counters; `-j` prints them as JSON, as it does for every command that knows it. `bench` "
      "runs benchmarks in the guest: on an emulated machine they show how things compare, not what they cost a "
      "processor. `watch` runs any command every few seconds: with `watch 1 map` one sees memory being zeroed and "
      "reported. `trace` keeps the allocator's last events: what was split, merged, zeroed or reported, from which "
      "state to which.");

TOPIC(keys, "keys", "editing the line, earlier lines, completing words, pages", "help", "console tty",
      "Left ^B, right ^F, home ^A, end ^E, backspace, delete ^D. ^W cuts the word before, ^U everything before, ^K "
      "everything behind. ^C drops the line, and ends a command that takes long. ^L clears the screen.",
      "Up ^P and down ^N show earlier lines; what was typed comes back behind the newest one. ^R searches them for "
      "what is typed next: ^R again goes to an older one, ^S to a newer one, ^G or ^C back to where it began; any "
      "other key takes the line that was found.",
      "Tab completes a word, and a second one lists what it could become: commands, options, knobs and their values, "
      "counters, presets, benches, tests, handles. From a pipe a tab is a blank.",
      "Long lists stop at each page: blank shows the next page, return one more line, q ends. They don't in a script, "
      "from a pipe, or where the next command is typed already.",
      "The guest can't see whether there is a terminal: `scripts/run` tells it, by the knobs `console.*`. Without "
      "being told it completes words, and neither stops at pages nor shows colours. A new size may come among the "
      "keys, as ESC [ 8 ; ROWS ; COLUMNS t: `scripts/run` sends that when the terminal is resized.");

TOPIC(scripts, "scripts", "commands from a file, and the status they end with", "poweroff wait", "",
      "`SCRIPT=file scripts/run` runs a command a line and switches off: with status 0, or 1 if a command failed, or "
      "3 after a panic; a line at the end says on which lines commands failed. `! CMD` succeeds only if CMD fails. # "
      "begins a comment. Numbers are decimal or 0x, sizes take "
      "K, M, G.",
      "`wait` waits until zeroing and reporting have nothing left to do, so that what comes next doesn't depend on "
      "time.");

TOPIC(machine, "machine", "the kernel itself: its log, its tests, its end",
      "crash help log panic poweroff reboot test version", "boot irq paging tty test thread",
      "`log` prints what the kernel said. `test` runs the unit tests in the guest. `crash` provokes an exception, to "
      "show what becomes of it.");
