"""mm/ alone, embedded as docs/EMBEDDING.md says, by one toolchain after another: it works, or says why not."""
import glob
import os
import re
import subprocess

import machine
import pytest

HERE = os.path.join(machine.ROOT, "tests/boot/embedding")
LIMIT_S = 120
GC = "-ffunction-sections -fdata-sections -Wl,--gc-sections"
START_STOP_GC = GC + " -Wl,-z,start-stop-gc"
WITHOUT_ZERO = ("zero.c", "ledger.c", "marks.c")
WITHOUT_REPORT = ("report.c", "report_pick.c")


def run(command, directory):
    return subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=LIMIT_S)


def good(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def sources(*without):
    return [path for path in sorted(glob.glob(os.path.join(machine.ROOT, "mm/*.c")))
            if os.path.basename(path) not in without]


def flags(words):
    return ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-command-line-argument", "-DDEBUG=0",
            f"-I{machine.ROOT}", f"-I{HERE}", *words.split()]


def build(directory, compiler, words, *without):
    """The program, in one command."""
    return run([compiler, *flags(words), f"{HERE}/program.c", *sources(*without), "-o", "program"], directory)


def objects(directory, compiler, words, *without):
    good(run([compiler, *flags(words), "-c", *sources(*without)], directory))
    return sorted(os.path.basename(path) for path in glob.glob(f"{directory}/*.o"))


def works(directory):
    said = good(run(["./program"], directory)).stdout
    assert said.endswith("all good\n")
    return said


# gcc's LTO isn't lld's; all else goes with all.
@pytest.mark.parametrize("compiler, words", [
    *[(compiler, f"-fuse-ld={linker} {words}") for compiler in ("gcc", "clang") for linker in ("bfd", "lld")
      for words in ("", GC, START_STOP_GC)],
    ("gcc", f"-fuse-ld=bfd -flto {START_STOP_GC}"), ("clang", f"-fuse-ld=bfd -flto {START_STOP_GC}"),
    ("clang", f"-fuse-ld=lld -flto {START_STOP_GC}"), ("clang", f"-fuse-ld=lld -flto=thin {GC}"),
    ("gcc", f"-fuse-ld=lld -no-pie -fno-pie -O2 {GC}"), ("gcc", "-O0 -fsanitize=address,undefined"),
    ("clang", f"-fuse-ld=lld -O2 -fsanitize=address,undefined {GC}"), ("gcc", f"-UDEBUG -DDEBUG=1 {GC}"),
])
def test_an_embedded_mm_keeps_its_tables(compiler, words, tmp_path):
    good(build(tmp_path, compiler, words))
    works(tmp_path)


@pytest.mark.parametrize("words, without", [
    ("-DMM_ZERO=0", WITHOUT_ZERO), ("-DWITH_REPORT=0", WITHOUT_REPORT),
    ("-DMM_ZERO=0 -DWITH_REPORT=0", WITHOUT_ZERO + WITHOUT_REPORT),
])
@pytest.mark.parametrize("compiler, linker", [("gcc", "bfd"), ("clang", "lld")])
def test_a_feature_can_be_left_out(compiler, linker, words, without, tmp_path):
    good(build(tmp_path, compiler, f"{words} -fuse-ld={linker} {START_STOP_GC}", *without))
    works(tmp_path)


@pytest.mark.parametrize("compiler, archiver, words", [
    ("gcc", "ar", f"-fuse-ld=bfd {GC}"), ("gcc", "ar", f"-fuse-ld=lld {GC}"), ("gcc", "gcc-ar", "-fuse-ld=bfd -flto"),
    ("clang", "ar", f"-fuse-ld=lld -flto {GC}"),
])
def test_a_static_library_brings_its_rows_along(compiler, archiver, words, tmp_path):
    good(run([archiver, "rcs", "libmm.a", *objects(tmp_path, compiler, words)], tmp_path))
    good(run([compiler, *flags(words), f"{HERE}/program.c", "libmm.a", "-o", "program"], tmp_path))
    works(tmp_path)


def test_objects_can_be_linked_ahead(tmp_path):
    good(run(["ld", "-r", "-o", "mm.o", *objects(tmp_path, "gcc", GC)], tmp_path))
    good(run(["gcc", *flags(f"-fuse-ld=lld {GC}"), f"{HERE}/program.c", "mm.o", "-o", "program"], tmp_path))
    works(tmp_path)


@pytest.mark.parametrize("compiler, linker", [("g++", "bfd"), ("g++", "lld"), ("clang++", "lld")])
@pytest.mark.parametrize("standard", ["c++14", "c++20"])
def test_a_caller_may_be_in_cxx(compiler, linker, standard, tmp_path):
    built = objects(tmp_path, "gcc", GC)
    good(run([compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-fuse-ld={linker}",
              *GC.split(), f"-I{machine.ROOT}", f"{HERE}/caller.cc", *built, "-o", "program"], tmp_path))
    works(tmp_path)


# What a toolchain does that doesn't know `retain`.
def test_a_linker_that_drops_a_table_says_so(tmp_path):
    done = build(tmp_path, "clang", f"-DTABLE_KEEP=used -fuse-ld=lld {GC}")
    assert done.returncode != 0
    assert "__start_table_" in done.stderr


@pytest.mark.parametrize("table", ["stat", "knob", "preset", "page_proc"])
@pytest.mark.parametrize("linker", ["bfd", "lld"])
def test_mm_init_refuses_to_start_without_its_tables(linker, table, tmp_path):
    tables = ("stat", "knob", "preset", "page_proc")
    (tmp_path / "tables.ld").write_text("SECTIONS {" + " ".join(
        f"table_{name} : {{ __start_table_{name} = .; {wanted % f'*(table_{name})'} __stop_table_{name} = .; }}"
        for name in tables for wanted in ["%.0s" if name == table else "KEEP(%s)"]) +
        f" /DISCARD/ : {{ *(table_{table}) }} }} INSERT AFTER .data;\n", encoding="ascii")
    good(build(tmp_path, "gcc", f"-DTABLE_KEEP=used -fuse-ld={linker} {GC} -Wl,-T,tables.ld"))
    done = run(["./program"], tmp_path)
    assert (done.returncode, done.stdout) == (
        2, f"mm: the linker has dropped rows of section table_{table}, which it must keep (lib/table.h)\n")


def code_of_the_page():
    with open(os.path.join(machine.ROOT, "docs/EMBEDDING.md"), encoding="ascii") as page:
        text = page.read()
    return re.findall(r"^```c\n(.*?)^```$", text, re.M | re.S), re.search(r"It prints `(.*)`", text)[1]


def test_the_pages_program_runs(tmp_path):
    (port, program, *_), said = code_of_the_page()
    (tmp_path / "port").mkdir()
    (tmp_path / "port/mm_port.h").write_text(port, encoding="ascii")
    (tmp_path / "main.c").write_text(program, encoding="ascii")
    good(run(["cc", "-std=gnu11", "-O2", "-DDEBUG=0", f"-I{machine.ROOT}", "-I.", "main.c", *sources(), "-o",
              "program"], tmp_path))
    assert good(run(["./program"], tmp_path)).stdout == said + "\n"
