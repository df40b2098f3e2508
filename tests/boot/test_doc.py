"""What the documentation says of the console is what the kernel's tables say; and 80 columns are enough."""
import json
import os
import subprocess

from machine import ROOT, environment, run

# Whatever prints for people. The log's lines and JSON are as long as they are.
LISTS = """help
knob
preset
stats
mem
buddy
map
map -c 1
handles
ledger
zero
report
bench list
bench pin 16M 2m -n 1
trace on
alloc -o 4 -n 3
trace show
version
"""


def test_console_page_is_not_stale():
    done = subprocess.run([os.path.join(ROOT, "scripts/console-doc"), "--check"], env=environment(), cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_80_columns_are_enough():
    names = json.loads(run("bench list -j\n", MEM="256M").output.splitlines()[-1])["benches"]
    page = open(os.path.join(ROOT, "docs/CONSOLE.md"), encoding="ascii").read()
    words = [line.split("`")[1].split()[0] for line in page.splitlines() if line.startswith(("- `", "| `"))]
    topics = [line[4:].partition(":")[0] for line in page.splitlines() if line.startswith("### ")]
    assert len(words) > 60 and "zeroing" in topics and names
    known = sorted(set(words + topics + [bench["name"] for bench in names]))
    script = "alloc -o 9 -n 3 -Z -l\nalloc -o 3 -n 77\n" + LISTS + "".join(f"help {word}\n" for word in known)
    outcome = run(script, MEM="4G")
    assert outcome.status == 0, outcome
    wide = [line for line in outcome.output.splitlines() if len(line) > 80 and not line.startswith("[")]
    assert not wide, "\n".join(wide)
