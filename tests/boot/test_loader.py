"""The loader refuses a kernel.elf that is missing or bad, says what is wrong, and turns the machine off."""
import os
import subprocess

import machine
import pytest

IMAGE_TOOL = os.path.join(machine.ROOT, "scripts/image")


def boot(directory, changes):
    """Boots with kernel.elf changed at the offsets given; without it if changes is None."""
    build = machine.environment()["O"]
    with open(os.path.join(build, "kernel.elf"), "rb") as file:
        kernel = bytearray(file.read())
    for at, value in (changes or {}).items():
        kernel[at:at + len(value)] = value
    (directory / "kernel.elf").write_bytes(kernel)
    image = directory / "esp.img"
    subprocess.run([IMAGE_TOOL, image, os.path.join(build, "BOOTX64.EFI"), directory / "kernel.elf"], check=True)
    if changes is None:
        subprocess.run(["mdel", "-i", image, "::/kernel.elf"], check=True)
    return machine.run(script="version\n", O=directory, MEM="256M")


# Offsets are those of the ELF header, and of the third program header's p_memsz.
@pytest.mark.parametrize("changes, message", [
    pytest.param(None, "loader: kernel.elf: not found on this volume", id="missing"),
    pytest.param({0x12: b"\xb7"}, "loader: kernel.elf: e_machine is 0xb7, 0x3e (x86-64) is needed", id="aarch64"),
    pytest.param({0x44: b"\x07"}, "kernel.elf: program header 0: p_flags is 0x7, no segment may be both", id="rwx"),
    pytest.param({216: b"\0\0\0\x20"}, "loader: too little memory: no 52", id="huge"),
])
def test_bad_kernel(changes, message, tmp_path):
    outcome = boot(tmp_path, changes)
    assert message in outcome.output, outcome
    assert outcome.status == 4, outcome


def test_good_kernel(tmp_path):
    """The control: the same steps with nothing changed do boot."""
    outcome = boot(tmp_path, {})
    assert outcome.output.startswith("Nought "), outcome
    assert outcome.status == 0, outcome
