"""Command line and script as files of the boot volume: how they are read, and what goes first."""
import os
import re
import shutil
import subprocess

import machine
import pytest

KNOBS = "knob zero.low_pct\nknob report.order\n"
KIB = 1 << 10
MIB = 1 << 20


def boot(directory, cmdline=None, script=None, **settings):
    """Boots with these files (bytes; a str is the name of a directory that takes the file's place)."""
    image = directory / "esp.img"
    shutil.copyfile(os.path.join(machine.environment()["O"], "esp.img"), image)
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": "/dev/null"}
    subprocess.run(["mmd", "-i", image, "::/nought"], env=environment, check=True)
    for name, data in (("cmdline.txt", cmdline), ("script.txt", script)):
        if data == "directory":
            subprocess.run(["mmd", "-i", image, f"::/nought/{name}"], env=environment, check=True)
        elif data is not None:
            (directory / name).write_bytes(data)
            subprocess.run(["mcopy", "-i", image, directory / name, f"::/nought/{name}"], env=environment, check=True)
    settings = {"MEM": "256M", "BOOT": "efi", **settings}
    given = settings.pop("given_script", None)
    return machine.run(script=given, O=directory, **settings)


def read_values(outcome):
    """What the two knobs were: 0 and 9 unless somebody sets them."""
    return " ".join(re.findall(r"^(?:zero\.low_pct|report\.order) +(\d+) ", outcome.output, re.M))


@pytest.mark.parametrize("cmdline, said", [
    pytest.param(b"zero.low_pct=7 report.order=8", "7 8", id="no-newline"),
    pytest.param(b"zero.low_pct=7\r\n\r\nreport.order=8\r\n", "7 8", id="crlf"),
    pytest.param(b"\xef\xbb\xbfzero.low_pct=7\n\treport.order=8\n", "7 8", id="byte-order-mark"),
    pytest.param(b"", "0 9", id="empty"),
    pytest.param("zero.low_pct=7 café=1 report.order=8\n".encode(), "refused: there is no knob 'caf??'; 7 8",
                 id="not-ascii"),
    pytest.param(b"zero.low_pct=7\0 report.order=8\n", "refused: zero.low_pct: '7?' is not a number; 0 8", id="nul"),
    pytest.param("zero.low_pct=7".encode("utf-16"), "refused: there is no knob '??z?e?; 0 9", id="utf-16"),
    pytest.param(b"report.order=8\n" * 272 + b"\nzero.low_pct=7", "7 8", id="4095-bytes"),
    pytest.param(b"report.order=8\n" * 272 + b"\nzero.low_pct=75",
                 "command line: 4096 bytes, only the first 4081 are read, at most 4095 are allowed; 0 8",
                 id="too-long"),
    pytest.param(bytes(MIB + 1), r"command line: \nought\cmdline.txt has 1048577 bytes, at most 4095 are allowed: "
                 "ignored; 0 9", id="far-too-long"),
    pytest.param("directory", r"command line: \nought\cmdline.txt can't be read; 0 9", id="directory"),
])
def test_command_line(cmdline, said, tmp_path):
    *complaints, values = said.split("; ")
    outcome = boot(tmp_path, cmdline, KNOBS.encode())
    assert read_values(outcome) == values, outcome
    for complaint in complaints:
        assert complaint in outcome.output, outcome
    if not complaints:
        assert "command line" not in outcome.output, outcome
    assert outcome.status == 0, outcome


@pytest.mark.parametrize("script, status, said", [
    pytest.param(b"version\nversion", 0, "nought> version\nNought", id="no-newline"),
    pytest.param(b"version\r\nfrobnicate\r\n", 1, "no command 'frobnicate'", id="crlf"),
    pytest.param(b"", 0, "boot: up after", id="empty"),
    pytest.param("! caf\u00e9\nversion\n".encode(), 0, "no command 'caf??'", id="not-ascii"),
    pytest.param(b"#\n" * (MIB // 2 - 4) + b"version\n", 0, "nought> version\nNought", id="1-MiB"),
    pytest.param(b"#" * (MIB + 1), 1, r"script: \nought\script.txt has 1048577 bytes, at most 1048576 are allowed",
                 id="too-long"),
    pytest.param("directory", 1, r"script: \nought\script.txt can't be read", id="directory"),
])
def test_script(script, status, said, tmp_path):
    outcome = boot(tmp_path, None, script)
    assert said in outcome.output, outcome
    assert outcome.status == status, outcome


def test_a_script_stays_as_it_is_while_all_memory_is_written(tmp_path):
    """Its frames are kept: zeroed memory, filled memory and the rest are others."""
    script = b"zero now\nwait zero\nalloc -o 0 -n 40000\nfill 1 0x5a\nfree 1\nalloc -o 0 -n 40000 -z\ncheck\n"
    outcome = boot(tmp_path, None, script + b"#" * (512 * KIB) + b"\nversion\n",
                   CMDLINE="zero.low_pct=100 zero.high_pct=100", BALLOONDEV="none")
    assert outcome.output.rstrip().rpartition("\n")[2].startswith("Nought "), outcome
    assert outcome.status == 0, outcome


def test_the_host_goes_first(tmp_path):
    outcome = boot(tmp_path, b"zero.low_pct=7 report.order=8", b"frobnicate\n", CMDLINE="zero.low_pct=6",
                   given_script=KNOBS)
    assert read_values(outcome) == "6 9", outcome
    assert "frobnicate" not in outcome.output, outcome
    assert outcome.status == 0, outcome
