"""A machine that falls over: faults that no command makes, put in by gdb, and how scripts/run tells them apart."""
import os
import subprocess
import tempfile

from machine import Console


def break_guest(*gdb_commands):
    """Boots to the prompt, stops the guest, lets gdb do that and go on; returns the status and what was printed."""
    with tempfile.TemporaryDirectory(prefix="nought-test-") as directory:
        path = os.path.join(directory, "gdb")
        with Console(MEM="256M", TIMEOUT=60, QEMUFLAGS=f"-gdb unix:{path},server=on,wait=off") as guest:
            commands = [part for command in (f"target remote {path}", *gdb_commands, "detach") for part in ("-ex", command)]
            subprocess.run(["gdb", "-batch", "-nx", "-ex", "set architecture i386:x86-64", *commands],
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
            output = guest.process.stdout.read().decode(errors="replace")
            return guest.process.wait(30), guest.text + output


def test_a_triple_fault_is_not_success():
    """Without page tables the fault can't be handled, nor the one for that: QEMU ends with 0, and scripts/run with 4."""
    status, output = break_guest("set $cr3 = 0xfe000000")
    assert status == 4, output
    assert "panic" not in output.lower()


def test_a_wild_jump_panics():
    status, output = break_guest("set $rip = 0x123456")
    assert status == 3, output
    assert "0x123456" in output.replace("0x0000000000123456", "0x123456")


def test_a_stack_overflow_panics():
    """The stack pointer in unmapped memory: the page fault can't be pushed, the double fault has a stack of its own."""
    status, output = break_guest("set $rsp = 0x1000", "set $rip = 0x123456")
    assert status == 3, output
    assert "double fault" in output.lower() or "#DF" in output
