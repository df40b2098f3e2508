# For gdb beside `make debug`: connects to the QEMU that waits, and adds commands that know Nought.
#   gdb -x scripts/nought.gdb build/kernel.debug
# NOUGHT_GDB is the port if it isn't 1234.
# `help user-defined` lists them.

set confirm off
set pagination off
set print pretty on
set disassembly-flavor att
set architecture i386:x86-64

python
import os

import gdb

DIRECT_MAP_BASE = 0xffff800000000000


def number(expression):
    return int(gdb.parse_and_eval(expression)) & 0xffffffffffffffff


def word(address):
    return int.from_bytes(gdb.selected_inferior().read_memory(address, 8).tobytes(), "little")


def place(address, returned=False):
    """function+offset of a code address; a call that doesn't return may be the last of its function."""
    block = gdb.block_for_pc(address - returned)
    while block and not block.function:
        block = block.superblock
    return f"{block.function}+{address - block.start}" if block else f"{address:#x}"


def rows(table, kind):
    """The rows of a table of lib/table.h, by name."""
    at, end = number(f"(unsigned long)&__start_table_{table}"), number(f"(unsigned long)&__stop_table_{table}")
    found = [gdb.parse_and_eval(f"*(struct {kind} *){word(a):#x}ul") for a in range(at, end, 8)]
    return sorted(found, key=lambda row: row["name"].string())


class Command(gdb.Command):
    """A user-defined command that is its class's name."""
    def __init__(self):
        super().__init__(type(self).__name__.replace("_", "-"), gdb.COMMAND_USER)


class nought_boot(Command):
    """Runs until the kernel's first C function, with the kernel mapped: from there on everything can be looked at."""
    def invoke(self, argument, from_tty):
        gdb.execute("tbreak kernel_main")
        gdb.execute("continue")


class nought_log(Command):
    """Prints the kernel's log."""
    def invoke(self, argument, from_tty):
        ring, written = gdb.parse_and_eval("'kernel/base/log.c'::ring"), number("'kernel/base/log.c'::written")
        data, size = gdb.selected_inferior().read_memory(ring.address, ring.type.sizeof).tobytes(), ring.type.sizeof
        text = data[:written] if written <= size else data[written % size:] + data[:written % size]
        gdb.write(text.decode(errors="replace"))


class nought_stats(Command):
    """Prints the counters: nought-stats [PREFIX]. Those that a function computes show its name."""
    def invoke(self, argument, from_tty):
        for row in rows("stat", "stat_row"):
            name = row["name"].string()
            if name.startswith(argument):
                value = int(row["value"].dereference()) if row["value"] else place(int(row["get"]))
                gdb.write(f"{name:32} {value} {row['unit'].string()}\n")


class nought_knobs(Command):
    """Prints the settings: nought-knobs [PREFIX]."""
    def invoke(self, argument, from_tty):
        for row in rows("knob", "knob_row"):
            name = row["name"].string()
            if name.startswith(argument):
                value = int(row["value"].dereference())
                gdb.write(f"{name:32} {row['choices'][value].string() if row['choices'] else value}\n")


class nought_frame(Command):
    """Prints the start of a frame's memory through the direct map: nought-frame PFN [WORDS]."""
    def invoke(self, argument, from_tty):
        pfn, *count = gdb.string_to_argv(argument) or ["0"]
        gdb.execute(f"x/{count[0] if count else 16}gx {DIRECT_MAP_BASE + (number(pfn) << 12):#x}")


class nought_threads(Command):
    """Prints every thread: name, state, and where it stands if it doesn't run."""
    def invoke(self, argument, from_tty):
        threads = gdb.parse_and_eval("'kernel/sched/thread.c'::threads")
        queue = gdb.parse_and_eval("'kernel/sched/thread.c'::queues[0]")
        for thread in [queue["idle"]] + [threads[i] for i in range(threads.type.sizeof // threads[0].type.sizeof)]:
            if not thread["name"] or str(thread["state"]) == "THREAD_FREE":
                continue
            # The idle loop's own state stays as it was when it last ran: it is never in a queue.
            runs = thread.address == queue["current"]
            idle = thread.address == queue["idle"].address
            state = "running" if runs else "ready" if idle else str(thread["state"]).removeprefix("THREAD_").lower()
            gdb.write(f"{thread['name'].string()}: {state}\n")
            if not runs:
                self.backtrace(int(thread["rsp"]))

    def backtrace(self, rsp):
        # What context_switch left: five registers, RBP, and where it returns to.
        rbp, calls = word(rsp + 40), [word(rsp + 48)]
        while rbp and len(calls) < 16:
            calls.append(word(rbp + 8))
            rbp = word(rbp)
        gdb.write("".join(f"    {place(call, returned=True)}\n" for call in calls if call))


for command in (nought_boot, nought_log, nought_stats, nought_knobs, nought_frame, nought_threads):
    command()
gdb.execute(f"target remote localhost:{os.environ.get('NOUGHT_GDB', '1234')}")
end

echo Nought waits at the processor's reset. nought-boot runs to the kernel; help user-defined lists more.\n
