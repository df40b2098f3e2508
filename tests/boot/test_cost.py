"""What a guest costs its host when it does nothing: time to the prompt, memory, processor time."""
import time

import pytest
from machine import Console

MIB = 1 << 20
pytestmark = pytest.mark.alone


def boot(mem):
    """How long from QEMU's start to the prompt, and resident memory, once a guest with nothing to do is idle."""
    with Console(MEM=mem, CMDLINE="zero.policy=alloc") as guest:
        guest.command("wait idle 60000", 90)
        return guest.boot_s, guest.resident_bytes()


def test_64_gib_costs_little_more_than_1():
    small_s, small_bytes = boot("1G")
    large_s, large_bytes = boot("64G")
    assert large_s <= 1.5 * small_s, f"{small_s:.2f} s with 1G, {large_s:.2f} s with 64G"
    assert large_bytes - small_bytes <= 64 * MIB, f"{(large_bytes - small_bytes) // MIB} MiB more"


def test_an_idle_guest_takes_under_5_percent():
    with Console(MEM="1G") as guest:
        guest.command("wait idle 60000", 90)
        time.sleep(1)
        before_s, since = guest.cpu_s(), time.monotonic()
        time.sleep(4)
        share = (guest.cpu_s() - before_s) / (time.monotonic() - since)
        assert share < 0.05, f"{share:.1%} of a processor"


def test_idle_guest_keeps_what_nobody_asked_for_off_the_host():
    """The stock is filled from memory that nobody used up to the low mark only."""
    with Console(MEM="4G", CMDLINE="zero.low_pct=2 zero.high_pct=50") as guest:
        guest.command("wait idle 60000", 90)
        assert guest.resident_bytes() < (4096 * 2 // 100 + 400) * MIB
