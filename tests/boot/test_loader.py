"""The loader refuses a kernel.elf that is missing or bad, says what is wrong, and turns the machine off."""
import os
import subprocess

import machine
import pytest

IMAGE_TOOL = os.path.join(machine.ROOT, "scripts/image")


def boot(directory, changes, length=None):
    """Boots with kernel.elf changed at the offsets given, cut off at length; without it if changes is None."""
    build = machine.environment()["O"]
    with open(os.path.join(build, "kernel.elf"), "rb") as file:
        kernel = bytearray(file.read())
    for at, value in (changes or {}).items():
        kernel[at:at + len(value)] = value
    (directory / "kernel.elf").write_bytes(kernel[:length])
    image = directory / "esp.img"
    subprocess.run([IMAGE_TOOL, image, os.path.join(build, "BOOTX64.EFI"), directory / "kernel.elf"], check=True)
    if changes is None:
        subprocess.run(["mdel", "-i", image, "::/kernel.elf"], check=True)
    return machine.run(script="version\n", O=directory, MEM="256M", BOOT="efi")


# Offsets are those of the ELF header, and of the fourth program header's p_memsz, the last segment's.
@pytest.mark.parametrize("changes, message", [
    pytest.param(None, "loader: kernel.elf: not found on this volume", id="missing"),
    pytest.param({0x12: b"\xb7"}, "loader: kernel.elf: e_machine is 0xb7, 0x3e (x86-64) is needed", id="aarch64"),
    pytest.param({0x04: b"\1"}, "loader: kernel.elf: EI_CLASS is 0x1, 0x2 (64 bits) is needed", id="32-bit"),
    pytest.param({0x05: b"\2"}, "loader: kernel.elf: EI_DATA is 0x2, 0x1 (little-endian) is needed", id="big-endian"),
    pytest.param({0x44: b"\x07"}, "kernel.elf: program header 0: p_flags is 0x7, no segment may be both", id="rwx"),
    pytest.param({272: b"\0\0\0\x20"}, "loader: too little memory: no 52", id="huge"),
])
def test_bad_kernel(changes, message, tmp_path):
    outcome = boot(tmp_path, changes)
    assert message in outcome.output, outcome
    assert outcome.status == 4, outcome


@pytest.mark.parametrize("length, message", [
    pytest.param(0, "loader: kernel.elf: its size is 0 bytes, 1 to 268435456 is allowed", id="nothing"),
    pytest.param(63, "loader: kernel.elf: ", id="within-the-header"),
    pytest.param(64, "loader: kernel.elf: e_phoff is 0x40, the program headers must lie within the file", id="header"),
    pytest.param(200 << 10, "loader: kernel.elf: program header ", id="within-a-segment"),
])
def test_truncated_kernel(length, message, tmp_path):
    outcome = boot(tmp_path, {}, length)
    assert message in outcome.output, outcome
    assert "Nought" not in outcome.output, outcome
    assert outcome.status == 4, outcome


def test_good_kernel(tmp_path):
    """The control: the same steps with nothing changed do boot."""
    outcome = boot(tmp_path, {})
    assert outcome.output.startswith("Nought "), outcome
    assert outcome.status == 0, outcome
