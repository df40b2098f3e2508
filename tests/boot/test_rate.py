"""zero.rate_mbps and report.rate_mbps on a whole machine, by its own clock: `wait` gives up after a time."""
import json

import pytest
from machine import run

pytestmark = pytest.mark.alone

FRAME = 4096
OFF = 0.15  # the machine may be busy with other things; by a clock that stands still 0.1 holds (tests/host)


def rates(script, counter, seconds, **settings):
    """Bytes a second that a counter of frames grew by between two `stats -j`, and the share of time it halted."""
    outcome = run(script, **settings)
    assert outcome.status == 0, outcome
    before, after = [json.loads(line) for line in outcome.output.splitlines() if line.startswith('{"')][-2:]
    return ((after[counter] - before[counter]) * FRAME / seconds,
            (after["idle.halted_ns"] - before["idle.halted_ns"]) / 1e9 / seconds)


def check(mbps, rate, halted):
    assert abs(rate / 1e6 - mbps) <= mbps * OFF, f"{rate / 1e6} MB/s, wanted {mbps}"
    assert halted > 0.3, f"halted for {halted} of the time: it spins"


def test_zeroing_is_limited():
    for mbps in (3, 30):
        check(mbps, *rates("zero now\n! wait zero 500\nstats -j\n! wait zero 4000\nstats -j\ncheck\n",
                           "zero.idle_frames", 4, MEM="1G", CMDLINE=f"zero.rate_mbps={mbps}", BALLOONDEV="none"))


def test_reporting_is_limited():
    script = ("wait idle 60000\nalloc -o 9 -n 300\nfill 1 1\nfree 1\nreport now\n! wait report 500\nstats -j\n"
              "! wait report 4000\nstats -j\ncheck\n")
    check(80, *rates(script, "report.frames", 4, MEM="1G", CMDLINE="report.rate_mbps=80"))
