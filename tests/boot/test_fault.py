"""A machine that falls over: faults that no command makes, put in by gdb, and how scripts/run tells them apart."""
import os
import re
import subprocess
import tempfile

from machine import Console, Qmp


def break_guest(*gdb_commands):
    """Boots to the prompt, stops the guest, lets gdb do that and go on; returns the status and what was printed.

    In the commands {idt} is the address of the interrupt table, {zeros} a file of 4 KiB of them."""
    with tempfile.TemporaryDirectory(prefix="nought-test-") as directory:
        gdb_path, qmp_path = os.path.join(directory, "gdb"), os.path.join(directory, "qmp")
        zeros = os.path.join(directory, "zeros")
        with open(zeros, "wb") as file:
            file.write(bytes(4096))
        with Console(MEM="256M", TIMEOUT=60, QMP=qmp_path,
                     QEMUFLAGS=f"-gdb unix:{gdb_path},server=on,wait=off") as guest:
            qmp = Qmp(qmp_path)
            registers = qmp.call("human-monitor-command", **{"command-line": "info registers"})
            qmp.close()
            idt = re.search(r"^IDT= *([0-9a-f]+)", registers, re.M)[1]
            commands = [f"target remote {gdb_path}", *gdb_commands, "detach"]
            arguments = [part for command in commands
                         for part in ("-ex", command.format(idt=f"0x{idt}", zeros=zeros))]
            subprocess.run(["gdb", "-batch", "-nx", "-ex", "set architecture i386:x86-64", *arguments],
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
            output = guest.process.stdout.read().decode(errors="replace")
            return guest.process.wait(30), guest.text + output


def test_a_triple_fault_is_not_success():
    """Without an interrupt table no fault can be handled: QEMU ends with 0, and scripts/run with 4."""
    status, output = break_guest("restore {zeros} binary {idt}", "set $rip = 0x123456")
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
