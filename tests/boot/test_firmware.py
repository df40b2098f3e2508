"""Firmware that lies, in each way that firmware/liar.c knows: the kernel boots, says what is wrong, and loses nothing
that it need not lose."""
import os
import re
import subprocess
import tempfile

import machine
import pytest
from machine import Console, Qmp
from rows import EXERCISE

MTOOLS = {**os.environ, "MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": "/dev/null"}
MEM = "4G"  # 2 GiB below 4 GiB, and two whole ones above
MANAGED = "stats -j mm.managed_frames\n"
NO_TABLES = ("by the PIT", "configuration goes through ports 0xcf8 and 0xcfc")


@pytest.fixture(scope="module", autouse=True)
def liar():
    machine.make("tests/liar.efi")  # for whoever runs these tests by themselves


def make_image(directory, lies, options=None):
    build = machine.environment()["O"]
    image = os.path.join(directory, "esp.img")
    subprocess.run([os.path.join(machine.ROOT, "scripts/image"), image, os.path.join(build, "tests/liar.efi"),
                    os.path.join(build, "kernel.elf")], check=True)
    files = {"lies.txt": lies.encode()}
    if options is not None:
        files["options.bin"] = options
    for name, data in files.items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)
        subprocess.run(["mcopy", "-i", image, os.path.join(directory, name), f"::/{name}"], env=MTOOLS, check=True)
    subprocess.run(["mcopy", "-i", image, os.path.join(build, "BOOTX64.EFI"), "::/real.efi"], env=MTOOLS, check=True)


def boot(lies, script, options=None, **settings):
    with tempfile.TemporaryDirectory(prefix="nought-test-") as directory:
        make_image(directory, lies, options)
        return machine.run(script, **{"MEM": MEM, "O": directory, "BOOT": "efi", **settings})


def usable(managed, output):
    """In frames: what mm manages, and what it costs to, which a cut in the map makes a little more."""
    line = re.search(r"page tables (\d+), metadata (\d+), lost", output)
    return managed + (int(line[1]) + int(line[2])) // 4


@pytest.fixture(scope="module")
def honest():
    """The control: all steps, and no lie."""
    outcome = boot("none", "alloc -o 18 -n 2\n" + MANAGED)
    assert outcome.status == 0, outcome
    assert "several entries" not in outcome.output, outcome
    return usable(outcome.stats()["mm.managed_frames"], outcome.output)


# What is lost in frames, what the log says, and how the machine switches off.
@pytest.mark.parametrize("lie, lost, said, off", [
    ("no-rsdp", 0, ("ACPI: no RSDP", *NO_TABLES), "the firmware"),
    ("rsdp-sum", 0, (r"ACPI: RSDP at 0x[0-9a-f]+: checksum is wrong", *NO_TABLES), "the firmware"),
    ("xsdt-sum", 0, (r"ACPI: XSDT at 0x[0-9a-f]+: checksum is wrong", "by the ACPI PM timer", "ECAM 0x[^0]"), "ACPI"),
    ("apic-sum", 0, (r"ACPI: APIC at 0x[0-9a-f]+: checksum is wrong", "1 CPU, 0 IOAPICs"), "ACPI"),
    ("facp-sum", 0, (r"ACPI: FACP at 0x[0-9a-f]+: checksum is wrong", "by the PIT", "ECAM 0x[^0]"), "the firmware"),
    ("mcfg-sum", 0, (r"ACPI: MCFG at 0x[0-9a-f]+: checksum is wrong", NO_TABLES[1]), "ACPI"),
    ("no-mcfg", 0, NO_TABLES[1:], "ACPI"),
    ("mcfg-nowhere", 0, ("pci: nothing where the MCFG table says, configuration goes through ports",), "ACPI"),
    ("mcfg-next", 0, ("pci: nothing where the MCFG table says, configuration goes through ports",), "ACPI"),
    ("mcfg-memory", 0, ("pci: 256 of the buses 00 to ff of segment 0 can't be mapped",), "ACPI"),
    ("dsdt-sum", 0, (r"ACPI: DSDT at 0x[0-9a-f]+: checksum is wrong",), "the firmware"),
    ("no-s5", 0, ("ACPI: DSDT: no sleep state S5",), "the firmware"),
    ("dead-pm1", 0, ("power-off: status 0, by ACPI",), "the firmware"),
    ("madt-twice", 0, (r"ACPI: a second APIC at 0x[0-9a-f]+ is left out", "by the ACPI PM timer", "1 IOAPIC,"), "ACPI"),
    ("fadt-twice", 0, (r"ACPI: a second FACP at 0x[0-9a-f]+ is left out", "by the ACPI PM timer"), "ACPI"),
    ("mcfg-twice", 0, (r"ACPI: a second MCFG at 0x[0-9a-f]+ is left out", "ECAM 0xb0000000"), "ACPI"),
    ("crowd", 0, ("ACPI: XSDT: 50 entries are 0", r"ACPI: XSDT: \d+ more tables, which nothing is read from",
                  "by the ACPI PM timer", "1 IOAPIC, ECAM 0x[^0]"), "ACPI"),
    ("lapic-elsewhere", 0, ("the local APIC is at 0xfee00000, as the CPU says, and not at 0xfec80000, as ACPI says",
                            "by the ACPI PM timer"), "ACPI"),
    ("madt-twice fadt-twice mcfg-twice crowd", 0, ("a second APIC", "a second FACP", "a second MCFG"), "ACPI"),
    ("map-overlap", 5, (r"memory map: 0x5 pages at 0x[0-9a-f]+ are in several entries|"
                        r"memory map: 0x[0-9a-f]+ pages at 0x100000 are in several entries",), "ACPI"),
    ("map-absurd", 2, ("memory map: entry .* 0x0 pages: empty", "memory map: entry .*: wraps round",
                       "memory map: entry .*: beyond what can be addressed",
                       "memory map: entry .*: not aligned to 4 KiB"), "ACPI"),
    ("no-rsdp map-overlap map-absurd", 5, ("ACPI: no RSDP",), "the firmware"),
    ("map-uncached", 4096, ("memory map: 16384 KiB aren't used: the firmware says that they can't be cached",), "ACPI"),
    ("map-special", 4096, (r"memory map: 16384 KiB aren't used: .* \(boot.specific_purpose=use takes them\)",), "ACPI"),
])
def test_lie(lie, lost, said, off, honest):
    outcome = boot(lie, EXERCISE + "report now\nwait report\nstats -j report\n" + MANAGED, EXITDEV="n")
    assert outcome.status == 0, outcome
    for regex in (*said, rf"^power-off: status 0, by {off}\n\Z", r"balloon: 00:0\d\.0 reports free memory"):
        assert re.search(regex, outcome.output, re.M), f"no match of {regex!r}\n{outcome}"
    assert int(re.search(r'"report\.frames":(\d+)', outcome.output)[1]) >= 4096, outcome
    assert usable(outcome.stats()["mm.managed_frames"], outcome.output) == honest - lost, outcome


def test_memory_for_a_specific_purpose_is_used_when_that_is_asked_for(honest):
    outcome = boot("map-special", MANAGED, CMDLINE="boot.specific_purpose=use")
    assert outcome.status == 0, outcome
    assert "aren't used" not in outcome.output, outcome
    assert usable(outcome.stats()["mm.managed_frames"], outcome.output) == honest, outcome


@pytest.mark.parametrize("mem", ["1G", "4G"])
def test_as_many_entries_as_there_are(mem):
    """Over a thousand, the small ones ahead of the memory and of what the loader left: nothing is lost of them."""
    honest = boot("none", MANAGED, MEM=mem)
    outcome = boot("map-many", EXERCISE + "map\n" + MANAGED, MEM=mem)
    assert outcome.status == 0, outcome
    assert "memory map:" not in outcome.output, outcome
    lost = usable(honest.stats()["mm.managed_frames"], honest.output) - usable(outcome.stats()["mm.managed_frames"],
                                                                               outcome.output)
    assert 0 <= lost < 64, outcome  # the map itself, which is kept


@pytest.mark.parametrize("bus", ["pcie.0", "peer"])
def test_mcfg_in_two_windows(bus):
    """The balloon is behind a root of its own that only the second one has, or in the first."""
    outcome = boot("mcfg-two", EXERCISE + "stats -j\n", MEM="512M",
                   QEMUFLAGS="-device pxb-pcie,id=peer,bus_nr=128,bus=pcie.0 "
                   f"-device pcie-root-port,id=rp1,bus={bus},chassis=1 "
                   "-device virtio-balloon-pci,free-page-reporting=on,bus=rp1")
    assert outcome.status == 0, outcome
    number = "81" if bus == "peer" else "01"
    assert re.search(rf"^.*balloon: {number}:00\.0 reports free memory", outcome.output, re.M), outcome
    assert outcome.stats()["report.frames"] >= 4096, outcome


def test_what_the_loader_left_is_read_though_no_entry_speaks_of_it():
    outcome = boot("map-without-us", EXERCISE + "mem\n" + MANAGED, MEM="1G")
    assert outcome.status == 0, outcome
    lost = re.search(r"^lost +(\d+)\.\d MiB", outcome.output, re.M)
    assert lost and int(lost[1]) < 1, outcome


def test_a_hole_in_a_gib_is_nobodys(honest):
    """No 1 GiB block is made across it, all around it is used, and its bytes are never touched."""
    with tempfile.TemporaryDirectory(prefix="nought-test-") as directory:
        make_image(directory, "map-hole")
        qmp_path, dump = os.path.join(directory, "qmp"), os.path.join(directory, "dump")

        def pages(start, count):
            qmp = Qmp(qmp_path)
            qmp.call("pmemsave", val=start, size=count * 4096, filename=dump)
            qmp.close()
            with open(dump, "rb") as file:
                return file.read()

        with Console(MEM=MEM, O=directory, BOOT="efi", QMP=qmp_path) as guest:
            at = int(re.search(r"liar: about (0x[0-9a-fA-F]+)", guest.boot_text)[1], 16)
            assert 4 << 30 < at < 5 << 30 and at % (2 << 20)
            assert usable(guest.stats("mm.managed_frames")["mm.managed_frames"], guest.boot_text) == honest - 3
            assert "no memory" in guest.command("alloc -o 18 -n 2")
            assert "handle 1" in guest.command("alloc -o 18")
            assert "handle 2" in guest.command("alloc -o 9 -n 511")
            assert "handle 3" in guest.command("alloc -o 0 -n 60000")
            for handle in (2, 3):
                assert not guest.command(f"fill {handle} 0xff", 120)
            assert pages(at - 4096, 5) == b"\xff" * 4096 + b"\x5a" * 3 * 4096 + b"\xff" * 4096
            assert "holds" in guest.command("check", 120)
            for command in ("free 2", "free 3", "zero now", "report now", "wait idle 100000"):
                assert "not done" not in guest.command(command, 120)
            assert pages(at, 3) == b"\x5a" * 3 * 4096
            assert guest.end() == 0


@pytest.mark.parametrize("flags, by", [("", "PIT"), (",pit=off", "HPET")])
def test_no_pm_timer(flags, by):
    outcome = boot("no-pm-timer", "version\n", MEM="256M", QEMUFLAGS=f"-machine q35{flags}")
    assert re.search(rf"clock: TSC \d+ kHz, APIC timer 6\d\d\d\d kHz, by the {by}$", outcome.output, re.M), outcome
    assert outcome.status == 0, outcome


@pytest.mark.parametrize("options, low, said", [
    pytest.param("BOOTX64.EFI zero.low_pct=7\0", 7, None, id="sound"),
    pytest.param("zero.low_pct=7 caf\u00e9\0", 0,
                 "the EFI load options hold the character 0x00e9, printable ASCII is allowed: ignored", id="not-ascii"),
    pytest.param("zero.low_pct=7\0".ljust(4095, "\0"), 7, None, id="text-ends-at-its-NUL"),
    pytest.param("zero.low_pct=7 " + 4080 * "x", 7, "refused: 'x", id="4095-characters"),
    pytest.param("zero.low_pct=7 " + 4081 * "x", 0,
                 "the EFI load options have 4096 characters, at most 4095 are allowed: ignored", id="too-long"),
])
def test_load_options(options, low, said):
    outcome = boot("none", "knob zero.low_pct\n", options.encode("utf-16-le"), MEM="256M")
    assert re.search(rf"^zero\.low_pct +{low} ", outcome.output, re.M), outcome
    assert said in outcome.output if said else "command line" not in outcome.output, outcome
    assert outcome.status == 0, outcome
