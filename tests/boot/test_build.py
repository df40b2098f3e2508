"""The checks of a build refuse what they are there for."""
import os
import re
import subprocess

import machine
import pytest


def script(name, *arguments):
    done = subprocess.run([os.path.join(machine.ROOT, "scripts", name), *arguments], cwd=machine.ROOT,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def make(*words, **variables):
    """A make that nobody's make started."""
    env = machine.environment(**variables)
    for name in ("MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", *({"MAKEFLAGS"} - variables.keys())):
        env.pop(name, None)
    return subprocess.run(["make", *words], cwd=machine.ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)


def link(directory, instruction):
    """A kernel of one function, and the table of its name."""
    source = f".globl __text_start, function\n__text_start:\n\tnop\nfunction:\n\t{instruction}\n\tret\n"
    subprocess.run(["as", "-o", "a.o"], input=source, cwd=directory, text=True, check=True)
    subprocess.run(["ld", "-e", "function", "-o", "a.elf", "a.o"], cwd=directory, check=True)
    with open(directory / "a.S", "w", encoding="ascii") as table:
        names = subprocess.run(["nm", "-n", "a.elf"], cwd=directory, capture_output=True, check=True).stdout
        subprocess.run([os.path.join(machine.ROOT, "scripts/symbols")], input=names, stdout=table, check=True)
    return str(directory / "a.elf"), str(directory / "a.S")


@pytest.mark.parametrize("instruction", ["movaps %xmm0, %xmm1", "vmovdqu (%rax), %ymm3", "movq %mm0, %rax", "fldz",
                                         "fxsave (%rax)", "kmovq %k1, %rax"])
def test_a_vector_register_is_found(instruction, tmp_path):
    status, errors = script("check-kernel", *link(tmp_path, instruction))
    assert status == 1
    assert "function uses a vector register" in errors


@pytest.mark.parametrize("instruction", ["movnti %rax, (%rdx)", "mov %fs:0x28, %rax", "rep stosq", "pause"])
def test_other_instructions_pass(instruction, tmp_path):
    assert script("check-kernel", *link(tmp_path, instruction)) == (0, "")


def test_a_table_of_names_that_is_out_of_date_is_found(tmp_path):
    kernel, table = link(tmp_path, "nop")
    with open(table, "a", encoding="ascii") as file:
        file.write("\n")
    status, errors = script("check-kernel", kernel, table)
    assert (status, "not that of the first link" in errors) == (1, True)


@pytest.mark.parametrize("variable, allowed", [
    ("ZERO=yes", "ZERO is 'yes'; it can be y or n"), ("REPORT=", "REPORT is ''; it can be y or n"),
    ("DEBUG=2", "it can be 0 or 1"), ("ZERO=y n", "ZERO is 'y n'; it can be y or n"),
    ("BALLOON=y n", "BALLOON is 'y n'; it can"), ("DEBUG=0 1", "DEBUG is '0 1'; it can be 0 or 1"),
])
def test_a_variable_that_cant_be_is_refused(variable, allowed):
    done = make("-n", variable, "help")
    assert done.returncode == 2
    assert allowed in done.stderr


@pytest.mark.parametrize("value", ["none", "free-page-reporting=on", "off"])
def test_the_balloons_options_are_a_variable_of_their_own(value):
    said = f"BALLOON is '{value}'; it can be y or n, the options of the device are BALLOONDEV"
    from_make = [make("-n", f"BALLOON={value}", "help"), make("-n", "help", BALLOON=value)]
    assert [(done.returncode, said in done.stderr) for done in from_make] == [(2, True)] * 2
    outcome = machine.run(BALLOON=value)
    assert (outcome.status, outcome.errors) == (2, f"scripts/run: {said}\n")
    outcome = machine.run(BALLOONDEV="off")
    assert outcome.status == 2 and "BALLOONDEV is 'off'; none is allowed, or options of the device" in outcome.errors


@pytest.mark.parametrize("variables, devices", [
    ({}, ["virtio-balloon-pci,id=balloon,free-page-reporting=on"]),
    ({"BALLOON": "n"}, []), ({"BALLOONDEV": "none"}, []),
    ({"BALLOONDEV": "free-page-hint=off"}, ["virtio-balloon-pci,id=balloon,free-page-hint=off"]),
    ({"BALLOON": "n", "QEMUFLAGS": "-device virtio-balloon-pci"}, ["virtio-balloon-pci"]),
])
def test_a_kernel_without_the_driver_gets_no_balloon(variables, devices):
    said = machine.run(V=1, TIMEOUT=0.1, **variables).errors
    assert re.findall(r"virtio-balloon\S*", said) == devices


# MAKEFLAGS is what a make above, or a user, has in the environment. A file that is read ahead of our Makefile has a
# goal more, which says how many jobs there are.
@pytest.mark.parametrize("words, jobs", [
    ("-j16", "-j16"), ("-j", "-j"), ("-j1", "-j1"), ("-j2 -k", "-j2"), ("-s --jobs=3", "-j3"), ("-n -j16", None),
    ("", f"-j{len(os.sched_getaffinity(0))}"), ("MAKEFLAGS=-j5", "-j5"), ("MAKEFLAGS=kj5", "-j5"),
    ("MAKEFLAGS=k CMDLINE=-j", f"-j{len(os.sched_getaffinity(0))}"),
])
@pytest.mark.parametrize("goals", ["jobs", "jobs help", "help jobs help"])
def test_make_warns_of_nothing_whatever_the_jobs(words, jobs, goals, tmp_path):
    (tmp_path / "more").write_text('ifeq ($(word 2,$(MAKECMDGOALS)),)\njobs: ; @echo "jobs $$MAKEFLAGS"\nendif\n',
                                   encoding="ascii")
    env = dict(word.split("=") for word in words.split() if word.startswith("MAKEFLAGS"))
    done = make(*(word for word in words.split() if "FLAGS" not in word), *goals.split(), MAKEFILES=tmp_path / "more",
                **env)
    assert (done.returncode, done.stderr) == (0, "")
    if jobs:
        assert jobs in re.search(r"^jobs (.*)$", done.stdout, re.M)[1].partition(" -- ")[0].split()


def test_files_that_need_a_feature_are_left_out_with_it():
    done = subprocess.run([os.path.join(machine.ROOT, "scripts/without"), "mm/report.h", "--", "mm/alloc.c",
                           "mm/report.c", "mm/zero.c", "drivers/virtio/balloon.c", "drivers/pci.c"],
                          cwd=machine.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["mm/report.c", "drivers/virtio/balloon.c"]
    assert script("without", "mm/nothing.h", "--", "mm/alloc.c") == (1, "without: there is no mm/nothing.h\n")


@pytest.mark.parametrize("source, complaint", [
    ("int mm_a; int buddy_b; static int c;", ""), ("int this_cpu;", "this_cpu may be somebody else's"),
    ("void mmap(void) {}", "mmap may be somebody else's"), ("int page_count;", "page_count may be somebody else's"),
])
def test_a_name_that_a_kernel_may_have_is_found(source, complaint, tmp_path):
    (tmp_path / "mm").mkdir()
    subprocess.run(["gcc", "-xc", "-", "-c", "-o", str(tmp_path / "mm/a.o")], input=source, text=True, check=True)
    status, errors = script("check-names", str(tmp_path))
    assert (status, complaint in errors, len(errors.splitlines())) == ((1, True, 1) if complaint else (0, True, 0))
    assert script("check-names", str(tmp_path / "nowhere"))[0] == 1


def test_a_long_line_is_found(tmp_path):
    (tmp_path / "long").write_text("\t" + "x" * 112 + "\n\t" + "x" * 113 + "\n", encoding="ascii")
    status, errors = script("check-style", str(tmp_path / "long"))
    assert (status, ":2: 121 columns" in errors, ":1:" in errors) == (1, True, False)


@pytest.mark.parametrize("line, refused", [
    ("x = sizeof y;", True), ("x = sizeof(y);", False), ("if (p == NULL)", True), ("if (NULL != p)", True),
    ("if (!p) /* p == NULL */", False), ('log("p == NULL, sizeof p");', False), (" * until p != NULL", False),
])
def test_the_other_dialect_is_found(line, refused, tmp_path):
    (tmp_path / "a.c").write_text(line + "\n", encoding="ascii")
    assert script("check-style", str(tmp_path / "a.c"))[0] == refused


@pytest.mark.parametrize("row, refused", [
    ('KNOB(a, .name = "t.a", .max = 1)', False), ('KNOB_CHOICE(a, words, .name = "t.a")', False),
    ('KNOB_CHOICE(a, words, .name = "t.a", .max = 1)', True), ('KNOB_CHOICE(a, words, .max = 0)', True),
    ('KNOB_CHOICE(a, words, .min = 1)', True), ('KNOB(a, .max = 1, .choices = words)', True),
    ('KNOB(a, .choices = words)', True),
])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_knob_with_choices_and_bounds_doesnt_compile(compiler, row, refused, tmp_path):
    (tmp_path / "a.c").write_text('#include "lib/table.h"\nstatic const char *const words[] = {"off", 0};\n'
                                  f"const void *use = words;\n{row};\n", encoding="ascii")
    done = subprocess.run([compiler, "-std=gnu11", "-I.", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                           str(tmp_path / "a.c")], cwd=machine.ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == refused
    assert ("initiali" in done.stderr) == refused


@pytest.mark.parametrize("row, complaint", [
    ("", ""), ('CMD(stray, "stray", "", "", run);', "a.c:7: command stray: no topic"),
    ('KNOB(k, .name = "lost.knob", .max = 1);', "a.c:7: knob lost.knob: no topic"),
    ('KNOB_CHOICE(k, words, .help = "{.name = }", .name = "lost.knob");', "a.c:7: knob lost.knob: no topic"),
    ('STAT(s, "mm.s", "", "", &v);', ""), ('STAT(s, "mmm.s", "", "", &v);', "a.c:7: counter mmm.s: no topic"),
    ('#define OF(f) STAT_GET(f, "lost." #f, "", "", get)\nOF(a);', "a.c:8: counter lost.a: no topic"),
    ('#if DEBUG\nCMD(stray, "stray", "", "", run);\n#endif', "a.c:8: command stray: no topic"),
    ('#if !DEBUG\nCMD(stray, "stray", "", "", run);\n#endif', "a.c:8: command stray: no topic"),
    ('TOPIC(u, "u", "", "go gone", "", "");', "a.c:7: topic u names the command gone, which isn't there"),
    ('TOPIC(u, "u", "", "", "mm gone", "");', "a.c:7: topic u names the prefix gone, which no knob or counter has"),
    ('static const struct stat_row odd = {"lost.a"};\nTABLE_ADD(stat, odd);', "a.c:8: no .name of strings in this row"),
])
def test_what_is_in_no_topic_is_found(row, complaint, tmp_path):
    (tmp_path / "a.c").write_text(
        '#include "kernel/commands/topic.h"\n#include "kernel/shell/cmd.h"\n'
        'TOPIC(t, "t", "", "go", "mm", "text");\nSTAT(t, "mm." "t", "", "", &v);\nCMD(go, ("go"), "", "", go);\n\n'
        f"{row}\n", encoding="ascii")
    status, errors = script("check-topics", str(tmp_path / "a.c"))
    assert (status, len(errors.splitlines())) == ((1, 1) if complaint else (0, 0)), errors
    assert complaint in errors


@pytest.mark.parametrize("layer, include, allowed", [
    ("mm", "kernel/base/log.h", False), ("mm", "port/driver_port.h", False), ("mm", "port/mm_port.h", True),
    ("lib", "mm/mm.h", False), ("drivers", "mm/mm.h", True), ("boot", "lib/types.h", False),
    ("kernel", "tests/unit/test.h", False), ("arch/x86_64", "boot/boot_info.h", True),
    ("arch/x86_64", "kernel/base/log.h", False), ("kernel/shell", "mm/mm.h", False),
    ("kernel/sched", "arch/x86_64/cpu.h", True), ("kernel/base", "mm/mm.h", False),
    ("kernel/base", "kernel/sched/wait.h", True), ("kernel/sched", "kernel/base/log.h", False),
    ("kernel/console", "kernel/commands/topic.h", False), ("kernel/commands", "kernel/commands/topic.h", True),
    ("kernel", "kernel/commands/topic.h", False), ("kernel", "kernel/console/console.h", True),
    ("tests/bench/guest", "kernel/commands/topic.h", False), ("tests/guest", "kernel/commands/topic.h", True),
    ("tests/guest", "tests/unit/test.h", True),
    ("room", "lib/bits.h", False),
])
def test_an_include_against_the_layers_is_found(layer, include, allowed, tmp_path):
    (tmp_path / layer).mkdir(parents=True)
    (tmp_path / layer / "a.c").write_text(f'#include "{include}"\n', encoding="ascii")
    done = subprocess.run([os.path.join(machine.ROOT, "scripts/check-layers"), f"{layer}/a.c"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == allowed, done.stderr


@pytest.mark.parametrize("line, refused", [
    ("static unsigned depth;", True), ("static unsigned depth; /* (T) */", False),
    ("/* (T) */\nstatic int a = 3;", False),
    ("/* (T) */\nstatic int a = 3;\nstatic bool b;", True), ("static const int a = 3;", False),
    ("static int run(int a);", False), ("static int run(int a)\n{", False), ("static const char *const a[] = {", False),
    ("static struct line line = {", True), ("static struct queue queues[4]; /* by their fields */", False),
    ("static struct {", True), ("static void (*hook)(void);", True), ("static const struct row *row;", True),
    ("uint64_t ends;", True), ("extern uint64_t ends;", False), ("static char name[20], other[3]; /* counted */", True),
    ("\tstatic bool done;", True), ("\tstatic bool done; /* (T) */", False), ("\tstatic const int a[] = {", False),
    ("\tbool done;", False),
])
def test_a_word_on_what_is_shared_is_missed(line, refused, tmp_path):
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/a.c").write_text(line + "\n", encoding="ascii")
    done = subprocess.run([os.path.join(machine.ROOT, "scripts/check-shared"), "kernel/a.c"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert (done.returncode == 1) == refused, done.stderr


@pytest.mark.parametrize("code, complaint", [
    ("int f(int a, int b, int c, int d, int e, int g);", None),
    ("int f(int a, int b, int c,\n      int d, int e, int g, int h);", "a.c:1: 7 parameters"),
    ("static int f(int a, int b, int c, int d, int e, int g, int h)\n{\n}", "a.c:1: 7 parameters"),
    ("int f(int a, int b, int c, int d, int e, void (*g)(int, int));", None),
    ("int f(const char *format, int a, int b, int c, int d, int e, ...);", None),
    ("struct s {\n\tint (*f)(int, int, int, int, int, int, int);\n};", "a.c:2: 7 parameters"),
    ("void f(void)\n{\n\tg(1, 2, 3, 4, 5, 6, 7);\n}", None), ("ROW(1, 2, 3, 4, 5, 6, 7);", None),
    ("#define f(a, b, c, d, e, g, h) 0", None), ("int a[] = {f(1, 2, 3, 4, 5, 6, 7)};", None),
    ("int f(void) { return g(1, true); }", "a.c:1: a bare true in a call of g"),
    ("int f(void)\n{\n\treturn s->g(x,\n\t\t    false);\n}", "a.c:3: a bare false in a call of g"),
    ("int f(void) { return (*g)(true); }", "a.c:1: a bare true in a call of a pointer"),
    ("#define F(x) g(x, true)", "a.c:1: a bare true in a call of g"),
    ("int f(void) { return g((struct s){.a = true}, b == true, h(), x ? true : false); }", None),
    ("int f(void) { /* g(true) */ log(\"g(true)\"); return x && (true); }", None),
    ("int f(void) { while (true) __atomic_store_n(&a, true, 0); }", None),
])
def test_calls_that_dont_say_what_they_mean_are_found(code, complaint, tmp_path):
    (tmp_path / "a.c").write_text(code + "\n", encoding="ascii")
    status, errors = script("check-arguments", str(tmp_path / "a.c"))
    assert (status, len(errors.splitlines())) == ((1, 1) if complaint else (0, 0)), errors
    assert (complaint or "") in errors


@pytest.mark.parametrize("name, text, refused", [
    ("a.md", "[there](b.md#a-heading) and [here](#mine)\n# Mine\n", False), ("a.md", "[there](c.md)", True),
    ("a.md", "[there](b.md#other)", True), ("a.md", "[out](https://example.org/c.md), `mm/run.h`", False),
    ("a.md", "as mm/gone.h says", True), ("a.c", "/* mm/run.h, and mm/gone.c */", True),
    ("a.c", '#include "mm/gone.h"', False), ("a.md", "tests/fuzz/target_NAME.c", False),
    ("a.md", "[there](b.md#a-\nheading)", True), ("a.md", "see scripts/run.", False), ("a.c", "// scripts/gone.", True),
    ("a.md", "all of mm/ and mm/gone/", True), ("a.c", "// arch/*/gone/, mm/$X/", False),
    ("a.c", '/* docs/c.md,\n * "One\n * word" */', False), ("a.c", '/* docs/c.md, "Another" */', True),
])
def test_a_link_to_nothing_is_found(name, text, refused, tmp_path):
    (tmp_path / "mm").mkdir()
    (tmp_path / "mm/run.h").touch()
    (tmp_path / "b.md").write_text("## A `heading`\n", encoding="ascii")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/run").touch()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/c.md").write_text("# One word\n", encoding="ascii")
    (tmp_path / name).write_text(text, encoding="ascii")
    done = subprocess.run([os.path.join(machine.ROOT, "scripts/check-links"), name], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert (done.returncode == 1) == refused, done.stderr


def calls(directory, **files):
    """Compiles files, named by their paths with _ for /, where check-calls then looks for their objects."""
    for name, text in files.items():
        path = directory / (name.replace("_", "/") + ".c")
        made = directory / "obj" / path.relative_to(directory).with_suffix(".o")
        for place in (path, made):
            place.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
        subprocess.run(["gcc", "-c", str(path), "-o", str(made)], check=True)
    done = subprocess.run([os.path.join(machine.ROOT, "scripts/check-calls"), "obj"], cwd=directory,
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_calls_that_go_up_and_circles_are_found(tmp_path):
    b_for_a, c_for_b = "void b(void); void a(void) { b(); }", "void c(void); void b(void) { c(); }"
    assert calls(tmp_path, kernel_main=b_for_a, mm_b=c_for_b, lib_c="void c(void) { }") == (0, "")
    status, errors = calls(tmp_path, lib_c="void b(void); void c(void) { b(); }")
    assert status == 1 and "lib/c.c uses b of mm/b.c, which lies above it" in errors
    assert "circle: lib/c.c uses b of mm/b.c; mm/b.c uses c of lib/c.c" in errors
    status, errors = calls(tmp_path / "three", mm_a=b_for_a, mm_b=c_for_b, mm_c="void a(void); void c(void) { a(); }",
                           mm_d="void a(void); void d(void) { a(); }")
    assert status == 1 and errors.count(" uses ") == 3 and "mm/d.c" not in errors


def test_a_port_is_called_from_below_and_the_end_by_everybody(tmp_path):
    assert calls(tmp_path, mm_a="void mm_port_log(void), panic(void); void a(void) { mm_port_log(); panic(); }",
                 kernel_memory_port="void a(void); void mm_port_log(void) { a(); } void panic(void) { a(); }"
                 ) == (0, "")


@pytest.mark.parametrize("variables, message", [
    ({"T": "nothing"}, r"fuzz: T is 'nothing'; it can be acpi, alloc, .*virtqueue, or empty for all in turn"),
    ({"S": "0"}, r"fuzz: S is '0'; it can be a number of seconds, 1 to 999999"),
    ({"T": "elf", "S": "1m"}, r"fuzz: S is '1m'; it can be a number of seconds"),
])
def test_fuzz_says_what_it_can_be_asked_for(variables, message):
    done = subprocess.run([os.path.join(machine.ROOT, "scripts/fuzz"), "build"], cwd=machine.ROOT, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, env={**os.environ, **variables}, check=False)
    assert done.returncode == 2
    assert re.search(message, done.stderr)


def test_fuzz_refuses_a_target_that_was_left_out(tmp_path):
    done = subprocess.run([os.path.join(machine.ROOT, "scripts/fuzz"), str(tmp_path)], cwd=machine.ROOT, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          env={**os.environ, "T": "balloon", "MAKE": "true"}, check=False)
    assert (done.returncode, done.stderr) == (2, "fuzz: T is 'balloon'; a feature that it needs is switched off\n")


def test_every_fuzz_target_has_a_row_in_the_documentation():
    with open(os.path.join(machine.ROOT, "docs/TESTING.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| `(\w+)` \|", file.read(), re.M)
    targets = [name[len("target_"):-len(".c")] for name in os.listdir(os.path.join(machine.ROOT, "tests/fuzz"))
               if re.fullmatch(r"target_\w+\.c", name)]
    assert set(targets) <= set(rows)


def test_a_mutant_that_isnt_there_is_refused():
    status, errors = script("mutants", "build", "no-such-bug")
    assert (status, "no patch has 'no-such-bug' in its name; there are 01-" in errors) == (1, True)
