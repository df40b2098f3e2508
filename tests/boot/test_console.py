"""The console as a user meets it: in a terminal, and through a pipe."""
import re
import subprocess
import time

import pexpect
import pytest
from machine import PROMPT, ROOT, RUN, Console, environment, make

UP, LEFT, RIGHT, HOME, END, DELETE, BACKSPACE = "\x1b[A", "\x1b[D", "\x1b[C", "\x1b[H", "\x1b[F", "\x1b[3~", "\x7f"


@pytest.fixture
def terminal():
    child = pexpect.spawn(RUN, env=environment(MEM="256M", TIMEOUT=100), cwd=ROOT, encoding="utf-8", timeout=30,
                          codec_errors="replace")
    child.expect_exact(PROMPT, timeout=60)
    yield child
    child.close(force=True)


def enter(child, keys):
    """Types keys and Return; returns what the guest printed behind the line that it echoes."""
    child.send(keys + "\r")
    child.expect(r"\r\n")
    child.expect_exact(PROMPT)
    return child.before


def test_a_terminal(terminal):
    child = terminal
    version = enter(child, "version")
    assert "0.1.0" in version

    # every way to mend a line ends in the same command
    for keys in ("ersion\x01v",                                   # ^A
                 "ersion" + HOME + "v",
                 "vrsion" + LEFT * 5 + "e",
                 "version x" + BACKSPACE * 2,
                 "rubbish\x15version",                            # ^U
                 "version rubbish\x17",                           # ^W
                 "vversion\x01" + DELETE,
                 "ersio\x01v\x05n",                               # ^A ^E
                 "ersio" + HOME + "v" + END + "n",
                 "versxion" + LEFT * 3 + BACKSPACE,
                 "v" + RIGHT * 3 + LEFT * 9 + END + "ersion"):
        assert "0.1.0" in enter(child, keys), repr(keys)

    # ^C drops the line and stays
    child.send("frobnicate\x03")
    child.expect_exact(PROMPT)
    assert "0.1.0" in enter(child, "version")
    assert "no command 'frobnicate'" in enter(child, "frobnicate")
    assert "0.1.0" not in enter(child, "")

    # ^] leaves, and says so in the status
    child.send("\x1d")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_interrupting(terminal):
    """^C ends a command that takes long, as failed, and drops what was typed ahead."""
    child = terminal
    for knob in ("zero.delay_ms 60000", "zero.low_pct 100", "zero.high_pct 100"):
        enter(child, "knob " + knob)
    child.send("wait zero 86400000\r")
    child.expect_exact("\r\n")
    time.sleep(0.5)
    child.send("frobnicate\r\x03version\r")
    child.expect_exact("^C\r\nwait: interrupted\r\n" + PROMPT)
    child.expect_exact("Nought 0.1.0")
    child.expect_exact(PROMPT)
    assert "frobnicate" not in child.before

    # one is enough for the command that is watched and for watch
    child.send("watch 1 wait zero 86400000\r")
    child.expect_exact("\r\n")
    time.sleep(0.5)
    child.send("\x03")
    child.expect_exact("wait: interrupted")
    child.expect_exact(PROMPT)
    assert "^C" not in child.before

    enter(child, "knob zero.policy alloc")
    enter(child, "alloc -o 9 -n 100")
    for command in ("fill 1 7", "verify 1 0", "test mm_random"):
        # until a ^C meets the command while it runs
        for delay_s in (0, 0.01, 0.05, 0.2):
            child.send(command + "\r")
            child.expect_exact("\r\n")
            time.sleep(delay_s)
            child.send("\x03")
            child.expect_exact("^C\r\n")
            if child.expect_exact([": interrupted\r\n", PROMPT]) == 0:
                child.expect_exact(PROMPT)
                break
        else:
            assert command == "verify 1 0", f"{command} was never interrupted"  # it fails at the first byte


def test_interrupting_much_at_once():
    """^C ends what would take minutes within one command's one step, and nothing is lost or forgotten."""
    def interrupt(command, after_s):
        guest.process.stdin.write(command.encode() + b"\n")
        guest.process.stdin.flush()
        guest.wait_for(command, 10)
        time.sleep(after_s)
        since = time.monotonic()
        guest.process.stdin.write(b"\x03")
        guest.process.stdin.flush()
        said = guest.wait_for(PROMPT, 30)
        assert f"^C\n{command.split()[0]}: interrupted\n" in said, said
        assert time.monotonic() - since < 20  # not minutes; a busy host takes its time
        assert "every invariant holds" in guest.command("check")

    def ours(stats):
        """Frames that are free, or in malloc's heap, which may keep one that it had for a long list of blocks."""
        return stats["mm.free_frames"] + stats["heap.mapped_bytes"] // 4096

    # beyond the host's memory: none of these commands gets far
    with Console(MEM="64G", CMDLINE="zero.policy=alloc", BALLOONDEV="none") as guest:
        before = guest.stats()
        interrupt("alloc -o 18 -n 50 -z", 1)
        after = guest.stats()
        assert ours(after) == ours(before)
        assert after["mm.zero_frames"] > before["mm.zero_frames"] + 512
        assert after["mm.zero_frames"] + after["mm.reported_frames"] >= before["mm.reported_frames"]
        assert after["mm.alloc_failed"] == 0
        assert "no handles" in guest.command("handles")
        # what was zeroed is in stock, and zero
        zeroed = after["mm.zero_frames"] // 512 - 1
        guest.command(f"alloc -o 9 -n {zeroed} -z")
        hits = guest.stats("zero.")["zero.hit_frames"]
        assert "" == guest.command("verify 1 0")
        assert hits >= zeroed * 512 * 9 // 10

        # a free that zeroes: the handle keeps what is left, every block of it still good
        guest.command("knob zero.policy free")
        guest.command("alloc -o 9 -n 20000")
        interrupt("free 2", 1)
        left = int(re.search(r"handle 2: (\d+) blocks", guest.command("handles"))[1])
        assert 0 < left < 20000
        interrupt("free -k 2 2", 1)
        fewer = int(re.search(r"handle 2: (\d+) blocks", guest.command("handles"))[1])
        assert left / 2 < fewer < left
        guest.command("knob zero.policy alloc")
        assert "" == guest.command("free all")
        assert ours(guest.stats()) == ours(before)

        interrupt("bench pin 40G 1g", 2)
        interrupt("bench ops mix90", 2)
        assert ours(guest.stats()) == ours(before)
        assert guest.end() == 0


def test_interrupting_one_long_step_of_a_debug_build():
    """^C ends one long unit test, and `check`, which reads all that is in stock there; and nothing is left behind."""
    build = make("kernel.elf", build="debug", DEBUG=1)
    with Console(MEM="1G", O=build, CMDLINE="zero.low_pct=100 zero.high_pct=100 zero.delay_ms=0",
                 BALLOONDEV="none") as guest:
        def send(data):
            guest.process.stdin.write(data)
            guest.process.stdin.flush()

        def unowned(stats):
            return stats["mm.free_frames"] + stats["mm.isolated_frames"] + stats["heap.mapped_bytes"] // 4096

        guest.command("wait zero 100000", 100)
        for _ in range(5):
            send(b"check\n\x03")
            if "interrupted" in guest.wait_for(PROMPT, 30):
                break
            send(b"\n")
            guest.wait_for(PROMPT, 30)
        else:
            assert False, "check was never interrupted"
        assert "every invariant holds" in guest.command("check")

        one = "mm_regress.xen_83a784a15b"  # ten seconds, most of them its own checks
        knob = guest.command("knob zero.batch_frames")
        guest.command("test mm_regress.xsa_245")  # what malloc's heap grows by
        before = guest.stats()
        send(f"test {one}\n".encode())
        guest.wait_for(one, 10)
        time.sleep(1.5)
        since = time.monotonic()
        send(b"\x03")
        assert "^C\ntest: interrupted\n" in guest.wait_for(PROMPT, 30)
        assert time.monotonic() - since < 4
        assert knob == guest.command("knob zero.batch_frames")
        after = guest.stats()
        assert unowned(after) == unowned(before)
        assert " passed, 0 failed" in guest.command("test mm_bulk.failure")
        assert "every invariant holds" in guest.command("check")
        assert guest.end() == 0


def test_keys_that_mean_nothing_and_long_lines(terminal):
    child = terminal
    for keys in (UP + UP + "version", "version\x1b[5~", "\x00version", "version\x01" + LEFT + BACKSPACE):
        assert "0.1.0" in enter(child, keys), repr(keys)
    # longer than any line can be: nothing breaks
    answer = enter(child, "x" * 600)
    assert "no command 'x" in answer or "line" in answer
    assert "0.1.0" in enter(child, "version")


def test_poweroff_in_a_terminal(terminal):
    terminal.send("poweroff\r")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def pipe(text, **settings):
    done = subprocess.run([RUN], input=text.encode(), capture_output=True, cwd=ROOT, timeout=120,
                          env=environment(MEM="256M", TIMEOUT=100, **settings))
    return done.returncode, done.stdout.decode()


def test_a_pipe_that_ends():
    status, output = pipe("version\nstats mm.managed\n")
    assert status == 130
    assert "0.1.0" in output and "mm.managed_frames" in output
    assert "\x1b[2J" not in output and "\r" not in output.replace("\r\n", "\n").replace(PROMPT, "")


def test_a_pipe_with_poweroff():
    status, output = pipe("check\npoweroff\n")
    assert status == 0
    assert "every invariant holds" in output


@pytest.mark.parametrize("boot", ["pvh", "efi"])
def test_standard_output_is_the_guest_alone(boot):
    """No escape sequence, no carriage return, nothing of the firmware's, from a script's run."""
    done = subprocess.run([RUN], input=b"version\npoweroff\n", capture_output=True, cwd=ROOT, timeout=120,
                          env=environment(MEM="256M", SCRIPT="-", TIMEOUT=100, BOOT=boot))
    assert done.returncode == 0, done
    assert b"\x1b" not in done.stdout
    assert b"\r" not in done.stdout
    assert b"BdsDxe" not in done.stdout
    assert done.stdout.startswith(b"Nought "), done.stdout[:200]
