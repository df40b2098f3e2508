"""Linux beside ours: what is said without its packages, and the table and the picture, made of given samples."""
import glob
import json
import os
import subprocess

import machine
import pytest


def script(name, *arguments, **variables):
    done = subprocess.run([os.path.join(machine.ROOT, "scripts", name), *arguments], cwd=machine.ROOT,
                          env=machine.environment(**variables), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def lines_file(directory, samples, unit="ns"):
    """A file as -j prints it, of (round, guest, row, value)."""
    path = directory / "lines"
    lines = [{"conditions": {"linux": "6.1", "unit": unit, "host": "2 CPUs"}}, {"load": 1.5}, {"load": 7}]
    lines += [{"round": number, "guest": guest, "row": row, "value": value} for number, guest, row, value in samples]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="ascii")
    return str(path)


def cells(output, name):
    """The numbers of a row of the table: Linux, its spread, Nought, its spread, unit, ratio."""
    return next(line for line in output.splitlines() if line.startswith(f"{name} ")).split()[1:7]


@pytest.mark.parametrize("target", ["bench-linux", "picture"])
def test_without_the_packages_one_line_says_which_to_install(target, tmp_path):
    done = subprocess.run(["make", "-s", target], cwd=machine.ROOT, env=machine.environment(LINUX_ROOT=tmp_path),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("make")]
    assert done.returncode == 2
    assert len(said) == 1 and "apt-get install linux-image-amd64 linux-headers-amd64" in said[0]


def test_a_kernel_without_its_headers_is_not_enough(tmp_path):
    modules = tmp_path / "lib/modules/6.1.0-1-amd64"
    modules.mkdir(parents=True)
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/vmlinuz-6.1.0-1-amd64").touch()
    (modules / "modules.dep").touch()
    status, _, errors = script("linux", str(tmp_path / "out"), LINUX_ROOT=tmp_path)
    assert (status, "linux-headers-amd64" in errors) == (1, True)


def test_figures_are_medians_of_rounds_which_are_medians_of_repetitions(tmp_path):
    samples = [(1, "linux", "pair0", value) for value in (1, 500, 900)]
    samples += [(2, "linux", "pair0", value) for value in (600, 600, 5000)]
    samples += [(3, "linux", "pair0", value) for value in (700, 700, 700)]
    samples += [(number, "nought", "pair0.off", 100) for number in (1, 2, 3)]
    status, output, errors = script("bench-linux", "--from", lines_file(tmp_path, samples))
    assert (status, errors) == (0, "")
    assert cells(output, "pair0") == ["600.0", "-17/+17%", "100.0", "+0/+0%", "ns/pair", "6.0"]
    assert "[1] the same work" in output
    assert "2 CPUs, load 1.5 to 7\n" in output


def test_instructions_are_called_so(tmp_path):
    samples = [(1, "linux", "pair0", 700), (1, "nought", "pair0.off", 175)]
    _, output, _ = script("bench-linux", "--from", lines_file(tmp_path, samples, unit="instr"))
    assert cells(output, "pair0") == ["700.0", "-", "175.0", "-", "instr/pair", "4.0"]


def test_memory_that_never_comes_back_is_said_and_has_no_ratio(tmp_path):
    samples = [(1, guest, row, value) for guest in ("linux", "nought")
               for row, value in (("rss-before", 100), ("rss-dirty", 3000), ("rss-after", 200))]
    status, output, _ = script("bench-linux", "--from", lines_file(tmp_path, samples + [(1, "nought", "back-50", 0.5)]))
    assert status == 0
    assert cells(output, "back-50")[:2] == ["never", "0.50"]
    assert cells(output, "back-99")[:2] == ["never", "never"]
    assert cells(output, "rss-after")[-1] == "1.0"


def test_a_row_that_only_one_guest_has_is_a_failure(tmp_path):
    status, output, _ = script("bench-linux", "--from", lines_file(tmp_path, [(1, "linux", "pair0", 1)]))
    assert (status, cells(output, "pair0")[1:4]) == (1, ["-", "-", "ns/pair"])


def test_no_rows_at_all_are_a_failure(tmp_path):
    assert script("bench-linux", "--from", lines_file(tmp_path, []))[0] == 1


@pytest.mark.parametrize("line, complaint", [
    ("nonsense", "no line of -j"), ('{"round": 1, "guest": "xen", "row": "pair0", "value": 1}', "guest 'xen'"),
    ('{"round": 1, "guest": "linux", "row": "pair0"}', "value"),
])
def test_a_file_that_holds_something_else_is_refused(line, complaint, tmp_path):
    (tmp_path / "lines").write_text(line + "\n", encoding="ascii")
    status, _, errors = script("bench-linux", "--from", str(tmp_path / "lines"))
    assert (status, complaint in errors, errors.count("\n")) == (1, True, 1)


@pytest.mark.parametrize("arguments, complaint", [
    (("-n", "0"), "1 to 50 are allowed"), (("--only", "pairs"), "ops and report are allowed"),
    (("-i", "--only", "report"), "ops alone"),
])
def test_arguments_that_cannot_be_are_refused(arguments, complaint):
    status, _, errors = script("bench-linux", *arguments)
    assert (status, complaint in errors) == (2, True)


def test_the_picture_in_docs_is_what_its_data_makes(tmp_path):
    pytest.importorskip("matplotlib")
    pictures = os.path.join(machine.ROOT, "docs/pictures")
    with open(os.path.join(pictures, "resident.csv"), encoding="ascii") as file:
        (tmp_path / "resident.csv").write_text(file.read(), encoding="ascii")
    assert script("picture", "--from", str(tmp_path / "resident.csv")) == (0, "", "")
    with open(os.path.join(pictures, "resident.svg"), encoding="utf-8") as file:
        assert (tmp_path / "resident.svg").read_text(encoding="utf-8") == file.read()
    assert (tmp_path / "resident.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not glob.glob("/lib/modules/*/build/Makefile"), reason="make deps-linux installs what this takes")
def test_linux_boots_and_does_all_the_work():
    subprocess.run(["make", "-s", "linux"], cwd=machine.ROOT, env=machine.environment(), check=True)
    status, output, errors = script("bench-linux", "-n", "1", "-r", "1", MEM="1G")
    assert status == 0, output + errors
    for row in ("pair0", "zero9-stock", "drain-free", "pin-2m"):
        linux, _, ours = cells(output, row)[:3]
        assert float(linux) > 0 and float(ours) > 0, output
