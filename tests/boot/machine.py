"""A guest in QEMU, by way of scripts/run: run through a script, or talked to line by line, looked at from the host.

Guests start by PVH unless BOOT says efi: that takes a tenth of the time, and few tests are about the firmware.
"""
import dataclasses
import fcntl
import json
import os
import re
import select
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUN = os.path.join(ROOT, "scripts/run")
PROMPT = "nought> "
SETTINGS = ("MEM", "SMP", "BOOT", "ACCEL", "CMDLINE", "SCRIPT", "QEMUFLAGS", "BALLOON", "BALLOONDEV", "EXITDEV",
            "FWCFG", "TIMEOUT", "V", "QMP", "PIDFILE", "GDB")


def environment(**settings):
    """Ours without what a caller's make set for its own guest, plus settings."""
    env = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    env.setdefault("O", "build")
    if not os.path.isabs(env["O"]):
        env["O"] = os.path.join(ROOT, env["O"])
    env.update({name: str(value) for name, value in {"BOOT": "pvh", **settings}.items()})
    return env


def make(*targets, build=None, **variables):
    """Makes targets in the build directory, or in one below it. Returns that directory. What our own make was told, a
    compiler say, doesn't count there."""
    env = {name: value for name, value in os.environ.items()
           if name not in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "CC", "DEBUG", "O", "V", *SETTINGS)}
    top = os.path.relpath(environment()["O"], ROOT)
    directory = os.path.join(top, build) if build else top
    words = [f"O={directory}", f"NEWLIB={top}/newlib", *(f"{name}={value}" for name, value in variables.items())]
    with open(os.path.join(ROOT, top, "make.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        done = subprocess.run(["make", *words, *(f"{directory}/{target}" for target in targets)], cwd=ROOT, env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"make {words}: {done.stderr}"
    return os.path.join(ROOT, directory)


@dataclasses.dataclass
class Outcome:
    status: int
    output: str
    errors: str

    def __str__(self):
        return f"status {self.status}\n--- output\n{self.output}\n--- errors\n{self.errors}"

    def stats(self):
        """The object that the last `stats -j` printed."""
        objects = [line for line in self.output.splitlines() if line.startswith('{"')]
        assert objects, f"no line with a JSON object\n{self}"
        return json.loads(objects[-1])


def run(script=None, **settings):
    """Runs a script (text) to its end; TIMEOUT ends it at the latest."""
    settings.setdefault("TIMEOUT", 120)
    with tempfile.TemporaryDirectory(prefix="nought-test-") as directory:
        if script is not None:
            settings["SCRIPT"] = os.path.join(directory, "script")
            with open(settings["SCRIPT"], "w", encoding="ascii") as file:
                file.write(script)
        done = subprocess.run([RUN], stdin=subprocess.DEVNULL, capture_output=True, env=environment(**settings),
                              cwd=ROOT)
    return Outcome(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def process_resident_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Rss: +(\d+) kB", file.read(), re.M)[1]) << 10


def process_cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Console:
    """A guest that is talked to through a pipe. With a context manager: it is ended there."""

    def __init__(self, **settings):
        self.directory = tempfile.TemporaryDirectory(prefix="nought-test-")
        self.pidfile = os.path.join(self.directory.name, "pid")
        settings.setdefault("TIMEOUT", 300)
        settings.setdefault("PIDFILE", self.pidfile)
        self.since = time.monotonic()
        self.process = subprocess.Popen([RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=environment(**settings), cwd=ROOT)
        self.text = ""

    def __enter__(self):
        try:
            self.boot_text = self.wait_for(PROMPT, 90)
        except BaseException:
            self.__exit__()
            raise
        self.boot_s = time.monotonic() - self.since
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        self.process.stdout.close()
        self.process.stderr.close()
        self.directory.cleanup()

    def wait_for(self, text, timeout_s):
        """Returns what came ahead of text, and drops both."""
        deadline = time.monotonic() + timeout_s
        while text not in self.text:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"no {text!r} within {timeout_s} s:\n{self.text[-4000:]}"
            if select.select([self.process.stdout], [], [], left_s)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                assert data, f"the guest ended ahead of {text!r}:\n{self.text[-4000:]}\n{self.errors()}"
                self.text += data.decode(errors="replace")
        ahead, _, self.text = self.text.partition(text)
        return ahead

    def errors(self):
        return os.read(self.process.stderr.fileno(), 65536).decode(errors="replace")

    def command(self, line, timeout_s=60):
        """Types a line and returns what the guest prints until its next prompt, the echo left out."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self.wait_for(PROMPT, timeout_s).partition("\n")[2]

    def stats(self, prefix=""):
        return json.loads(self.command(f"stats -j {prefix}"))

    def end(self, timeout_s=30):
        """Switches off, returns scripts/run's status."""
        self.process.stdin.write(b"poweroff\n")
        self.process.stdin.flush()
        return self.process.wait(timeout_s)

    @property
    def pid(self):
        with open(self.pidfile, encoding="ascii") as file:
            return int(file.read())

    def resident_bytes(self):
        return process_resident_bytes(self.pid)

    def cpu_s(self):
        return process_cpu_s(self.pid)


class Qmp:
    """QEMU's own control connection: one command at a time, events are skipped."""

    def __init__(self, path, timeout_s=20):
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                assert time.monotonic() < deadline, f"QEMU does not listen at {path}"
                time.sleep(0.05)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.call("qmp_capabilities")

    def call(self, name, **arguments):
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            assert "error" not in answer, f"{name}: {answer}"
            if "return" in answer:
                return answer["return"]

    def close(self):
        self.file.close()
        self.socket.close()
