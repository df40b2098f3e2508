"""What makes the console pleasant: history, completion, pages, watch, colours; and that a pipe has none of it."""
import re
import time

import pexpect
import pytest
from machine import PROMPT, ROOT, RUN, Console, environment

UP, DOWN = "\x1b[A", "\x1b[B"
SEQUENCE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
pytestmark = pytest.mark.xdist_group("comfort")  # one guest for most of them


def spawn(rows=24, columns=80, **settings):
    settings = {"MEM": "256M", "TIMEOUT": 100, "TERM": "xterm", "NO_COLOR": "", **settings}
    child = pexpect.spawn(RUN, env=environment(**settings), cwd=ROOT, encoding="utf-8", timeout=20,
                          codec_errors="replace", dimensions=(rows, columns))
    child.expect_exact(PROMPT, timeout=60)
    return child


@pytest.fixture(scope="module")
def terminal():
    child = spawn()
    yield child
    child.close(force=True)


def answer(child, keys, end=PROMPT):
    """What the guest printed between the end of the line that the keys make and end."""
    child.send(keys)
    child.expect_exact("\r\n")
    child.expect_exact(end)
    return child.before


def row_after(child, keys, text):
    """Types keys; waits until the cursor's row is the prompt and text, and drops the line."""
    child.send(keys)
    child.expect_exact(text)
    child.send("\x03")
    child.expect_exact(PROMPT)


def test_tab_completes(terminal):
    assert "0.1.0" in answer(terminal, "vers\t\r")
    assert "zero.policy" in answer(terminal, "kno\tzero.p\t\r")
    assert "" == answer(terminal, "kn\tzero.p\tall\t\r")
    assert " alloc " in answer(terminal, "knob zero.policy\r")
    assert "" == answer(terminal, "preset def\t\r")
    assert "mm.free_frames" in answer(terminal, "stats mm.free_f\t\r")
    assert "1 passed, 0 failed" in answer(terminal, "test line.a_prompt\t\r")
    assert "0.1.0" in answer(terminal, "watch -n 1 1 vers\t\r")
    assert "finds no" not in answer(terminal, "bench li\t\r")
    row_after(terminal, "wait i\t", "idle ")
    row_after(terminal, "bench pi\t4G 4\t", "4k ")
    row_after(terminal, "help zeroi\t", "zeroing ")
    row_after(terminal, "!che\t", "!che")  # it is one word, and no command begins so
    row_after(terminal, "! che\t", "check ")


def test_second_tab_lists(terminal):
    terminal.send("ver\t\t")
    terminal.expect_exact("verify   version\r\n\r" + PROMPT + "ver")
    row_after(terminal, "i\t", "ify ")
    terminal.send("help rep\t\t")
    terminal.expect_exact("report")
    terminal.expect_exact("reporting")
    row_after(terminal, "in\t", "ing ")


def test_history(terminal):
    answer(terminal, "version\r")
    answer(terminal, "handles\r")
    answer(terminal, "handles\r")  # kept once
    assert "0.1.0" in answer(terminal, UP + UP + "\r")
    assert "no handles" in answer(terminal, "\x10\x10\r")  # ^P
    assert "0.1.0" in answer(terminal, "versi" + UP + UP + DOWN + DOWN + "on\r")
    assert "0.1.0" in answer(terminal, "\x12ersi\r")
    assert "no handles" in answer(terminal, "\x12han\r")
    # the search is left: the line is as it was
    assert "0.1.0" in answer(terminal, "versio\x12hand\x07n\r")
    assert "0.1.0" in answer(terminal, "versio\x12hand\x03n\r")


def test_pages(terminal):
    first = answer(terminal, "stats\r", "--More--")
    assert first.count("\n") == 23
    terminal.send("\r")
    terminal.expect_exact("--More--")
    assert terminal.before.count("\n") == 1
    terminal.send(" ")
    terminal.expect_exact("--More--")
    assert terminal.before.count("\n") == 23
    terminal.send("q")
    terminal.expect_exact(PROMPT)
    assert terminal.before.count("\n") <= 1
    assert "0.1.0" in answer(terminal, "version\r")
    answer(terminal, "knob console.rows 6\r")
    assert answer(terminal, "map -c 1\r", "--More--").count("\n") == 5
    terminal.send("q")
    terminal.expect_exact(PROMPT)
    answer(terminal, "knob console.rows 24\r")
    # what takes long and what is short doesn't stop
    assert "--More--" not in answer(terminal, "test -v line.\r")
    assert "--More--" not in answer(terminal, "version\r")
    answer(terminal, "knob console.rows 0\r")
    assert "zero.wasted_frames" in answer(terminal, "stats\r")
    answer(terminal, "knob console.rows 24\r")


def test_pages_do_not_eat_what_is_pasted(terminal):
    """Several commands at once: none of them is taken for keys at a page of the first. Blanks still are."""
    terminal.send("stats\rhandles\rversion\r")
    terminal.expect_exact("0.1.0")
    assert "zero.wasted_frames" in terminal.before and "no handles" in terminal.before
    terminal.expect_exact(PROMPT)
    # where they come late; but a key that is none is only passed over
    answer(terminal, "stats\r", "--More--")
    for key in ("x", UP, "\x1bOA", "\x1b[6~", "7"):
        terminal.send(key)
        time.sleep(0.1)
    terminal.send("handles\rversion\r")
    terminal.expect_exact("0.1.0")
    assert "zero.wasted_frames" in terminal.before and "no handles" in terminal.before
    terminal.expect_exact(PROMPT)
    terminal.send("stats\r  q")
    terminal.expect_exact(PROMPT)
    assert terminal.before.count("--More--") == 3
    assert "0.1.0" in answer(terminal, "version\r")


def test_rows_that_are_full(terminal):
    """Nothing is written behind a full row that the terminal hasn't left, nor ahead of what asks for more."""
    unknown = "there is no command 'frobnicate', `help` lists them"
    answer(terminal, f"knob console.columns {len(unknown)}\r")
    assert unknown + "\r\n" in answer(terminal, "watch -n 1 1 frobnicate\r")
    answer(terminal, f"knob console.columns {len(unknown) + 1}\r")
    assert unknown + "\x1b[K\r\n" in answer(terminal, "watch -n 1 1 frobnicate\r")

    answer(terminal, "knob console.columns 20\r")
    answer(terminal, "knob console.rows 4\r")
    terminal.send("help keys\r")
    terminal.expect_exact("\r\n")
    parts = 0
    while terminal.expect_exact(["--More--", PROMPT]) == 0:
        assert terminal.before.endswith("\r\n")
        parts += 1
        terminal.send(" ")
    assert parts > 20
    # nor in the colour of what is cut off; 1 of 4 rows is the picture's
    assert "\x1b[0m\r\n\x1b[J" in answer(terminal, "watch -n 1 1 map -c 1\r")
    answer(terminal, "knob console.rows 24\r")
    answer(terminal, "knob console.columns 80\r")


def test_watch(terminal):
    terminal.send("watch 1 mem\r")
    for _ in range(3):
        terminal.expect_exact("\x1b[HEvery 1 s: mem" if _ else "\x1b[H\x1b[2JEvery 1 s: mem")
    terminal.send("q")
    terminal.expect_exact(PROMPT)
    terminal.send("watch 100 version\r")
    terminal.expect_exact("0.1.0")
    terminal.send("\x03")
    terminal.expect_exact("watch: interrupted")
    terminal.expect_exact(PROMPT)
    # longer than the screen: cut off, no page
    screen = answer(terminal, "watch -n 1 1 stats\r")
    assert screen.count("\n") == 23 and "--More--" not in screen
    # any other key is the next line's
    terminal.send("watch 100 version\r")
    terminal.expect_exact("0.1.0")
    terminal.send("handles\r")
    terminal.expect_exact("no handles")
    terminal.expect_exact(PROMPT)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\0"], ids=repr)
def test_every_end_of_a_line_is_one_key(terminal, end):
    """What follows CR doesn't end a watch, nor goes on at a page, nor makes an empty line."""
    terminal.send("watch 1 version" + end)
    for _ in range(3):
        terminal.expect_exact("Every 1 s: version", timeout=5)
    terminal.send("\0")  # no key
    terminal.expect_exact("Every 1 s: version", timeout=5)
    terminal.send("q")
    terminal.expect_exact(PROMPT)
    terminal.send("stats" + end)
    terminal.expect_exact("--More--")
    for _ in range(2):
        terminal.send(end)
        terminal.expect_exact("--More--")
        assert terminal.before.count("\n") == 1
    terminal.send("q")
    terminal.expect_exact(PROMPT)
    terminal.send("version" + end + "\r")
    terminal.expect_exact("0.1.0")
    terminal.expect_exact(PROMPT + "\r\n" + PROMPT)


def test_colours(terminal):
    assert "\x1b[34mR" in answer(terminal, "map\r")
    answer(terminal, "knob console.color off\r")
    assert not SEQUENCE.search(answer(terminal, "map\r"))
    answer(terminal, "knob console.color on\r")


def knob(child, name):
    return int(re.search(r" (\d+) ", answer(child, f"knob {name}\r").replace(f"{name} ", ""))[1])


def test_a_terminal_that_is_resized():
    """While a line is typed, while a command runs, while a page is waited at, while the screen is watched."""
    child = spawn(rows=24, columns=80)
    assert (knob(child, "console.rows"), knob(child, "console.columns")) == (24, 80)
    child.send("vers")
    child.expect_exact("vers")
    child.setwinsize(30, 100)
    child.expect_exact("\r" + PROMPT + "vers\x1b[K")  # at once, not with the next key
    assert "0.1.0" in answer(child, "ion\r")
    assert (knob(child, "console.rows"), knob(child, "console.columns")) == (30, 100)

    # a window over a line that is too long for the row, and back
    text = "version # " + "".join(chr(ord("a") + i % 26) for i in range(60))
    child.send(text)
    child.expect_exact(text)
    child.setwinsize(10, 40)
    child.expect(r"\r" + PROMPT + r"<([a-z]{1,30})\x1b\[K")
    assert text.endswith(child.match[1])
    child.setwinsize(10, 90)
    child.expect_exact("\r" + PROMPT + text + "\x1b[K")
    assert "0.1.0" in answer(child, "\r")

    # more than it can show, or less; zero is no size
    child.setwinsize(5, 7)
    child.expect_exact(PROMPT)
    assert (knob(child, "console.rows"), knob(child, "console.columns")) == (5, 20)
    child.setwinsize(2000, 3000)
    child.expect_exact(PROMPT)
    child.setwinsize(0, 0)
    child.setwinsize(20, 90)
    child.expect_exact(PROMPT)
    assert (knob(child, "console.rows"), knob(child, "console.columns")) == (20, 90)

    # while a command runs, and where ^C drops what was typed ahead
    child.send("wait zero 1\r")
    child.expect_exact(PROMPT)
    for name in ("zero.delay_ms 60000", "zero.low_pct 100", "zero.high_pct 100"):
        answer(child, f"knob {name}\r")
    child.send("wait zero 86400000\r")
    child.expect_exact("\r\n")
    child.setwinsize(21, 91)
    child.send("frobnicate\x03")
    child.expect_exact("wait: interrupted\r\n" + PROMPT)
    assert (knob(child, "console.rows"), knob(child, "console.columns")) == (21, 91)

    # at a page: the next one is as long as the terminal
    assert answer(child, "stats\r", "--More--").count("\n") == 20
    child.setwinsize(12, 91)
    assert answer(child, " ", "--More--").count("\n") <= 12
    child.send(" ")
    child.expect_exact("--More--")
    assert child.before.count("\n") == 11
    child.send("q")
    child.expect_exact(PROMPT)

    # the watch goes on, and its screen is as high as the terminal
    child.send("watch 1 stats\r")
    child.expect_exact("\x1b[J\x1b[HEvery 1 s: stats")
    child.setwinsize(8, 91)
    for _ in range(3):
        child.expect_exact("\x1b[HEvery 1 s: stats")
    assert child.before.count("\n") == 7
    child.send("q")
    child.expect_exact(PROMPT)
    # escape alone is a key
    child.send("watch 100 version\r")
    child.expect_exact("0.1.0")
    child.send("\x1b")
    child.expect_exact(PROMPT, timeout=5)
    child.close(force=True)


def test_the_size_that_a_terminal_reports_by_itself(terminal):
    """Some do when it changes, or when they are asked."""
    answer(terminal, "\x1b[48;33;77;600;800tversion\r")
    assert (knob(terminal, "console.rows"), knob(terminal, "console.columns")) == (33, 77)
    answer(terminal, "ver\x1b[8;40;90tsion\r")
    assert (knob(terminal, "console.rows"), knob(terminal, "console.columns")) == (40, 90)
    for part in ("ver\x1b[8;", "24", ";80", "t"):  # over a slow line
        terminal.send(part)
        time.sleep(0.3)
    assert "0.1.0" in answer(terminal, "sion\r")
    assert (knob(terminal, "console.rows"), knob(terminal, "console.columns")) == (24, 80)


@pytest.mark.parametrize("settings", [{"TERM": "dumb"}, {"TERM": "vt100"}, {"TERM": "unheard-of"}, {"NO_COLOR": "1"}],
                         ids=str)
def test_no_colours_for_who_does_not_want_them(settings):
    child = spawn(rows=30, columns=132, **settings)
    assert not SEQUENCE.search(answer(child, "map\r"))
    assert " 132 columns" in answer(child, "knob console.columns\r")
    assert " 30 rows" in answer(child, "knob console.rows\r")
    child.close(force=True)


@pytest.mark.parametrize("boot", ["pvh", "efi"])
def test_the_volume_and_the_start_info_tell_of_the_terminal_too(boot):
    """Without fw_cfg; and the command line goes first."""
    child = spawn(rows=30, columns=132, FWCFG="n", CMDLINE="console.rows=29", BOOT=boot)
    assert " 132 columns" in answer(child, "knob console.columns\r")
    assert " 29 rows" in answer(child, "knob console.rows\r")
    assert re.search("\x1b\\[37mF|\x1b\\[34mR", answer(child, "map\r"))  # fresh, or reported by now
    child.close(force=True)
    with Console(MEM="256M", FWCFG="n", BOOT=boot) as guest:
        assert "0.1.0" in guest.command("version\t")
        assert guest.end() == 0


def test_a_pipe_has_no_pages_no_colours_and_tabs_are_blanks():
    with Console(MEM="256M") as guest:
        assert "blank" in guest.command("knob console.tab")
        stats = guest.command("stats")
        assert stats.count("\n") > 50 and "--More--" not in stats
        assert "0.1.0" in guest.command("version\t")
        assert "no command 'vers'" in guest.command("vers\t")
        assert "16 frames" not in guest.command("\talloc\t-o\t4")
        assert "1 block of order 4" in guest.command("handles")
        assert not SEQUENCE.search(guest.command("map"))
        assert 3 == guest.command("watch -n 3 1 version").count("0.1.0")
        assert guest.end() == 0
