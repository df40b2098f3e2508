"""scripts/run: what it refuses, what it hands to the guest, and that it leaves nothing behind."""
import os
import shutil
import signal
import subprocess

import machine
import pexpect
import pytest


@pytest.mark.parametrize("settings, message", [
    ({"MEM": "4096"}, "MEM is '4096'; a whole number with M, G or T is allowed, from 48M to 4T"),
    ({"MEM": "47M"}, "MEM is '47M'"),
    ({"SMP": "0"}, "SMP is '0'; a whole number from 1 to 64 is allowed"),
    ({"SMP": "two"}, "SMP is 'two'"),
    ({"ACCEL": "magic"}, "ACCEL is 'magic'; tcg or kvm is allowed"),
    ({"TIMEOUT": "-1"}, "TIMEOUT is '-1'; a number of seconds above 0 is allowed"),
    ({"SCRIPT": "/nonexistent"}, "SCRIPT is '/nonexistent'; a file that can be read is allowed"),
    ({"QEMUFLAGS": "-name 'x"}, "it must be quoted as for a shell"),
    ({"O": "/nonexistent", "BOOT": "efi"}, "/nonexistent/esp.img is not there"),
    ({"O": "/nonexistent", "BOOT": "pvh"}, "/nonexistent/kernel.elf is not there"),
    ({"BOOT": "bios"}, "BOOT is 'bios'; efi or pvh is allowed"),
    ({"BOOT": "efi", "QEMUFLAGS": "-M microvm"}, "QEMUFLAGS names a microvm, which the firmware can't start: BOOT=pvh"),
    ({"BOOT": "efi", "QEMUFLAGS": "-machine accel=tcg,type=microvm"}, "QEMUFLAGS names a microvm"),
    ({"BOOT": "pvh", "FWCFG": "n", "CMDLINE": 4096 * "x"},
     "CMDLINE and what tells of the terminal have 4114 bytes; with FWCFG=n and BOOT=pvh 4095 are allowed"),
])
def test_usage(settings, message):
    outcome = machine.run(**settings)
    assert message in outcome.errors, outcome
    assert (outcome.status, outcome.output) == (2, ""), outcome


def test_unknown_argument():
    done = subprocess.run([machine.RUN, "-m"], env=machine.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unknown argument '-m'; only --help is allowed" in done.stderr


def test_the_build_is_looked_for_beside_the_script(tmp_path):
    """From any directory: without O it is the tree's own, and without BOOT it is the boot image."""
    (tmp_path / "scripts").mkdir()
    run = shutil.copy(machine.RUN, tmp_path / "scripts")
    env = {name: value for name, value in machine.environment().items() if name not in ("O", "BOOT")}
    done = subprocess.run([run], env=env, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{tmp_path}/build/esp.img is not there" in done.stderr


def test_command_line_and_script_as_they_are(tmp_path):
    """Commas end the values of QEMU's options, in paths too."""
    directory = tmp_path / "a,b"
    directory.mkdir()
    outcome = machine.run(script="version\n", CMDLINE="nonsense=1,2,,3", TMPDIR=directory, MEM="256M")
    assert "nonsense" in outcome.output, outcome
    assert "nought> version\nNought" in outcome.output, outcome
    assert outcome.status == 0, outcome
    assert not list(directory.iterdir())


@pytest.mark.parametrize("leave", ["^]", signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=str)
def test_leaving(leave, tmp_path):
    """The terminal is as it was, and QEMU is gone; after SIGKILL at least that."""
    pidfile = tmp_path / "pid"
    environment = {**machine.environment(MEM="256M", PIDFILE=pidfile), "PS1": "sh$ "}
    shell = pexpect.spawn("/bin/sh", env=environment, timeout=60)
    shell.expect_exact("sh$ ")
    shell.sendline(f"stty -a >{tmp_path}/before; '{machine.RUN}'; echo status=$?; "
                   f"stty -a >{tmp_path}/after; echo don''e")
    shell.expect_exact(machine.PROMPT)
    qemu = int(pidfile.read_text())
    if leave == "^]":
        shell.send("\x1d")
    else:
        with open(f"/proc/{qemu}/stat", encoding="ascii") as file:
            os.kill(int(file.read().rpartition(")")[2].split()[1]), leave)
    shell.expect(r"status=(\d+)")
    assert int(shell.match[1]) == (130 if leave == "^]" else 128 + leave)
    shell.expect_exact("done")
    shell.close(force=True)
    if leave != signal.SIGKILL:
        assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()
    assert gone(qemu)


def test_a_kvm_that_gives_up_is_not_waited_for(tmp_path):
    """QEMU stays there then, with a guest that is stopped. Here it is a script that says the same."""
    qemu = tmp_path / "qemu-system-x86_64"
    qemu.write_text("#!/bin/sh\n[ $1 = --version ] && exit\necho 'KVM internal error. Suberror: 1' >&2\n"
                    "exec sleep 60\n", encoding="ascii")
    qemu.chmod(0o755)
    outcome = machine.run(script="version\n", ACCEL="kvm", MEM="256M", TIMEOUT=30,
                          PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert "KVM can't run this guest on this machine; ACCEL=tcg can" in outcome.errors, outcome
    assert outcome.status == 4, outcome


def test_the_prompt_below_a_line_of_the_log_is_waited_at(tmp_path):
    """The guest shows its row anew then, and puts the cursor where it was. Here a script does, in two pieces."""
    qemu = tmp_path / "qemu-system-x86_64"
    qemu.write_text("#!/bin/sh\n[ $1 = --version ] && exit\n"
                    r"printf 'Nought 0.1.0\r\nnought> \r\033[K[  1.000] a line\r\n\rnought> \033[K\r'; sleep 0.1; "
                    r"printf '\033[008C'; exec sleep 60" "\n", encoding="ascii")
    qemu.chmod(0o755)
    outcome = machine.run(MEM="256M", TIMEOUT=20, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert "the input has ended, and the guest waits for more" in outcome.errors, outcome
    assert outcome.status == 130, outcome


def gone(pid):
    """Whether the process has ended; what nobody has waited for yet has ended too."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True
