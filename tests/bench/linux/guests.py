"""Two guests of one QEMU, Nought and Debian's Linux, doing the same work: both are booted by scripts/run.

So machine, processor, memory and balloon are the same to the last option; -kernel, -initrd and -append make it Linux.
The caller's MEM, ACCEL, BALLOON, BALLOONDEV and QEMUFLAGS apply to both. What a run found out are dictionaries.
"""
import json
import os
import re
import shlex
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests/boot"))
import machine  # noqa: E402

NOUGHT, LINUX = "nought", "linux"
GUESTS = (NOUGHT, LINUX)
# The strongest Linux, not the stock one: Debian's zeroes every allocation; rep stos, which it takes where the processor
# is said to be good at it, is what QEMU is slowest at; and nobody is attacked here.
LINUX_OPTIONS = "init_on_alloc=0 clearcpuid=erms,rep_good mitigations=off no5lvl"
CONSOLE_OPTIONS = "console=ttyS0 quiet loglevel=3 printk.time=0 panic=-1"
OPS = ("pair0", "zero0", "pair9", "zero9", "bulk", "drain")
PIN_PAGES = ("4k", "2m")
SAMPLE_S = 0.05


class Failed(Exception):
    pass


def build_directory():
    return machine.environment()["O"]


def linux_directory():
    return os.path.join(build_directory(), "linux")


def linux_version():
    with open(os.path.join(linux_directory(), "version"), encoding="ascii") as file:
        return file.read().strip()


def memory_mib():
    match = re.fullmatch(r"(\d+)([MGT])", os.environ.get("MEM") or "4G")
    if not match:
        raise Failed(f"MEM is '{os.environ['MEM']}'; a whole number with M, G or T is allowed")
    mib = int(match[1]) << {"M": 0, "G": 10, "T": 20}[match[2]]
    if mib < 1024:
        raise Failed(f"MEM is '{os.environ['MEM']}'; a comparison with Linux takes 1G at least")
    return mib


def pin_mib():
    return min(1024, memory_mib() // 4)


def dirty_mib():
    return memory_mib() * 3 // 4


def settings(work=""):
    """For scripts/run; with work, for Linux and what its init is asked for."""
    names = ("MEM", "ACCEL", "BALLOON", "BALLOONDEV", "QEMUFLAGS")
    chosen = {name: os.environ[name] for name in names if os.environ.get(name)}
    if work:
        directory = linux_directory()
        append = f"{CONSOLE_OPTIONS} {LINUX_OPTIONS} nought.do={work}"
        linux = ["-kernel", f"{directory}/vmlinuz", "-initrd", f"{directory}/initramfs", "-append", append]
        chosen["QEMUFLAGS"] = f"{chosen.get('QEMUFLAGS', '')} {shlex.join(linux)}"
    return chosen


def objects(output):
    return [json.loads(line) for line in output.splitlines() if line.startswith('{"')]


def finished(guest, outcome):
    if outcome.status:
        raise Failed(f"{guest} ended with {outcome}")
    return objects(outcome.output)


def ops(guest, reps, timeout_s=1200):
    """Timed operations: yields (row, ns an operation). Ours come as medians of reps, Linux's one by one."""
    if guest == LINUX:
        outcome = machine.run(TIMEOUT=timeout_s, **settings(f"ops,{reps},{pin_mib()}"))
        for row in finished(guest, outcome):
            yield row["row"], row["ns"] / row["count"]
        return
    script = [f"bench ops -n {reps} -j {' '.join(OPS)}"]
    script += [f"bench pin {pin_mib()}M {page} -n {reps} -j" for page in PIN_PAGES]
    outcome = machine.run("\n".join(script) + "\n", TIMEOUT=timeout_s, **settings())
    for row in finished(guest, outcome):
        if "row" in row:
            yield row["row"], row["value"]


class Linux(machine.Console):
    """Linux, which says when it has come to something."""

    def __enter__(self):
        return self

    def event(self, name, timeout_s):
        self.wait_for(json.dumps({"event": name}), timeout_s)


class Watch(threading.Thread):
    """Notes a guest's resident memory from the host, until stopped: (seconds, MiB)."""

    def __init__(self, console):
        super().__init__(daemon=True)
        self.console = console
        self.samples = []
        self.stopped = threading.Event()

    def run(self):
        # From statm: smaps_rollup would walk the page tables of gigabytes, with QEMU's memory locked meanwhile.
        page = os.sysconf("SC_PAGE_SIZE")
        with open(f"/proc/{self.console.pid}/statm", encoding="ascii") as file:
            while not self.stopped.wait(SAMPLE_S):
                file.seek(0)
                resident = file.read().split()
                if len(resident) < 2:
                    return
                self.samples.append((time.monotonic(), int(resident[1]) * page / (1 << 20)))

    def stop(self):
        self.stopped.set()
        self.join()


def resident(guest, hold_s, idle_s, again_s):
    """Dirties three quarters of memory as single frames, frees it hold_s seconds after that began (or when it has
    finished), leaves it alone for idle_s; unless again_s is 0 it dirties as much again, and ends so many seconds later.

    Returns the events' seconds, and samples of (second, resident MiB): both from when the first dirtying began, the
    samples from two seconds before.
    """
    timeout_s = hold_s + idle_s + again_s + 300
    events = {}

    def happened(name):
        events[name] = time.monotonic()
        return events[name]

    if guest == LINUX:
        names = ["dirty", "dirtied", "free", "freed"] + (["again", "dirtied again"] if again_s else []) + ["end"]
        work = f"resident,{dirty_mib()},{hold_s},{idle_s},{again_s}"
        with Linux(TIMEOUT=timeout_s, **settings(work)) as console:
            watch = following(console, 60)
            for name in names:
                console.event(name, timeout_s)
                happened(name)
            watch.stop()
            console.process.wait(60)
    else:
        with machine.Console(TIMEOUT=timeout_s, **settings()) as console:
            watch = following(console, 1)
            time.sleep(3)  # until what booting freed has been reported
            nought_steps(console, happened, hold_s, idle_s, again_s)
            watch.stop()
            console.end(60)
    start = events["dirty"]
    return ({name: at - start for name, at in events.items()},
            [(at - start, mib) for at, mib in watch.samples if at >= start - 2])


def following(console, wait_s):
    deadline = time.monotonic() + wait_s
    while not os.path.exists(console.pidfile) or not os.path.getsize(console.pidfile):
        if time.monotonic() > deadline:
            raise Failed(f"QEMU has not started: {console.errors()}")
        time.sleep(0.05)
    watch = Watch(console)
    watch.start()
    return watch


def nought_steps(console, happened, hold_s, idle_s, again_s):
    def wait_until(second):
        time.sleep(max(0, second - time.monotonic()))

    def dirty():
        said = console.command(f"alloc -n {dirty_mib() << 8}", 300)
        handle = re.match(r"handle (\d+):", said)
        if not handle:
            raise Failed(f"nought: {said}")
        console.command(f"fill {handle[1]} 0xaa", 300)
        return handle[1]

    start = happened("dirty")
    handle = dirty()
    happened("dirtied")
    wait_until(start + hold_s)
    start = happened("free")
    console.command(f"free {handle}", 300)
    happened("freed")
    wait_until(start + idle_s)
    if again_s:
        start = happened("again")
        dirty()
        happened("dirtied again")
        wait_until(start + again_s)
    happened("end")
