"""Runs the rows of rows.py."""
import re

import pytest
from machine import make, run
from rows import ROWS

PANIC = r"(?i)^.*\bpanic: "


def faults(row, outcome):
    """What is wrong with the outcome of the row: a list of sentences."""
    wrong = []
    if outcome.status != row.status:
        wrong.append(f"status {outcome.status}, not {row.status}")
    wrong += [f"no match of {regex!r}" for regex in row.expect if not re.search(regex, outcome.output, re.M)]
    reject = row.reject if row.status == 3 else (*row.reject, PANIC)
    wrong += [f"a match of {regex!r}" for regex in reject if re.search(regex, outcome.output, re.M)]
    wrong += [f"no match of {regex!r} in the errors" for regex in row.errors
              if not re.search(regex, outcome.errors, re.M)]
    if row.stats:
        try:
            stats = outcome.stats()
        except AssertionError:
            stats = {}
        for name, holds in row.stats.items():
            if name not in stats:
                wrong.append(f"no counter {name}")
            elif not holds(stats[name]):
                wrong.append(f"{name} is {stats[name]}")
    return wrong


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_row(row):
    build = {"O": make("esp.img", build="debug", DEBUG=1)} if row.debug else {}
    outcome = run(row.script, **row.settings, **build)
    wrong = faults(row, outcome)
    if row.name == "canary":
        # status, expectation and counter, each noticed by itself
        assert len(wrong) == 3, f"a row that must fail in three ways failed in {len(wrong)}: {wrong}\n{outcome}"
        return
    assert not wrong, "; ".join(wrong) + f"\n{outcome}"
