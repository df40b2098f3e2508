"""Started without firmware, by PVH: on QEMU's own, from what it hands over, and from what nobody should hand over."""
import contextlib
import os
import re
import socket
import struct
import subprocess
import tempfile
import time

import machine
import pytest
from rows import EXERCISE

KIB = 1 << 10
MIB = 1 << 20
MACHINES = ["q35", "pc", "microvm,acpi=on", "microvm,acpi=on,pcie=on"]
KNOBS = "knob zero.low_pct\nknob report.order\n"
INFO = struct.Struct("<4I4Q2I")
FIELDS = ("magic", "version", "flags", "modules", "module_list", "cmdline", "rsdp", "map", "map_count", "reserved")


def kernel():
    return os.path.join(machine.environment()["O"], "kernel.elf")


def qemu(*arguments):
    """QEMU and nothing of ours but the kernel."""
    return subprocess.Popen(["qemu-system-x86_64", "-kernel", kernel(), "-nographic", "-monitor", "none",
                             *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def talk(process, *lines):
    """Types each line at a prompt; returns all output, and the status with which QEMU ended."""
    output = b""
    os.set_blocking(process.stdout.fileno(), False)
    deadline = time.monotonic() + 60
    left = list(lines)
    prompts = 0
    while process.poll() is None and time.monotonic() < deadline:
        output += process.stdout.read() or b""
        if output.count(b"nought> ") > prompts and left:
            prompts = output.count(b"nought> ")
            process.stdin.write(left.pop(0).encode() + b"\n")
            process.stdin.flush()
        time.sleep(0.02)
    process.kill()
    output += process.stdout.read() or b""
    process.stdout.close()
    process.stdin.close()
    return output.decode(errors="replace").replace("\r", ""), process.wait()


@pytest.mark.parametrize("kind", MACHINES)
def test_the_kernel_alone_is_enough(kind):
    """To the prompt, and from there off by ACPI: nothing else ends this QEMU with 0 in time."""
    output, status = talk(qemu("-machine", kind, "-append", "zero.low_pct=7"), "knob zero.low_pct", "poweroff")
    assert re.search(r"^zero\.low_pct +7 ", output, re.M), output
    assert output.endswith("power-off: status 0, by ACPI\n"), output
    assert status == 0, output


def test_a_microvm_without_acpi():
    output, _ = talk(qemu("-machine", "microvm,acpi=off", "-no-reboot"), "check", "reboot")
    assert "ACPI: no RSDP" in output and "every invariant holds" in output, output


@pytest.mark.parametrize("kind", MACHINES)
def test_it_starts_again(kind):
    """After a reset memory is as it was, but for what a loader puts there."""
    output, status = talk(qemu("-machine", kind), "alloc -o 9 -n 10", "fill 1 255", "reboot", "check", "reboot",
                          "poweroff")
    assert output.count("boot: up after") == 3, output
    assert "every invariant holds" in output, output
    assert status == 0, output


@pytest.mark.parametrize("kind", MACHINES)
def test_exercise(kind):
    """Everything, with the balloon where there is PCI."""
    has_pci = kind != MACHINES[2]
    outcome = machine.run(EXERCISE + "stats -j\n", MEM="1G", QEMUFLAGS=f"-machine {kind}")
    assert outcome.status == 0, outcome
    stats = outcome.stats()
    assert stats["report.errors"] == 0
    assert stats["report.frames"] >= 4096 if has_pci else stats["report.frames"] == 0
    assert 0 < stats["boot.ms"] < 2000


@pytest.mark.parametrize("kind", MACHINES)
@pytest.mark.parametrize("script, status, said", [
    ("frobnicate\n", 1, "no command 'frobnicate'"), ("version\n", 0, "Nought 0.1.0, built"),
    ("crash null\n", 3, "null pointer dereference"), ("reboot\n", 4, "nought> reboot"),
])
def test_status(kind, script, status, said):
    for exit_device in "yn":
        outcome = machine.run(script, MEM="256M", QEMUFLAGS=f"-machine {kind}", EXITDEV=exit_device, FWCFG=exit_device)
        assert outcome.status == status, outcome
        assert said in outcome.output, outcome
        assert exit_device == "y" or status == 4 or f"power-off: status {status}, by ACPI" in outcome.output, outcome


@pytest.mark.parametrize("kind, mem, managed_mib", [
    ("q35", "48M", 44), ("microvm", "48M", 44), ("q35", "3G", 3050), ("pc", "4G", 4070), ("microvm", "4G", 4070),
    ("microvm", "64G", 65000), ("pc", "64G", 65000),
])
def test_memory(kind, mem, managed_mib):
    outcome = machine.run("alloc -o 9 -n 4 -z\nverify 1 0\nfill 1 9\nverify 1 9\nfree 1\ncheck\nstats -j\n", MEM=mem,
                          QEMUFLAGS=f"-machine {kind}")
    assert outcome.status == 0, outcome
    assert outcome.stats()["mm.managed_frames"] >= managed_mib << 8, outcome


@pytest.mark.parametrize("cpu, status, said", [
    ("qemu32", 3, "Nought PANIC: boot: this CPU has no 64-bit mode"), ("486", 3, "no 64-bit mode"),
    ("qemu64,-nx", 0, "every invariant holds"), ("core2duo", 0, "every invariant holds"),
    ("max,la57=on", 0, "every invariant holds"),
])
def test_cpus(cpu, status, said):
    outcome = machine.run(EXERCISE, MEM="512M", QEMUFLAGS=f"-cpu {cpu}")
    assert said in outcome.output, outcome
    assert outcome.status == status, outcome


def read_values(outcome):
    """What the two knobs were: 0 and 9 unless somebody sets them."""
    return " ".join(re.findall(r"^(?:zero\.low_pct|report\.order) +(\d+) ", outcome.output, re.M))


@pytest.mark.parametrize("kind", ["q35", "microvm"])
@pytest.mark.parametrize("cmdline, said", [
    pytest.param("zero.low_pct=7\nreport.order=8", "7 8", id="lines"),
    pytest.param("", "0 9", id="empty"),
    pytest.param("zero.low_pct=7 café=1 report.order=8", "refused: there is no knob 'caf??'; 7 8", id="not-ascii"),
    pytest.param("report.order=8 " * 272 + "zero.low_pct=7 ", "7 8", id="4095-bytes"),
])
def test_command_line(kind, cmdline, said):
    *complaints, values = said.split("; ")
    # -append itself: scripts/run's own would have the terminal's knobs ahead.
    outcome = machine.run(KNOBS, MEM="256M", QEMUFLAGS=f"-machine {kind} -append '{cmdline}'")
    assert read_values(outcome) == values, outcome
    assert "command line" in outcome.output if complaints else "command line" not in outcome.output, outcome
    for complaint in complaints:
        assert complaint in outcome.output, outcome
    assert outcome.status == 0, outcome


def test_a_command_line_that_is_too_long():
    """On a microvm, whose firmware has room for it. Its first 4095 bytes end in the middle of a number."""
    cmdline = "report.order=8 " * 272 + "zero.low_pct=012"
    outcome = machine.run(KNOBS, MEM="256M", QEMUFLAGS=f"-machine microvm -append '{cmdline}'")
    assert "command line: 4096 bytes, only the first 4080 are read, at most 4095 are allowed" in outcome.output, outcome
    assert read_values(outcome) == "0 8", outcome


def test_the_order_in_which_command_lines_and_scripts_count(tmp_path):
    """fw_cfg's goes ahead of what PVH hands over, an empty one too, and they are never joined."""
    def fw_cfg(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="ascii")
        return f" -fw_cfg name=opt/nought/{name},file={path}"

    module = tmp_path / "module"
    module.write_text(KNOBS, encoding="ascii")
    pvh = f"-append 'zero.low_pct=7 report.order=8' -initrd {module}"
    settings = {"MEM": "256M"}
    outcome = machine.run(None, QEMUFLAGS=pvh, **settings)
    assert read_values(outcome) == "7 8", outcome
    outcome = machine.run(None, QEMUFLAGS=pvh, CMDLINE="zero.low_pct=6", **settings)
    assert read_values(outcome) == "6 9", outcome
    outcome = machine.run(None, QEMUFLAGS=pvh + fw_cfg("cmdline", ""), **settings)
    assert read_values(outcome) == "0 9", outcome
    outcome = machine.run("frobnicate\n", QEMUFLAGS=pvh, **settings)
    assert (outcome.status, read_values(outcome)) == (1, ""), outcome
    assert "no command 'frobnicate'" in outcome.output, outcome
    outcome = machine.run("", QEMUFLAGS=pvh, **settings)
    assert (outcome.status, read_values(outcome)) == (0, ""), outcome


def run_module(directory, script, **settings):
    (directory / "script").write_bytes(script)
    return machine.run(SCRIPT=directory / "script", FWCFG="n", **{"MEM": "256M", **settings})


@pytest.mark.parametrize("kind", ["q35", "microvm"])
@pytest.mark.parametrize("script, status, said", [
    pytest.param(b"version\nversion", 0, "nought> version\nNought", id="no-newline"),
    pytest.param(b"version\r\nfrobnicate\r\n", 1, "no command 'frobnicate'", id="crlf"),
    pytest.param("! caf\u00e9\nversion\n".encode(), 0, "no command 'caf??'", id="not-ascii"),
    pytest.param(b"#\n" * (MIB // 2 - 4) + b"version\n", 0, "nought> version\nNought", id="1-MiB"),
    pytest.param(b"#" * (MIB + 1), 1, "script: the module has 1048577 bytes, at most 1048576 are allowed",
                 id="too-long"),
])
def test_script(kind, script, status, said, tmp_path):
    outcome = run_module(tmp_path, script, QEMUFLAGS=f"-machine {kind}")
    assert said in outcome.output, outcome
    assert outcome.status == status, outcome


@pytest.mark.parametrize("kind", ["q35", "microvm"])
def test_a_module_stays_as_it_is_while_all_memory_is_written(kind, tmp_path):
    """Its frames are kept: zeroed memory, filled memory and the rest are others."""
    script = b"zero now\nwait zero\nalloc -o 0 -n 40000\nfill 1 0x5a\nfree 1\nalloc -o 0 -n 40000 -z\ncheck\n"
    outcome = run_module(tmp_path, script + b"#" * (512 * KIB) + b"\nversion\n", BALLOONDEV="none",
                         CMDLINE="zero.low_pct=100 zero.high_pct=100", QEMUFLAGS=f"-machine {kind}")
    assert outcome.output.rstrip().rpartition("\n")[2].startswith("Nought "), outcome
    assert outcome.status == 0, outcome


@pytest.mark.parametrize("changes, length", [
    ({}, 0), ({}, 63), ({}, 200 << 10), ({0x12: b"\xb7"}, None), ({0x04: b"\1"}, None), ({"note": b"\0"}, None),
], ids=str)
def test_a_damaged_kernel(changes, length, tmp_path):
    """QEMU says what is wrong; it is none of the guest's statuses."""
    with open(kernel(), "rb") as file:
        image = bytearray(file.read())
    for at, value in changes.items():
        at = image.index(struct.pack("<3I4s", 4, 8, 18, b"Xen\0")) + 8 if at == "note" else at
        image[at:at + len(value)] = value
    (tmp_path / "kernel.elf").write_bytes(image[:length])
    outcome = machine.run("version\n", O=tmp_path, MEM="256M", TIMEOUT=20)
    assert outcome.status == 4, outcome
    assert "qemu" in outcome.errors and "Nought" not in outcome.output, outcome


def test_a_path_with_commas(tmp_path):
    directory = tmp_path / "a,b=c"
    directory.mkdir()
    (directory / "kernel.elf").write_bytes(open(kernel(), "rb").read())
    outcome = machine.run("version\n", O=directory, MEM="256M", FWCFG="n", CMDLINE="nonsense=1,2,,3", TMPDIR=directory)
    assert "nonsense" in outcome.output and outcome.status == 0, outcome


def test_debug():
    """gdb with the kernel's symbols, from the entry on: breakpoints of both kinds hold where nothing is mapped yet."""
    commands = ["hbreak *(unsigned long)&pvh_entry - 0xffffffff80000000", "continue", "x/1xw $rbx", "delete",
                "nought-boot", "hbreak memory_start", "continue", "backtrace", "nought-log", "kill"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    process = subprocess.Popen([machine.RUN], env=machine.environment(MEM="256M", GDB=port, TIMEOUT=60),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert b"waiting for gdb" in process.stderr.readline()
    time.sleep(0.5)
    done = subprocess.run(["gdb", "-batch", "-nx", "-x", os.path.join(machine.ROOT, "scripts/nought.gdb"),
                           *(word for command in commands for word in ("-ex", command)),
                           os.path.join(machine.environment()["O"], "kernel.debug")], stdin=subprocess.DEVNULL,
                          env={**os.environ, "NOUGHT_GDB": port}, capture_output=True, text=True, timeout=50,
                          check=False)
    process.communicate()
    assert "0x336ec578" in done.stdout, done
    assert re.search(r"^#1 +0x[0-9a-f]+ in kernel_main ", done.stdout, re.M), done
    assert "ACPI: 5 tables" in done.stdout, done


def test_the_program_headers_are_what_loaders_take():
    """Others than QEMU's read them (rust-vmm's linux-loader, of Cloud Hypervisor and Firecracker): segments at physical
    addresses from 1 MiB on, at their distance from each other, and one note, aligned to 4, of 4 and 8 bytes."""
    with open(kernel(), "rb") as file:
        image = file.read()
    at, count = struct.unpack_from("<Q", image, 32)[0], struct.unpack_from("<H", image, 56)[0]
    headers = [struct.unpack_from("<2I6Q", image, at + 56 * i) for i in range(count)]
    loads = [header for header in headers if header[0] == 1]
    assert min(paddr for _, _, _, _, paddr, *_ in loads) == 2 * MIB
    assert {vaddr - paddr for _, _, _, vaddr, paddr, *_ in loads} == {0xffffffff80000000}
    assert not [header for header in loads if header[1] & 3 == 3], "a segment is both writable and executable"
    (_, _, offset, _, _, file_bytes, _, align), = [header for header in headers if header[0] == 4]
    assert (file_bytes, align) == (24, 4)
    *numbers, entry = struct.unpack_from("<3I4sQ", image, offset)
    assert numbers == [4, 8, 18, b"Xen\0"]
    _, flags, _, _, *_ = next(header for header in loads if header[4] <= entry < header[4] + header[5])
    assert flags & 1


class Debugger:
    """QEMU's gdb server, of which a few packets are enough."""

    def __init__(self, path):
        deadline = time.monotonic() + 20
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                assert time.monotonic() < deadline, "QEMU doesn't listen for gdb"
                time.sleep(0.02)

    def call(self, packet):
        self.socket.sendall(f"${packet}#{sum(packet.encode()) & 255:02x}".encode())
        answer = b""
        while not re.search(rb"\$[^#]*#..", answer, re.S):
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("QEMU has gone")
            answer += data
        self.socket.sendall(b"+")
        return re.search(rb"\$([^#]*)#", answer, re.S)[1].decode()

    def detach(self):
        """Lets the guest go on, which may be at its end before the answer is read."""
        with contextlib.suppress(ConnectionError):
            self.call("D")
        self.socket.close()

    def read(self, at, count):
        return bytes.fromhex(self.call(f"m{at:x},{count:x}"))

    def write(self, at, data):
        for done in range(0, len(data), 1024):
            piece = data[done:done + 1024]
            assert self.call(f"M{at + done:x},{len(piece):x}:{piece.hex()}") == "OK"


class Start:
    """A guest that stands at the entry: its start info can be changed."""

    def __init__(self, debugger):
        self.debugger = debugger
        with open(kernel(), "rb") as file:
            image = file.read()
        entry = struct.unpack_from("<Q", image, image.index(struct.pack("<3I4s", 4, 8, 18, b"Xen\0")) + 16)[0]
        assert debugger.call(f"Z1,{entry:x},1") == "OK"
        assert debugger.call("c").startswith("T05")
        assert debugger.call(f"z1,{entry:x},1") == "OK"
        self.registers = bytearray.fromhex(debugger.call("g"))  # RBX is the second one
        self.at = struct.unpack_from("<Q", self.registers, 8)[0]
        self.info = dict(zip(FIELDS, INFO.unpack(debugger.read(self.at, INFO.size))))

    def set(self, **fields):
        self.info.update(fields)
        self.debugger.write(self.at, INFO.pack(*self.info.values()))

    def set_ebx(self, value):
        self.registers[8:16] = struct.pack("<Q", value)
        assert self.debugger.call(f"G{self.registers.hex()}") == "OK"

    def set_map(self, *entries):
        at = 0x60000
        self.debugger.write(at, b"".join(struct.pack("<QQQ", *entry) for entry in entries))
        self.set(map=at, map_count=len(entries))

    def add_to_map(self, *entries):
        old = self.debugger.read(self.info["map"], 24 * self.info["map_count"])
        self.set_map(*struct.iter_unpack("<QQQ", old), *entries)

    def set_modules(self, *modules):
        self.debugger.write(0x61000, b"".join(struct.pack("<QQQQ", *module) for module in modules))
        self.set(module_list=0x61000, modules=len(modules))

    def set_cmdline(self, at, text):
        self.debugger.write(at, text)
        self.set(cmdline=at)


PANIC = r"^PANIC: boot: PVH: start info at 0x[0-9a-f]+: "
TOP = (1 << 64) - 1


@pytest.mark.parametrize("kind", ["q35", "microvm"])
@pytest.mark.parametrize("lie, status, said", [
    pytest.param(lambda s: None, 0, "every invariant holds", id="none"),
    pytest.param(lambda s: s.set(magic=0x12345678), 3, PANIC + "magic is 0x12345678, 0x336ec578 is needed", id="magic"),
    pytest.param(lambda s: s.set(version=0), 3, PANIC + "version is 0x0, 0x1 is needed, which has a memory map",
                 id="version-0"),
    pytest.param(lambda s: s.set(version=7), 0, "every invariant holds", id="version-7"),
    pytest.param(lambda s: s.set_ebx(0xfffffff0), 3, PANIC + "its address is 0xfffffff0, it can't be read there",
                 id="out-of-reach"),
    pytest.param(lambda s: s.set_ebx(0), 3, r"^PANIC: boot: PVH: start info at 0x0: magic is 0x", id="no-start-info"),
    pytest.param(lambda s: s.set(map_count=0), 3, PANIC + "memmap_entries is 0x0, 1 to 0x200 are needed", id="no-map"),
    pytest.param(lambda s: s.set(map_count=0xffffffff), 3, PANIC + "memmap_entries is 0xffffffff, ", id="map-absurd"),
    pytest.param(lambda s: s.set(map=1 << 40), 3, PANIC + "memmap_paddr is 0x10000000000, the memory map can't be read",
                 id="map-out-of-reach"),
    pytest.param(lambda s: s.set(map=TOP - 20), 3, PANIC + "memmap_paddr is 0xffffffffffffffeb", id="map-wraps"),
    pytest.param(lambda s: s.set_map((0, 1 << 40, 2)), 3, "^PANIC: too little memory: ", id="all-reserved"),
    pytest.param(lambda s: s.set_map((0, 0x9f000, 1)), 3, "^PANIC: too little memory: ", id="no-more-than-640-KiB"),
    pytest.param(lambda s: s.add_to_map((TOP - MIB, 2 * MIB, 1), (64 * MIB, 0, 1), (TOP - 4095, 2 * MIB, 2)), 0,
                 r"PVH: memory map: entry \d+, type 1: 0x200000 bytes at 0xffffffffffefffff wrap round", id="wraps"),
    pytest.param(lambda s: s.add_to_map((64 * MIB + 1, 3, 2), (65 * MIB, MIB, 4)), 0,
                 "memory map: 0x1 pages at 0x4000000 are in several entries", id="overlaps"),
    pytest.param(lambda s: s.add_to_map((1 << 50, 1 << 40, 1)), 0, "beyond what can be addressed", id="far-away"),
    pytest.param(lambda s: s.set(cmdline=TOP), 0, "PVH: the command line at 0xffffffffffffffff has no end",
                 id="cmdline-out-of-reach"),
    pytest.param(lambda s: s.set_cmdline(16 * MIB, b"x" * 70000), 0,
                 "PVH: the command line at 0x1000000 has no end within 65536 bytes", id="cmdline-unterminated"),
    pytest.param(lambda s: s.set_cmdline(16 * MIB, b"zero.low_pct=7 \xff\x01\x1b[2J=\n\0"), 0,
                 r"refused: .*'\?\?\?\[2J", id="cmdline-not-ascii"),
    pytest.param(lambda s: s.set(modules=0xffffffff), 0, "PVH: only the first 64 of 4294967295 modules", id="modules"),
    pytest.param(lambda s: s.set(modules=1, module_list=TOP), 0,
                 "PVH: module 0: the list at 0xffffffffffffffff can't be read", id="modules-out-of-reach"),
    pytest.param(lambda s: s.set_modules((2 * MIB, 4096, 0, 0), (1 << 40, 9, 0, 0), (TOP, 9, 0, 0), (0, 9, 0, 0)), 0,
                 r"module 0, 0x1000 bytes at 0x200000, lies in the kernel: ignored\n(.*\n)*"
                 r".*module 1, .* doesn't lie in what the map calls memory: ignored\n(.*\n)*"
                 r".*module 2, .* wraps round: ignored\n(.*\n)*.*module 3, .* has no address: ignored",
                 id="modules-where-none-can-be"),
    pytest.param(lambda s: s.set(rsdp=0xdeadbeef000), 0, "ACPI: no RSDP where the firmware says", id="rsdp"),
    pytest.param(lambda s: s.set(rsdp=0), 0, r"ACPI: [2-9] tables", id="no-rsdp"),
])
def test_a_start_info_that_lies(kind, lie, status, said):
    with tempfile.TemporaryDirectory(prefix="nought-test-") as directory:
        script, gdb = os.path.join(directory, "script"), os.path.join(directory, "gdb")
        with open(script, "w", encoding="ascii") as file:
            file.write("alloc -o 0 -n 3000\nfill 1 255\nfree 1\ncheck\n")
        process = subprocess.Popen(
            [machine.RUN], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=machine.environment(MEM="256M", SCRIPT=script, TIMEOUT=30,
                                    QEMUFLAGS=f"-machine {kind} -S -gdb unix:{gdb},server=on,wait=off"))
        start = Start(Debugger(gdb))
        lie(start)
        start.debugger.detach()
        output, errors = process.communicate(timeout=40)
    outcome = machine.Outcome(process.returncode, output, errors)
    assert re.search(said, output, re.M), outcome
    assert outcome.status == status, outcome
