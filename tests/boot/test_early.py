"""A kernel that fails before it knows much of its machine: it ends the machine all the same, and says of what.

What fails is put into a copy of kernel.elf, at the start of a function."""
import os
import re
import struct
import subprocess
import tempfile

import machine
import pytest

UNDEFINED = b"\x0f\x0b"  # ud2
RETURN = b"\xc3"
Q35, PC = "-machine q35", "-machine pc"
MICROVM, BARE = "-machine microvm,acpi=on", "-machine microvm,acpi=off"


def address_of(symbol):
    symbols = subprocess.run(["nm", os.path.join(machine.environment()["O"], "kernel.debug")], capture_output=True,
                             text=True, check=True).stdout
    return int(re.search(rf"^([0-9a-f]+) [Tt] {symbol}$", symbols, re.M)[1], 16)


def offset_of(elf, address):
    """Where in the file that address is: by the program headers."""
    start, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<2H", elf, 54)
    for at in range(start, start + size * count, size):
        kind, _, offset, virtual, _, file_bytes = struct.unpack_from("<2I4Q", elf, at)
        if kind == 1 and virtual <= address < virtual + file_bytes:
            return offset + address - virtual
    raise AssertionError(f"{address:#x} is in no segment")


def run_with(symbol, code, script="version\n", **settings):
    """Boots a kernel whose function begins with that code."""
    build = machine.environment()["O"]
    with tempfile.TemporaryDirectory(prefix="nought-test-") as directory:
        kernel = os.path.join(directory, "kernel.elf")
        with open(os.path.join(build, "kernel.elf"), "rb") as file:
            elf = bytearray(file.read())
        at = offset_of(elf, address_of(symbol))
        elf[at:at + len(code)] = code
        with open(kernel, "wb") as file:
            file.write(elf)
        subprocess.run([os.path.join(machine.ROOT, "scripts/image"), os.path.join(directory, "esp.img"),
                        os.path.join(build, "BOOTX64.EFI"), kernel], check=True)
        return machine.run(script, **{"MEM": "256M", "O": directory, "TIMEOUT": 60, **settings})


# memory_map: on the page tables of whoever started us. acpi_init: on our own, with no table read.
@pytest.mark.parametrize("place", ["memory_map", "acpi_init"])
@pytest.mark.parametrize("boot, flags, how", [
    ("pvh", Q35, "the chipset"), ("efi", Q35, "the chipset"),
    ("pvh", PC, "the chipset"), ("efi", PC, "the chipset"),
    ("pvh", MICROVM, "a reset"), ("pvh", BARE, "a reset"),
])
def test_a_panic_ahead_of_acpi_ends_the_machine(place, boot, flags, how):
    outcome = run_with(place, UNDEFINED, BOOT=boot, QEMUFLAGS=flags, EXITDEV="n", FWCFG="n")
    if boot == "efi":
        how = f"(the firmware|{how})"
    assert re.search(r"^PANIC: #UD", outcome.output, re.M), outcome
    assert re.search(rf"^power-off: status 3, by {how}\n\Z", outcome.output, re.M), outcome
    assert outcome.status == 3, outcome


def test_a_way_to_switch_off_that_panics_is_followed_by_others():
    outcome = run_with("chipset_can", UNDEFINED, "panic words\n", EXITDEV="n", FWCFG="n", QEMUFLAGS=BARE)
    assert "power-off: status 3, by a reset\n" in outcome.output, outcome
    assert outcome.status == 3, outcome


@pytest.mark.parametrize("script, status", [("version\n", 0), ("frobnicate\n", 1), ("panic words\n", 3)])
def test_a_guest_that_nothing_switches_off_is_reset(script, status):
    outcome = machine.run(script, MEM="256M", EXITDEV="n", FWCFG="n", QEMUFLAGS=BARE, TIMEOUT=60)
    assert outcome.output.endswith(f"power-off: status {status}, by a reset\n"), outcome
    assert outcome.status == status, outcome


@pytest.mark.parametrize("flags", [Q35, MICROVM + ",pit=off"])
def test_a_local_apic_timer_that_stands_still_is_said_so(flags):
    """It hung, or the clock that is measured against was blamed."""
    outcome = run_with("lapic_timer_start", RETURN, QEMUFLAGS=flags)
    said = r"^PANIC: boot: the timer of the local APIC at 0xfee00000 stands still"
    assert re.search(said, outcome.output, re.M), outcome
    assert "1 GHz" not in outcome.output or "microvm" in flags, outcome
    assert outcome.status == 3, outcome


def made_rates(tsc_hz):
    """cpu_rates, which returns its struct where RDI points: a name, a rate, and nothing of the bus."""
    name = address_of("cpu_rates") + 64
    code = b"\x48\xb8" + struct.pack("<Q", name) + b"\x48\x89\x07"  # mov rax, name; mov [rdi], rax
    code += b"\x48\xb8" + struct.pack("<Q", tsc_hz) + b"\x48\x89\x47\x08"  # the same for the rate, at 8
    code += b"\x31\xc0\x48\x89\x47\x10\x48\x89\x47\x18"  # xor eax, eax; to 16 and 24
    code += b"\x48\x89\xf8" + RETURN  # mov rax, rdi
    return code.ljust(64, UNDEFINED[:1]) + b"a leaf\0"


@pytest.mark.parametrize("flags, by", [(MICROVM + ",pit=off", "a leaf"), (Q35, "the ACPI PM timer")])
def test_a_rate_that_cpuid_tells_counts_where_nothing_is_measured(flags, by):
    """QEMU's emulator has none of the leaves, so what is made of them is put in behind them."""
    outcome = run_with("cpu_rates", made_rates(2_000_000_000), "version\n", QEMUFLAGS=flags)
    tsc, lapic = re.search(rf"clock: TSC (\d+) kHz, APIC timer (\d+) kHz, by {by}$", outcome.output, re.M).groups()
    assert (tsc == "2000000") == (by == "a leaf"), outcome
    assert int(lapic) > 10000, outcome
    assert "assumed" not in outcome.output and outcome.status == 0, outcome


@pytest.mark.parametrize("flags, said", [
    (",pit=off", r"clock: TSC \d+ kHz, APIC timer 62\d\d\d kHz: .* an APIC clock of 1 GHz is assumed, as QEMU and KVM"),
    (",pit=off -cpu max,-hypervisor", r"clock: CPUID has no rate either, a TSC of 1 GHz is assumed"),
    ("", r"clock: TSC \d+ kHz, APIC timer \d+ kHz, by the PIT"),
])
def test_without_a_clock_to_measure_against(flags, said):
    """What is assumed is said, and found out in a moment: it took 2.6 s by its own clock, which was too slow."""
    outcome = machine.run("version\n", MEM="256M", QEMUFLAGS=MICROVM + flags)
    assert re.search(said, outcome.output), outcome
    assert ("neither the ACPI PM timer nor the PIT nor an HPET counts" in outcome.output) == bool(flags), outcome
    up = re.search(r"boot: up after (\d+) ms", outcome.output)
    assert int(up[1]) < 1000, outcome
    assert outcome.status == 0, outcome
