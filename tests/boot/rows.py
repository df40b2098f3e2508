"""Boot tests as data: what to boot, what to type, what must come of it.

A row boots once, runs its script and compares
  status    scripts/run's exit status
  expect    regular expressions that each match somewhere in the output, line by line (re.M)
  reject    such that must match nowhere; a panic is rejected anyway unless status is 3
  stats     counters of the last `stats -j` in the script: a name and a function of its value that must be true
  boots     how: by PVH, unless the row is about the firmware or, as a few of each kind are, is run both ways
"""
import dataclasses
import typing


@dataclasses.dataclass
class Row:
    name: str
    script: typing.Optional[str] = None
    settings: dict = dataclasses.field(default_factory=dict)  # of scripts/run: MEM, BALLOONDEV, CMDLINE ...
    status: int = 0
    expect: tuple = ()
    reject: tuple = ()
    stats: dict = dataclasses.field(default_factory=dict)
    debug: bool = False  # in a build with DEBUG=1
    errors: tuple = ()  # expressions that match in scripts/run's standard error
    boots: tuple = ("pvh",)

    def ways(self):
        """The row for each way to boot; the name says which where it isn't the usual one."""
        for boot in self.boots:
            name = self.name if boot == "pvh" else f"{self.name}-by-{boot}"
            yield dataclasses.replace(self, name=name, boots=(boot,), settings={"BOOT": boot, **self.settings})


BOTH = ("pvh", "efi")
EFI = ("efi",)


def alone(name, status, how, script="version\n", boots=BOTH, **settings):
    """Without an exit device, and with command line and script on the boot volume, or in the start info."""
    return Row(f"alone-{name}", script, {"MEM": "256M", "EXITDEV": "n", "FWCFG": "n", **settings}, status=status,
               expect=(rf"^power-off: status {status}, {how}$",), reject=(r"can be switched off now",), boots=boots)


def at_least(n):
    return lambda value: value >= n


def exactly(n):
    return lambda value: value == n


def between(low, high):
    return lambda value: low <= value <= high


def crash(kind, cause, culprit=None, debug=False, boots=("pvh",)):
    """What the `crash` command does: the right cause, with a backtrace that names the function that did it."""
    culprit = culprit or "crash_" + kind.replace("-", "_")
    return Row(f"crash-{kind}", f"crash {kind}\nversion\n", {"MEM": "256M"}, status=3, debug=debug, boots=boots,
               expect=(rf"^PANIC: .*{cause}", rf"^  #\d+ +0x[0-9a-f]+ {culprit}\+0x[0-9a-f]+",
                       r"^  rip [0-9a-f]{16}"),
               reject=(r"^nought> version",))


FRAMES_PER_GIB = 1 << 18

# Allocates, writes, reads, frees, in every way; leaves nothing behind.
EXERCISE = """
alloc -o 9 -n 16 -z
verify 1 0
fill 1 0xa5
verify 1 0xa5
! verify 1 0
alloc -o 0 -n 500 -Z
verify 2 0
fill 2 255
free -k 3 2
verify 2 255
alloc -o 3 -n 40 -l
free all
! free 1
handles
check
wait idle 60000
check
"""

SMALL = "alloc -o 4 -n 8 -z\nverify 1 0\nfill 1 7\nverify 1 7\nfree 1\ncheck\nwait idle 60000\ncheck\nstats -j\n"


def memory(mem, low_frames, high_frames, script=SMALL, alloc_failed=0):
    return Row(f"memory-{mem}", script, {"MEM": mem}, boots=BOTH if mem in ("64M", "4G", "64G") else ("pvh",),
               stats={"mm.managed_frames": between(low_frames, high_frames), "mm.alloc_failed": exactly(alloc_failed)})


def huge(mem, gib, **settings):
    """More than the host has: all of it is there, large blocks are, what is written holds, and boot takes under 2 s."""
    return Row(f"memory-{mem}", f"alloc -o 18 -n {gib * 9 // 10}\nalloc -o 9 -n 64 -z\nverify 2 0\nfill 2 0x5a\n"
               "verify 2 0x5a\nfree all\nreport now\nwait idle 60000\ncheck\nstats -j\n",
               {"MEM": mem, "TIMEOUT": 180, **settings}, boots=BOTH if mem == "1T" else ("pvh",),
               stats={"mm.managed_frames": between(int(gib * FRAMES_PER_GIB * 0.9925) + 1, gib * FRAMES_PER_GIB),
                      "mm.alloc_failed": exactly(0), "report.frames": at_least(64 * 512),
                      "report.errors": exactly(0), "boot.ms": between(1, 2000)})


def policy(name, **stats):
    return Row(f"policy-{name}", "wait zero 60000\n" + EXERCISE + "stats -j\n",
               {"MEM": "1G", "CMDLINE": f"zero.policy={name} zero.low_pct=10 zero.high_pct=20"},
               stats={"mm.alloc_failed": exactly(0),
                      **{counter.replace("_", ".", 1): check for counter, check in stats.items()}})


# 512 MiB are dirtied, freed, given to the host, and asked for again as zero.
POISON = """
wait idle 60000
alloc -o 9 -n 256
fill 1 0x5a
free 1
wait idle 60000
check
alloc -o 9 -n 256 -z
verify 2 0
report
knob report.poison
stats -j
fill 2 0xa5
free all
alloc -o 0 -n 5000
free all
report now
wait report 60000
zero pause
check
"""


def poison(name, knob, balloon="", stats=None, flags="", **more):
    more.setdefault("boots", BOTH if name in ("on", "off") else ("pvh",))
    cmdline = f"report.poison={knob}" + more.pop("cmdline", "")
    return Row(f"poison-{name}", POISON, {
        "MEM": "1G", "CMDLINE": cmdline, "BALLOONDEV": "free-page-reporting=on" + balloon, "QEMUFLAGS": flags},
        stats={"report.frames": at_least(245 * 512), "report.errors": exactly(0), **(stats or {})}, **more)


# All but what the stock takes, 1% of the memory.
KEPT = {"zero.hit_frames": at_least(255 * 512), "zero.alloc_frames": between(0, 64),
        "zero.wasted_frames": between(0, 4096), "zero.idle_frames": between(256 * 512, 300 * 512)}
FORGOTTEN = {"mm.reported_zero_frames": exactly(0), "zero.alloc_frames": at_least(200 * 512),
             "zero.idle_frames": between(0, 40 * 512)}
HINT = {"balloon": ",free-page-hint=on,iothread=io", "flags": "-object iothread,id=io"}

ROWS = [
    # Expects what doesn't come, three times over: test_rows.py wants this one to fail, in each way.
    Row("canary", "version\n", {"MEM": "256M"}, status=1, expect=("no guest prints this",),
        stats={"mm.free_frames": exactly(0)}),

    # A request for hot memory may well prefer one of the 16 frames that were freed last to the stock.
    policy("idle", zero_idle_frames=at_least(1), zero_free_frames=exactly(0), zero_hit_frames=at_least(16 * 512),
           zero_alloc_frames=between(0, 16)),
    policy("alloc", zero_idle_frames=exactly(0), zero_free_frames=exactly(0), zero_alloc_frames=at_least(16 * 512),
           zero_hit_frames=exactly(0)),
    policy("free", zero_idle_frames=exactly(0), zero_free_frames=at_least(16 * 512)),

    memory("64M", 8 << 8, 64 << 8),
    memory("1G", 1000 << 8, FRAMES_PER_GIB),
    memory("3G", 3000 << 8, 3 * FRAMES_PER_GIB),
    # 0.75% may go to firmware, kernel and metadata
    memory("4G", int(4 * FRAMES_PER_GIB * 0.9925) + 1, 4 * FRAMES_PER_GIB),
    memory("6G", int(6 * FRAMES_PER_GIB * 0.9925) + 1, 6 * FRAMES_PER_GIB,
           script="alloc -l -o 9 -n 100 -z\nverify 1 0\n! alloc -l -o 9 -n 1100\nalloc -o 9 -n 1100\nfree all\n"
           "wait idle 60000\ncheck\nstats -j\n", alloc_failed=1),
    memory("64G", int(64 * FRAMES_PER_GIB * 0.9925) + 1, 64 * FRAMES_PER_GIB, SMALL),

    huge("512G", 512),
    huge("1T", 1024, QEMUFLAGS="-cpu max,phys-bits=42"),

    Row("unit-tests-in-the-guest", "test\n", {"MEM": "1G", "TIMEOUT": 240},
        expect=(r"^[1-9]\d* passed, 0 failed",)),

    Row("balloon-absent", EXERCISE + "report\n! report now\nstats -j\n", {"MEM": "1G", "BALLOONDEV": "none"},
        boots=BOTH, expect=(r"reporter +none",), stats={"report.frames": exactly(0), "report.requests": exactly(0)}),
    Row("balloon-without-reporting", EXERCISE + "report\nlog\nstats -j\n",
        {"MEM": "1G", "BALLOONDEV": "free-page-reporting=off"},
        expect=(r"reporter +none", r"balloon"), stats={"report.frames": exactly(0)}),
    Row("balloon-with-free-page-hint", EXERCISE + "report\nstats -j\n",
        {"MEM": "1G", "BALLOONDEV": "free-page-reporting=on,free-page-hint=on,iothread=io",
         "QEMUFLAGS": "-object iothread,id=io"},
        stats={"report.frames": at_least(4096), "report.errors": exactly(0)}),
    Row("balloon-non-transitional-behind-a-port", EXERCISE + "report\nstats -j\n",
        {"MEM": "1G", "QEMUFLAGS": "-device pcie-root-port,id=rp1,chassis=1 "
         "-device virtio-balloon-pci-non-transitional,free-page-reporting=on,bus=rp1"},
        stats={"report.frames": at_least(4096), "report.errors": exactly(0)}),
    # Between a device and memory: nothing, or an IOMMU that translates nothing as long as nobody sets it up.
    *(Row(f"balloon-iommu-platform-{name}", EXERCISE + "report\nstats -j\n", {"MEM": "1G", "QEMUFLAGS": flags +
          "-device virtio-balloon-pci,free-page-reporting=on,iommu_platform=on,disable-legacy=on"}, boots=BOTH,
          expect=(r"balloon: ACCESS_PLATFORM: an IOMMU may stand in its way",),
          stats={"report.frames": at_least(4096), "report.errors": exactly(0), "balloon.restarts": exactly(0)})
      for name, flags in (("alone", ""), ("vt-d", "-device intel-iommu "),
                          ("virtio-iommu", "-device virtio-iommu-pci "))),
    # An IOMMU that blocks what nobody has set up: the device never answers, is brought up once more, and when told to.
    Row("balloon-that-fails-is-brought-up-again",
        "alloc -o 9 -n 8\nfill 1 1\nfree 1\nreport now\nwait report 10000\n! report now\nreport\n"
        "report restart\nreport now\nwait report 10000\ncheck\nstats -j\n",
        {"MEM": "256M", "QEMUFLAGS": "-device virtio-iommu-pci,boot-bypass=off "
         "-device virtio-balloon-pci,free-page-reporting=on,iommu_platform=on,disable-legacy=on"},
        expect=(r"balloon: was reset, and is brought up once more: an IOMMU may keep it from memory",
                r"balloon: was reset and stays off until `report restart`: an IOMMU may", r"^reporter +none$"),
        stats={"report.frames": exactly(0), "balloon.restarts": exactly(3), "balloon.resets": exactly(4),
               "mm.isolated_frames": exactly(0)}),
    Row("balloon-brought-up-anew",
        "report restart\n" + EXERCISE + "report restart\nreport\n! report restart now\nstats -j\n",
        {"MEM": "1G"}, boots=BOTH,
        expect=(r"^reporter +virtio-balloon$",), reject=(r"stays off",),
        stats={"report.frames": at_least(4096), "report.errors": exactly(0), "balloon.restarts": exactly(2)}),
    Row("balloon-legacy-alone", "! report restart\n" + SMALL, {"MEM": "256M", "QEMUFLAGS":
        "-device virtio-balloon-pci,free-page-reporting=on,disable-modern=on"}, boots=BOTH,
        expect=(r"balloon 00:\d\d\.0: not a modern virtio device: .*disable-modern=off: left alone",
                r"^report: no balloon could be brought up")),
    # Roots of their own, which no bridge leads to.
    Row("balloon-behind-a-pxb-pcie", EXERCISE + "report\nstats -j\n",
        {"MEM": "1G", "QEMUFLAGS": "-device pxb-pcie,id=peer,bus_nr=64,bus=pcie.0 "
         "-device pcie-root-port,id=rp1,bus=peer,chassis=1 "
         "-device virtio-balloon-pci,free-page-reporting=on,bus=rp1"}, boots=BOTH,
        expect=(r"balloon: 41:00\.0 reports free memory",),
        stats={"report.frames": at_least(4096), "report.errors": exactly(0), "boot.ms": between(1, 2000)}),
    Row("balloon-behind-a-pxb", EXERCISE + "report\nstats -j\n",
        {"MEM": "1G", "QEMUFLAGS": "-machine pc -device pxb,id=peer,bus_nr=200,bus=pci.0 "
         "-device virtio-balloon-pci,free-page-reporting=on,bus=peer,addr=3"}, boots=BOTH,
        expect=(r"balloon: c9:03\.0 reports free memory",),
        stats={"report.frames": at_least(4096), "report.errors": exactly(0), "boot.ms": between(1, 2000)}),
    # An i440FX has no MCFG table: its devices are found through ports.
    Row("machine-pc", EXERCISE + "report\nstats -j\n", {"MEM": "1G", "QEMUFLAGS": "-machine pc"}, boots=BOTH,
        expect=(r"pci: the firmware has no usable MCFG table, configuration goes through ports 0xcf8 and 0xcfc",),
        stats={"report.frames": at_least(4096), "report.errors": exactly(0)}),
    Row("machine-pc-behind-a-bridge", EXERCISE + "stats -j\n",
        {"MEM": "1G", "QEMUFLAGS": "-machine pc -device pci-bridge,id=b1,chassis_nr=1 "
         "-device virtio-balloon-pci,free-page-reporting=on,free-page-hint=on,iothread=io,bus=b1,addr=3 "
         "-object iothread,id=io"},
        stats={"report.frames": at_least(4096), "report.errors": exactly(0)}),
    Row("reporting-orders-and-batches", "".join(
        f"knob report.order {order}\nknob report.batch {batch}\nalloc -o 9 -n 64\nfill {handle} 1\nfree {handle}\n"
        "report now\nwait report 30000\ncheck\n"
        for handle, (order, batch) in enumerate([(9, 32), (10, 1), (5, 200), (0, 64), (12, 5)], 1)) + "stats -j\n",
        {"MEM": "1G"}, stats={"report.frames": at_least(5 * 4096), "report.errors": exactly(0)}),
    Row("rates-are-refused-beyond-their-bounds",
        "! knob zero.rate_mbps 1000001\n! knob report.rate_mbps -1\nzero\nreport\n",
        {"MEM": "256M", "CMDLINE": "zero.rate_mbps=7 report.rate_mbps=9"},
        expect=(r"0 to 1000000 are allowed", r"^limit +7 MB/s$", r"^limit +9 MB/s$")),
    Row("preset-linux", "preset linux\nknob report.order\nknob report.delay_ms\nknob report.batch\n", {"MEM": "256M"},
        expect=(r"report\.order\D+9\b", r"report\.delay_ms\D+2000\b", r"report\.batch\D+32\b")),

    # PAGE_POISON, in both numberings of the queues: what it gives, and that without it all is as it was.
    poison("on", "on", stats=KEPT,
           expect=(r"queue 3: .*, zeroed ones only$", r"^reporter +virtio-balloon, which keeps")),
    poison("on-with-free-page-hint", "on", HINT["balloon"], KEPT, HINT["flags"], expect=(r"queue 4: .*, zeroed ones",)),
    poison("on-policy-alloc", "on", stats=KEPT, cmdline=" zero.policy=alloc"),
    poison("on-but-not-offered", "on", ",page-poison=off", FORGOTTEN, expect=(
        r"balloon: the device doesn't offer PAGE_POISON: report\.poison is off$", r"^reporter +virtio-balloon$",
        r"report\.poison +off\b"),
        reject=("zeroed ones only",)),
    poison("on-but-not-offered-with-free-page-hint", "on", ",page-poison=off" + HINT["balloon"], FORGOTTEN,
           HINT["flags"], expect=(r"report\.poison is off$",), reject=("zeroed ones only",)),
    poison("off", "off", stats=FORGOTTEN, reject=("zeroed ones only", "balloon: .*PAGE_POISON")),
    poison("off-and-not-offered-with-free-page-hint", "off", ",page-poison=off" + HINT["balloon"], FORGOTTEN,
           HINT["flags"], reject=("zeroed ones only", "balloon: .*PAGE_POISON")),
    Row("poison-without-a-device", "knob report.poison\nreport\n",
        {"MEM": "256M", "CMDLINE": "report.poison=on", "BALLOONDEV": "none"}, boots=BOTH,
        expect=(r"report\.poison is off: there is no reporter$", r"^report\.poison +off\b", r"^reporter +none$")),
    Row("poison-without-a-reporter", "knob report.poison\nreport\n",
        {"MEM": "256M", "CMDLINE": "report.poison=on", "BALLOONDEV": "free-page-reporting=off,page-poison=on"},
        expect=(r"report\.poison is off: there is no reporter$", r"^report\.poison +off\b", r"^reporter +none$")),
    Row("poison-off-without-a-device", "knob report.poison\n", {"MEM": "256M", "BALLOONDEV": "none"},
        expect=(r"^report\.poison +off\b",), reject=("poison is off",)),
    Row("poison-in-bench-pin", "bench pin 32M 2m -n 2\ncheck\nreport\n", {"MEM": "512M", "CMDLINE": "report.poison=on"},
        expect=(r"^2m\.idle\.resident\.caller .*\n +100\.0% from stock$",
                r"^2m\.alloc\.absent\.caller .*\n +0\.0% from stock$",
                r"^2m\.kept\.absent\.caller .*\n +100\.0% from stock$", r"^2m\.kept\.absent\.cost .* ms/GiB",
                r"^2m\.kept\.absent\.saved .* ms/GiB"), reject=("isn't zero",)),
    Row("poison-waits-for-zeroing", "zero pause\nalloc -o 9 -n 8\nfill 1 1\nfree 1\n! wait report\n! wait idle\n"
        "zero resume\nwait idle\n! knob report.poison off\nstats -j\n", {"MEM": "256M", "CMDLINE": "report.poison=on"},
        expect=(r"^wait: reporting waits for zeroing, which is paused, with \d+ frames left \(`zero resume`\)$",
                r"report\.poison can only be set on the kernel's command line"),
        stats={"mm.reported_zero_frames": at_least(7 * 512)}),

    Row("memory-backend-memfd", EXERCISE + "stats -j\n",
        {"MEM": "1G", "QEMUFLAGS": "-object memory-backend-memfd,id=ram,share=on"},
        stats={"report.frames": at_least(4096)}),
    Row("cpu-qemu64", EXERCISE + "stats -j\n", {"MEM": "1G", "QEMUFLAGS": "-cpu qemu64"}, boots=BOTH,
        stats={"report.frames": at_least(4096)}),
    Row("fresh-memory-present", "wait idle 60000\nstats -j\ncheck\n", {"MEM": "256M", "CMDLINE": "boot.fresh=present"},
        stats={"mm.managed_frames": at_least(200 << 8)}),

    Row("out-of-memory", "! alloc -o 18 -n 100\n! alloc -o 9 -n 1000000\nalloc -o 0 -n 40000\n! alloc -o 0 -n 40000\n"
        "! alloc -o 18\ncheck\nfree all\nwait idle 60000\ncheck\nalloc -o 9 -n 20 -z\nverify 2 0\nstats -j\n",
        {"MEM": "256M"}, expect=(r"alloc: no memory",), stats={"mm.alloc_failed": at_least(3)}),
    Row("zero-pause-resume-now", "zero pause\nzero now\nzero resume\nwait zero 60000\nstats -j\ncheck\n",
        {"MEM": "256M", "CMDLINE": "zero.low_pct=0 zero.high_pct=0", "BALLOONDEV": "none"},
        stats={"zero.idle_frames": at_least(200 << 8), "mm.reported_frames": exactly(0)}),
    # Every look of `wait` is a wake-up while frames are being zeroed: the histogram has entries, none beyond 16.
    Row("zeroing-makes-way", "wait zero 60000\nzero status\nlog\n",
        {"MEM": "1G", "CMDLINE": "zero.low_pct=100 zero.high_pct=100 zero.delay_ms=0 zero.batch_frames=512",
         "BALLOONDEV": "none"}, expect=(r"^ +[0-9]+ +[1-9][0-9]*$",), reject=(r"^ +>16 +[1-9]",)),
    Row("zeroing-and-reporting-do-not-chase-each-other",
        "knob report.delay_ms 0\nknob report.order 0\nzero now\nknob zero.high_pct 5\nwait idle 60000\ncheck\n"
        "preset eager\nwait idle 60000\nreport now\nwait idle 60000\ncheck\nstats -j\n",
        {"MEM": "128M"}, stats={"report.frames": between(1, 4 * (128 << 8)), "report.errors": exactly(0)}),
    Row("all-memory-zero", "wait zero 60000\nstats -j\n! wait zero nonsense\n",
        {"MEM": "256M", "CMDLINE": "zero.low_pct=100 zero.high_pct=100", "BALLOONDEV": "none"},
        stats={"mm.reported_frames": exactly(0), "mm.zero_frames": at_least(200 << 8)}),

    Row("status-0-empty-script", "", {"MEM": "256M"}),
    Row("status-0-comments-only", "# nothing\n\n   # at all\n", {"MEM": "256M"}),
    Row("script-is-echoed", "# a comment\n   version\n", {"MEM": "256M"}, boots=BOTH,
        expect=(r"^nought> +version$", r"^Nought 0\.1\.0, built"), reject=("a comment.*not",)),
    Row("status-1-and-it-goes-on", "frobnicate\nversion\n", {"MEM": "256M"}, status=1,
        expect=(r"no command 'frobnicate', `help` lists them", r"^nought> version$", r"^Nought 0\.1\.0",
                r"^script: line 1 failed$")),
    Row("a-script-says-on-which-lines-it-failed", "version\n\n! version\n# a comment\n" + 9 * "frobnicate\n",
        {"MEM": "256M"}, status=1, expect=(r"^script: lines 3, 5, 6, 7, 8, 9, 10, 11 and 2 more failed$",)),
    Row("unknown-words-name-the-nearest", "! stat\n! statss\n! zero.polcy\n! zero.policy=alloc\n! mm.free_frame\n"
        "! zeroin\n! knob zero.polcy\n! knob zero.polcy idle\n! knob zero.policy idel\n! knob zero.polcy=idle\n"
        "! stats mm.fre_frames\n! help zeroign\n! help zero.polcy\n! preset defualt\n! bench op\n! wait zreo\n"
        "! report nwo\n! test mm_randm\n! watch -n 1 1 stat\n! free al\n",
        {"MEM": "256M", "CMDLINE": "zero.polcy=alloc zero.low_pct = 7 zero.policy"},
        expect=(r"refused: there is no knob 'zero\.polcy'; nearest: zero\.policy$",
                r"refused: 'zero\.policy' is not of the form name=value, allowed are idle, alloc or free$",
                r"^there is no command 'stat'; nearest: stats$", r"^there is no command 'statss'; nearest: stats$",
                r"^there is no command 'zero\.polcy'; nearest: knob zero\.policy$",
                r"^there is no command 'zero\.policy=alloc'; nearest: knob zero\.policy$",
                r"^there is no command 'mm\.free_frame'; nearest: stats mm\.free_frames$",
                r"^there is no command 'zeroin'; nearest: help zeroing$",
                r"^knob: there is no knob 'zero\.polcy'; nearest: zero\.policy(\n.*){2}"
                r"^knob: there is no knob 'zero\.polcy'; nearest: zero\.policy(\n.*){4}"
                r"^knob: there is no knob 'zero\.polcy'; nearest: zero\.policy$",
                r"^knob: zero\.policy: 'idel' is not a choice, allowed are idle, alloc or free; nearest: idle$",
                r"^stats: no counter begins with 'mm\.fre_frames'; nearest: mm\.free_frames, mm\.fresh_frames$",
                r"^help: there is nothing called 'zeroign'; nearest: zeroing", r"'zero\.polcy'; nearest: zero\.policy",
                r"^preset: there is no preset 'defualt'; nearest: default$", r"no bench 'op'; nearest: ops$",
                r"^wait: 'zreo' is not known, allowed are .*; nearest: zero$",
                r"^report: 'nwo' is not known, allowed are .*; nearest: now$",
                r"'mm_randm' in its name; nearest: mm_random",
                r"watch -n 1 1 stat\nthere is no command 'stat'; nearest: stats$",
                r"^free: takes the number of a handle, or all, not 'al'$")),
    Row("knobs-are-set-as-on-the-command-line", "knob zero.policy=alloc\nknob zero.policy\n"
        "knob zero.low_pct = 7 report.delay_ms= 9\nknob zero.low_pct\nknob report.delay_ms\n"
        "knob zero.low_pct =8\nknob zero.low_pct\n! knob zero.low_pct=9 zero.policy=idel\nknob zero.low_pct\n"
        "! knob zero.low_pct=\n! knob zero.low_pct =\n! knob =7\n! knob zero.low_pct 7 8\n"
        "! knob mm.shuffle_now=1 quiet\n",
        {"MEM": "256M", "CMDLINE": "zero.high_pct = 60 report.order =8"},
        expect=(r"^zero\.policy +alloc ", r"^zero\.low_pct +7 ", r"^report\.delay_ms +9 ",
                r"^zero\.low_pct +8 (.*\n)+.*'idel' is not a choice.*\n.*\nzero\.low_pct +8 ",
                r"zero\.low_pct: '' is not a number", r"there is no knob ''"), reject=("command line: refused",)),
    Row("status-1-of-a-turned-success", "! version\n", {"MEM": "256M"}, status=1),
    Row("poweroff-ends-a-script", "version\npoweroff\nfrobnicate\n", {"MEM": "256M"}, reject=("frobnicate",)),
    Row("poweroff-keeps-the-status", "frobnicate\npoweroff\n", {"MEM": "256M"}, status=1),
    Row("poweroff-turned", "! poweroff\nversion\n", {"MEM": "256M"}, status=1,
        expect=(r"the command succeeded, and ! wants it to fail",), reject=(r"> version",)),
    Row("status-2-bad-memory", "", {"MEM": "lots"}, status=2, errors=(r"MEM is 'lots'",)),
    Row("status-2-bad-timeout", "", {"TIMEOUT": "soon"}, status=2, errors=(r"TIMEOUT is 'soon'",)),
    Row("status-2-missing-script", None, {"SCRIPT": "/nonexistent"}, status=2, errors=(r"SCRIPT is '/nonexistent'",)),
    Row("status-3-panic", "panic with these words\nversion\n", {"MEM": "256M"}, status=3,
        expect=(r"with these words", r"cmd_panic\+0x[0-9a-f]+"), reject=(r"^nought> version",)),
    crash("null", r"#PF.*null pointer dereference \(write to 0x0\)", boots=BOTH),
    crash("call-null", r"#PF.*call through a null pointer"),
    crash("code", r"#PF.*write to read-only memory"),
    crash("constant", r"#PF.*write to read-only memory"),
    crash("data", r"#PF.*execution of memory that is not executable"),
    crash("heap", r"#PF.*execution of memory that is not executable \(fetch of 0xffffd"),
    crash("frame", r"#PF.*execution of memory that is not executable \(fetch of 0xffff8"),
    crash("page0", r"#PF.*memory that is not mapped \(write to 0xffff800000000000\)"),
    crash("stack", r"#DF.*stack overflow, a guard page was hit", "recurse", boots=BOTH),
    crash("guard", r"#PF.*stack overflow, a guard page was hit \(read of"),
    crash("canary", r"stack protector"),
    crash("opcode", r"#UD"),
    crash("divide", r"#DE divide error"),
    crash("address", r"#GP"),
    crash("nmi", r"non-maskable interrupt"),
    crash("assert", r"kernel/commands/cmd_crash\.c:\d+: zero != 0 doesn't hold"),
    crash("wild-free", r"mm: .*: pfn 0x40000005 order 0 is .*, caller 0x"),
    crash("inner-free", r"mm: .*: pfn 0x[0-9a-f]+ order 2 is .*, caller 0x"),
    crash("double-free", r"mm: .*: pfn 0x[0-9a-f]+ order 3 is .*, caller 0x"),
    crash("wrong-order", r"mm: .*: pfn 0x[0-9a-f]+ order 4 is .*, caller 0x"),
    crash("use-after-free", r"mm: written after it was freed: frame 0x[0-9a-f]+ has 0x1badb002 at byte 0x128",
          debug=True),
    Row("debug-build", EXERCISE, {"MEM": "512M"}, debug=True, boots=BOTH),
    Row("use-after-free-unseen", "! crash use-after-free\ncheck\n", {"MEM": "256M"},
        expect=(r"crash: use-after-free: nothing happened",)),
    Row("too-little-memory", "version\n", {"MEM": "256M", "CMDLINE": "boot.mem_mib=4"}, status=3, boots=BOTH,
        expect=(r"^PANIC: too little memory: need \d+ KiB, have 4096 KiB",)),
    # SeaBIOS has tables of its own, so by EFI.
    Row("no-acpi", EXERCISE + "stats -j\n", {"MEM": "1G", "QEMUFLAGS": "-no-acpi"}, boots=EFI,
        expect=(r"ACPI: no RSDP", r"by the PIT"),
        stats={"report.frames": at_least(4096), "report.errors": exactly(0)}),
    Row("status-4-reboot", "reboot\nversion\n", {"MEM": "256M"}, status=4, boots=BOTH, reject=(r"^nought> version",)),
    Row("status-4-qemu-fails", "", {"QEMUFLAGS": "-device no-such-device"}, status=4, errors=(r"no-such-device",)),
    alone("acpi", 0, "by ACPI", "version\nknob zero.low_pct\n! knob zero.low_pct 101\npoweroff\n",
          CMDLINE="zero.low_pct=9"),
    alone("acpi-failed", 1, "by ACPI", "frobnicate\nversion\n"),
    alone("acpi-panic", 3, "by ACPI", "panic power-off: status 0, words\n"),
    alone("machine-pc", 1, "by ACPI", "version\nfrobnicate\npoweroff\n", QEMUFLAGS="-machine pc"),
    alone("firmware", 0, "by the firmware", boots=EFI, QEMUFLAGS="-no-acpi"),
    alone("firmware-panic", 3, "by the firmware", "crash stack\n", EFI, QEMUFLAGS="-no-acpi"),
    # Another device where fw_cfg's data would be: its signature is wrong, so the firmware has no ACPI tables either.
    alone("without-fw_cfg", 0, "by the firmware", EXERCISE + "! knob zero.low_pct 101\n", EFI, MEM="512M",
          QEMUFLAGS="-chardev null,id=null -device isa-debugcon,iobase=0x511,chardev=null"),
    alone("without-fw_cfg-on-pc", 1, "by the firmware", "frobnicate\n", EFI,
          QEMUFLAGS="-machine pc -chardev null,id=null -device isa-debugcon,iobase=0x511,chardev=null"),
    Row("alone-reset", "reboot\n", {"MEM": "256M", "EXITDEV": "n"}, status=4, reject=("power-off",)),
    Row("status-2-exitdev", "", {"EXITDEV": "0"}, status=2, errors=(r"EXITDEV is '0'; y or n is allowed",)),
    Row("status-2-fwcfg", "", {"FWCFG": "no"}, status=2, errors=(r"FWCFG is 'no'; y or n is allowed",)),
    Row("status-124-hung-guest", "version\n", {"MEM": "256M", "QEMUFLAGS": "-S", "TIMEOUT": 3}, status=124,
        errors=(r"timeout",)),
    Row("status-124-endless-command", "wait zero 3600000\n", {"MEM": "256M", "TIMEOUT": 15,
        "CMDLINE": "zero.delay_ms=60000 zero.low_pct=100 zero.high_pct=100"}, status=124, errors=(r"timeout",)),
    # What is paused stays so while the console waits, so waiting is no use; without anything left it doesn't matter.
    Row("wait-while-paused", """
wait idle
zero pause
report pause
wait zero
wait report
alloc -o 9 -n 16
fill 1 1
free 1
knob zero.low_pct 4
knob zero.high_pct 4
! wait zero
! wait report 60000
! wait idle 60000
zero resume
wait zero
! wait idle
report resume
wait idle
zero pause
report pause
wait idle
wait idle 0
knob zero.policy alloc
alloc -o 9 -n 16
fill 2 1
free 2
wait zero 0
zero now
! wait zero 0
zero resume
wait zero
report now
! wait report
report resume
wait idle
zero pause
zero now
knob zero.policy idle
! wait idle
stats -j
""", {"MEM": "256M", "CMDLINE": "zero.low_pct=0 zero.high_pct=2", "TIMEOUT": 60},
        expect=(r"^wait: zeroing is paused with \d+ frames left \(`zero resume`\)$",
                r"^wait: reporting is paused with \d+ frames left \(`report resume`\)$",
                r"^wait: reporting is paused .*, zeroing is paused "),
        reject=("goes on",), stats={"report.errors": exactly(0)}),
    Row("zeroes-are-stored-in-every-way", "bench zero -n 1\nbench zero -n 1 -j\ncheck\n", {"MEM": "512M"},
        expect=(r"^4k +[0-9.]+ +[0-9.]+ ", r"^2m +[0-9.]+ +[0-9.]+ ", r"^idle zeroing uses movnti: \d+% ",
                r"^ZERO_HOT uses [a-z-]+: \d+% ", r"^first touch ")),
    Row("wait-without-a-reporter", "report pause\nalloc -o 9 -n 16\nfill 1 1\nfree 1\nwait report 0\n",
        {"MEM": "256M", "BALLOONDEV": "none"}),
    Row("wait-fails-in-time", "! wait zero 100\n! wait idle 100\n", {"MEM": "256M",
        "CMDLINE": "zero.delay_ms=60000 zero.low_pct=100 zero.high_pct=100"}, expect=(r"wait: not done after 100 ms",)),

    Row("bad-input", """
! alloc -o 19
! alloc -o -1
! alloc -o
! alloc -n
! alloc -n 0
! alloc -z -Z
! alloc -q
! alloc 12
! alloc -n 99999999999999999999999
! free
! free 17
! free -k 0 all
! fill 1 2
! fill 1
! verify 1 256
! knob no.such
! knob zero.policy never
! knob zero.low_pct 101
! knob zero.low_pct -1
! fill -1 1
! wait zero -1
! alloc -5
! help 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
! knob zero.low_pct 0x
! knob report.order 19
! preset nobody
! zero never
! report what
! wait
! wait for
! wait idle soon
! bench nothing
! test nothing.has.this.name
! help nothing
! stats nothing
! !
! crash
! crash all
! bench pin
! bench pin 16T 4k
! bench pin 1G 1g
! bench pin 4M 4k -n
! poweroff now
knob zero.low_pct 0x10
check
""", {"MEM": "256M"}, expect=(
        r"zero\.low_pct: '-1' is not a number .*, 0 to 100 are allowed",
        r"^33 words, at most 32 are allowed",
        r"^alloc: ORDER '' is not a number .*, 0 to 18 are allowed",
        r"^crash: takes 1 argument, .*null\|.*\bnmi\|.*, not 0",
        r"^crash: 'all' is not known, allowed are .*\bnull, .*\bnmi\b",
        r"^bench pin: takes 2 arguments, SIZE and 4k, 2m or 1g",
        r"^bench pin: SIZE '16T' is not a size .*K, M or G\), 4096 to \d+ are allowed",
        r"^bench pin: 1g is more than",
        r"^bench pin: REPS '' is not a number .*, 1 to 50 are allowed")),
    Row("line-too-long", f"! version {'x' * 1014}\nversion #{'x' * 1014}\n! version {'x' * 1013}\n", {"MEM": "256M"},
        expect=(r"^line 1 has 1024 bytes, at most 1023 are allowed", r"takes no argument"), reject=(r"^line [23] ",)),
    Row("line-too-long-fails", "\nversion #" + "x" * 1015 + "\nversion\n", {"MEM": "256M"}, status=1,
        expect=(r"^line 2 has 1024 bytes", r"^Nought 0\.1\.0, built")),
    Row("command-line-refusals", "log\nknob zero.low_pct\nknob report.order\n", boots=BOTH, settings={
            "MEM": "256M", "CMDLINE": "zero.low_pct=12 nonsense a,b=c,d zero.high_pct=1000 report.order=7 =x knob="},
        expect=(r"refused.*nonsense", r"refused.*a,b", r"refused.*zero\.high_pct.*100", r"zero\.low_pct\D+12\b",
                r"report\.order\D+7\b")),
    # Every word counts: behind a #, on the next line, and however many there are.
    Row("command-line-is-read-to-its-end", "knob zero.low_pct\nknob report.order\nknob zero.high_pct\n",
        {"MEM": "256M", "CMDLINE": "zero.low_pct=12 # zero.high_pct=99\n" + "report.order=8 " * 80 + "report.order=7"},
        expect=(r"refused: '#'", r"zero\.low_pct\D+12\b", r"zero\.high_pct\D+99\b", r"report\.order\D+7\b"),
        reject=(r"only the first",)),
    # More than the log holds: what it still has are whole lines.
    Row("log-overflows", "log\n", {"MEM": "256M", "CMDLINE": "a " * 1500},
        expect=(r"^nought> log\n\[ *0\.\d+\] command line: refused: 'a'", r"boot: up after"),
        reject=(r"^nought> log\n(?!\[)",)),
    # Its first 4095 bytes end in the middle of a number.
    Row("command-line-too-long", "knob report.order\nknob zero.low_pct\n",
        {"MEM": "256M", "CMDLINE": "report.order=7 " * 272 + "zero.low_pct=012"},
        expect=(r"command line: 4096 bytes, only the first 4080 are read, at most 4095 are allowed",
                r"report\.order\D+7\b", r"zero\.low_pct\D+0\b")),
    Row("help-names-every-command", "help\n" + "".join(
        f"help {name}\n" for name in "help stats buddy mem knob preset alloc handles fill verify free zero report "
        "ledger wait bench test check log panic version poweroff reboot trace".split()), {"MEM": "256M"}),
    Row("tables-print", "stats\nstats mm.\nmap\nbuddy\nbuddy -j\nmem\nknob\nledger\nledger -j\nzero\nreport\n"
        "bench list\nlog\nversion\nhandles\n", {"MEM": "256M"},
        expect=(r"mm\.managed_frames", r"^verdict", r"zero\.policy")),
    # The same 256 MiB: not used yet, handed out, dirty, zero, and what the host was told of; the hole below 4 GiB is
    # left out. Sizes to the MiB, since the kernel's own heap takes a little.
    Row("map-shows-what-becomes-of-memory",
        "map\nalloc -o 9 -n 128\nmap\nfree 1\nmap\nzero now\nwait zero\nmap\n"
        "report now\nwait report\nmap -c 64\n! map -c 0\n! map -c 2000000\n! map 1\nmap -c 512 -j\n",
        {"MEM": "4G", "CMDLINE": "zero.policy=idle zero.low_pct=0 zero.high_pct=0 report.delay_ms=60000"},
        expect=(r"^ +0 MiB [a-zA-Z]{4,8}F{56,60}\n", r"^ +1792 MiB .*\n +\.\.\.\n +4096 MiB ",
                r"^ +4096 MiB A{50,64}a?F*\n", r"^ +4096 MiB D{50,64}d?F*\n", r"^ +4096 MiB Z{64}\n",
                r"^ +4096 MiB R{32}\n",
                r"^A cell is 4 MiB: ", r"^A cell is 64 MiB: ",
                r"^K firmware, kernel +\d+\.?\d? MiB +A allocated +25[67](\.\d)? MiB",
                r'^\{"cell_mib":512,"cells":\[\{"mib":0,"kept":\d+,.*"mib":5632,"kept":0,"allocated":0,"cached":0,'
                r'"dirty":0,"zero":0,"reported":131072,')),
    # The arena in which every second 2 MiB is free has nothing larger; what is free elsewhere has.
    Row("buddy-shows-what-fragmentation-costs", "buddy\nalloc -o 9 -n 100\nfree -k 2 1\nbuddy\nbuddy -j\n",
        {"MEM": "256M"}, expect=(r"^ +0 +4 KiB .* 100\.0%$", r'"order":0,.*"at_least_pct":100\.0\}.*"order":9,.*'
                                 r'"at_least_bytes":\d+,"at_least_pct":\d+\.\d\}')),
    # A frame out of an area that is whole, and back; then what zeroing and reporting do; and a ring that is full.
    Row("trace-tells-what-happens", """
! trace show
! trace
! trace no
! trace off now
! trace show alloc frea
trace on
alloc -o 9
alloc -o 9 -z
free 1
trace show alloc free
zero now
wait zero
report now
wait report
trace show -j zero report split
trace off
alloc -o 9
trace show alloc
trace on
alloc -o 0 -n 9000
trace show -j free
""", {"MEM": "128M", "CMDLINE": "zero.policy=idle report.delay_ms=60000"},
        expect=(r"nothing was traced yet", r"'no' is not known, allowed are on, off and show",
                r"'off' takes nothing behind it, not 'now'", r"'frea' is not known, allowed are alloc, free, split,",
                r"^ +\d+ alloc +0x\w+ +9 +\w+ > allocated +\w{1,14}$",
                r"^ +\d+ free +0x\w+ +9 +allocated > (cached|dirty) +\w{1,14}$",
                r'^\{"number":\d+,"tsc":\d+,"cpu":0,"event":"zero","pfn":\d+,"frames":\d+,.*"from":"dirty",'
                r'"to":"zero"\}',
                r'"event":"report",.*"order":9,"from":"zero","to":"reported"\}', r'"event":"split",.*"run":\d+,"from"',
                r"^trace: off, (\d+) events were written\n(.*\n)*.*\ntrace: off, \1 events were .* 2 shown",
                r'^\{"trace":"on","written":\d{4,5},"overwritten":[1-9]\d*,"shown":0\}')),
    Row("watch-in-a-script", "watch -n 3 1 version\n! watch 1 version\nwatch -n2 1 ! frobnicate\n"
        "! watch -n 2 1 frobnicate\n! watch -n 1 1 watch -n 1 1 version\n! watch\n! watch 1\n! watch -n x 1 version\n"
        "! watch -n 1 0 version\n! watch -x 1 version\n! watch -n\nwatch -n 1 1 stats -j mm.free\n",
        {"MEM": "256M"}, expect=(r"(Nought 0\.1\.0.*\n){3}nought> ", r"watch: a script has no keys",
                                 r"watch: it can't watch itself", r"watch: takes SECONDS and CMD",
                                 r"watch: SECONDS '0' is out of range, 1 to 86400", r'^\{"mm\.free_calls":\d+')),
    Row("watch-poweroff", "frobnicate\nwatch -n 3 1 poweroff\nversion\n", {"MEM": "256M"}, status=1,
        reject=(r"> version",)),
    Row("help-by-topic", "help zeroing\nhelp zero.low_pct\nhelp mm.free_frames\nhelp eager\nhelp pin\nhelp keys\n"
        "! help nothing\n! help -m zero\n",
        {"MEM": "256M"}, expect=(r"^knobs: +.*zero\.low_pct", r"^ +zero\.alloc_ns .*zero\.hit_frames$",
                                 r"^zero +zeroing while idle", r"^zero\.low_pct +\d+ % of managed ",
                                 r"^mm\.free_frames frames$", r"^eager +all free", r"^pin SIZE",
                                 r"help: there is nothing called 'nothing'", r"\^R again goes")),
    Row("bench-list-as-json", "bench list -j\nbench -j\n", {"MEM": "256M"},
        expect=(r'^\{"benches":\[\{"name":"ops",.*\{"name":"pin",.*\}\]\}$',)),
    Row("stats-has-the-fixed-names", "stats -j\n", {"MEM": "256M"}, stats={name: at_least(0) for name in (
        "mm.managed_frames mm.free_frames mm.zero_frames mm.reported_frames mm.isolated_frames mm.alloc_calls "
        "mm.alloc_failed mm.metadata_bytes zero.hit_frames zero.miss_frames zero.wasted_frames zero.idle_frames "
        "zero.alloc_frames zero.free_frames zero.aborts report.frames report.requests report.errors boot.ms").split()}),
    Row("handles-are-never-reused", "alloc\nfree 1\nalloc\n! free 1\nfree 2\nalloc -n 3\nhandles\n", {"MEM": "256M"},
        expect=(r"handle 3",)),
]

ROWS = [each for row in ROWS for each in row.ways()]
