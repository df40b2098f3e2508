"""scripts/run: what it refuses, what it hands to the guest, and that it leaves nothing behind."""
import os
import shutil
import signal
import struct
import subprocess
import time

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
    ({"QEMUFLAGS": "-m 2G"}, "QEMUFLAGS has -m 2G, but MEM is 4G: set MEM=2G instead"),
    ({"QEMUFLAGS": "-smp 2 -m 512"}, "set MEM=512M instead"),
    ({"QEMUFLAGS": "--m size=2097152K,slots=2,maxmem=8G"}, "set MEM=2048M instead"),
    ({"QEMUFLAGS": "-m slots=2,size=8g"}, "set MEM=8G instead"),
    ({"QEMUFLAGS": "-enable-kvm"}, "QEMUFLAGS has -enable-kvm, but ACCEL is tcg: set ACCEL=kvm instead"),
    ({"QEMUFLAGS": "-accel kvm,thread=multi"}, "set ACCEL=kvm,thread=multi instead"),
    ({"QEMUFLAGS": "-incoming tcp:0:4444", "SCRIPT": "/dev/null"}, "QEMUFLAGS restores a guest, which has read its"),
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


@pytest.mark.parametrize("flags", ["-m 256M", "-m 256,slots=2,maxmem=1G", "-m slots=2,maxmem=1G", "-accel tcg"])
def test_flags_that_do_not_quarrel(flags):
    outcome = machine.run(script="version\n", MEM="256M", QEMUFLAGS=flags)
    assert outcome.status == 0, outcome


def empty_qcow2(path, size=64 << 20, cluster=1 << 16):
    """A disk for snapshots: its header, where its references are counted, and a table without a cluster of data."""
    with open(path, "wb") as file:
        for part in (struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, size, 0, 1, 3 * cluster, cluster, 1, 0, 0),
                     struct.pack(">Q", 2 * cluster), struct.pack(">4H", 1, 1, 1, 1), b""):
            file.write(part.ljust(cluster, b"\0"))


def save(directory, boot="pvh"):
    """Saves a guest that has a handle, to a file and as a snapshot. Returns what all of them are started
    with, and how each is restored."""
    disk, state, qmp = directory / "disk", directory / "state", directory / "qmp"
    empty_qcow2(disk)
    settings = {"MEM": "256M", "BOOT": boot}
    drive = f"-drive if=none,id=disk,format=qcow2,file={disk}"
    with machine.Console(QMP=qmp, QEMUFLAGS=drive, **settings) as guest:
        guest.command("alloc -o 3 -n 5")
        control = machine.Qmp(str(qmp))
        assert not control.call("human-monitor-command", **{"command-line": "savevm one"})
        control.call("migrate", uri=f"exec:cat >{state}")
        while (status := control.call("query-migrate").get("status")) != "completed":
            assert status != "failed"
            time.sleep(0.05)
        control.close()
    return settings, {"file": f"{drive} -incoming 'exec:cat {state}'", "snapshot": f"{drive} -loadvm one",
                      "later": f"{drive} -incoming 'exec:sleep 3; cat {state}'"}


def restore(text, settings, flags):
    done = subprocess.run([machine.RUN], input=text, capture_output=True, cwd=machine.ROOT, timeout=60, text=True,
                          env=machine.environment(TIMEOUT=40, QEMUFLAGS=flags, **settings))
    return machine.Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("boot", ["pvh", "efi"])
def test_a_guest_that_is_restored(boot, tmp_path):
    """It has said its first line and its prompt long ago, and takes keys once it is there."""
    settings, ways = save(tmp_path, boot)
    for how, flags in ways.items():
        outcome = restore("handles\npoweroff\n", settings, flags)
        assert outcome.output.startswith("handles\nhandle 1: 5 blocks of order 3"), (how, outcome)
        assert outcome.status == 0, (how, outcome)
    # where nothing is typed, or no poweroff, it ends as any other guest does
    for text in ("", "handles\n"):
        outcome = restore(text, settings, ways["file"])
        assert "the input has ended, and the guest waits for more" in outcome.errors, outcome
        assert outcome.status == 130, outcome


def test_a_guest_that_is_restored_in_a_terminal(tmp_path):
    """It is told of the size of that terminal, and so shows its prompt."""
    settings, ways = save(tmp_path)
    child = pexpect.spawn(machine.RUN, cwd=machine.ROOT, encoding="utf-8", timeout=30, dimensions=(33, 99),
                          env=machine.environment(TIMEOUT=60, QEMUFLAGS=ways["later"], **settings))
    child.expect_exact("^] leaves")
    child.send("handles\r")  # ahead of its time
    child.expect_exact("handle 1: 5 blocks of order 3")
    child.expect_exact(machine.PROMPT)
    child.send("knob console.columns\r")
    child.expect(r" 99 columns")
    child.send("\x1d")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    child = pexpect.spawn(machine.RUN, cwd=machine.ROOT, encoding="utf-8", timeout=30, dimensions=(33, 99),
                          env=machine.environment(TIMEOUT=60, QEMUFLAGS=ways["file"], **settings))
    child.expect_exact(machine.PROMPT)
    child.close(force=True)


def gone(pid):
    """Whether the process has ended; what nobody has waited for yet has ended too."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True
