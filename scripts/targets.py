#!/usr/bin/python3
"""What benches are measured against: tests/bench/targets.txt, for scripts/bench; and its table in docs/PERFORMANCE.md.

  scripts/targets.py          fails when the table isn't what the file says
  scripts/targets.py --doc    writes the table anew
"""
import dataclasses
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILE = os.path.join(ROOT, "tests/bench/targets.txt")
PAGE = os.path.join(ROOT, "docs/PERFORMANCE.md")
BEGIN, END = "<!-- tests/bench/targets.txt: scripts/targets.py --doc writes what follows -->\n", "<!-- end -->\n"
BOUNDS = ("at-most", "at-least", "is")
# Of each group: what it is, and which part of scripts/bench looks at it.
GROUPS = {
    "off": ("native, cache off", "native"), "on": ("native, cache on", "native"),
    "frag": ("2 MiB blocks left", "native"), "linux": ("Linux, in the guest", "ops"), "ops": ("in the guest", "ops"),
    "stock": ("from stock", "ops"), "pin": ("from stock, for its caller", "pin"), "count": ("in the guest", "count"),
}


@dataclasses.dataclass
class Target:
    group: str
    row: str
    bound: str
    figure: float
    unit: str
    of: str


def read(path=FILE):
    """The targets in the order of the file."""
    targets = []
    with open(path, encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                group, row, bound, figure, rest = line.split(None, 4)
                unit, of = rest.split("  ", 1)
                targets.append(Target(group, row, bound, float(figure), unit.strip(), of.strip()))
            except ValueError:
                sys.exit(f"{path}:{number}: not of the form group, row, bound, figure, unit, of whom: {line.strip()}")
            if group not in GROUPS or bound not in BOUNDS:
                sys.exit(f"{path}:{number}: groups are {' '.join(GROUPS)}, bounds are {' '.join(BOUNDS)}")
    return targets


def group(name, targets=None):
    """The figures of a group by row."""
    return {target.row: target.figure for target in targets or read() if target.group == name}


def table(targets):
    lines = ["| what | row | figure | of | part of scripts/bench |\n", "|---|---|---|---|---|\n"]
    for t in targets:
        what, part = GROUPS[t.group]
        bound = "" if t.bound == "is" else t.bound.replace("-", " ") + " "
        lines.append(f"| {what} | {t.row} | {bound}{t.figure:g} {t.unit} | {t.of} | {part} |\n")
    return "".join(lines)


def main():
    if sys.argv[1:] not in ([], ["--doc"]):
        sys.exit(__doc__)
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{PAGE}: there is no block between {BEGIN.strip()} and {END.strip()}")
    wanted = head + begin + "\n" + table(read()) + "\n" + end + tail
    if sys.argv[1:]:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(wanted)
    elif wanted != page:
        sys.exit("docs/PERFORMANCE.md has other targets than tests/bench/targets.txt: scripts/targets.py --doc")


if __name__ == "__main__":
    main()
