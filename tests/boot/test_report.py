"""What reporting gives back to the host, seen from the host: QEMU's resident memory. And what the host asks for."""
import os
import tempfile
import time

import pytest
from machine import PROMPT, Console, Qmp

MIB = 1 << 20
DIRTY_BLOCKS = 1024  # of 2 MiB
SLACK = 64 * MIB


def dirty_then_free(knobs="", **settings):
    """2 GiB written and freed leave QEMU as large as it was, and are right when they are written again."""
    with Console(MEM="4G", CMDLINE=f"zero.low_pct=5 zero.high_pct=5 {knobs}", **settings) as guest:
        guest.command("wait idle 120000", 150)
        before = guest.resident_bytes()
        stock = guest.stats("mm.")["mm.zero_frames"]
        assert stock >= (4 << 18) * 4 // 100, "the stock is not full"

        for handle in (1, 2):
            assert f"handle {handle}" in guest.command(f"alloc -o 9 -n {DIRTY_BLOCKS}")
            guest.command(f"fill {handle} 0x5a", 150)
            dirty = guest.resident_bytes()
            assert dirty > before + (2048 - 256) * MIB, f"2 GiB written, and only {(dirty - before) // MIB} MiB more"
            guest.command(f"free {handle}")
            assert "not done" not in guest.command("wait idle 120000", 150)
            after = guest.resident_bytes()
            assert abs(after - before) <= SLACK, f"{before // MIB} MiB before, {after // MIB} MiB after"
            assert guest.stats("mm.")["mm.zero_frames"] >= stock * 9 // 10, "the stock is not full again"

        # what was given back works as memory: contents stay, nothing else's show up
        assert "handle 3" in guest.command(f"alloc -o 9 -n {DIRTY_BLOCKS}")
        guest.command("fill 3 0xc3", 150)
        assert "handle 4" in guest.command("alloc -o 9 -n 200 -z")
        assert "verify:" not in guest.command("verify 4 0", 150)
        assert "verify:" not in guest.command("verify 3 0xc3", 150)
        assert "holds" in guest.command("check")
        stats = guest.stats()
        assert stats["report.frames"] >= 2 * DIRTY_BLOCKS * 512 * 9 // 10
        assert stats["report.errors"] == 0
        assert guest.end() == 0


@pytest.mark.parametrize("boot", ["pvh", "efi"])
def test_reported_memory_leaves_the_host(boot):
    dirty_then_free(BOOT=boot)


def test_reported_memory_leaves_the_host_with_free_page_hint():
    dirty_then_free(BALLOONDEV="free-page-reporting=on,free-page-hint=on,iothread=io",
                    QEMUFLAGS="-object iothread,id=io")


def test_zeroed_memory_leaves_the_host_and_stays_zero():
    """With PAGE_POISON: what left the host is asked for as zero, is a hit, and reads as zero."""
    for hint in ({}, {"BALLOONDEV": "free-page-reporting=on,free-page-hint=on,iothread=io",
                      "QEMUFLAGS": "-object iothread,id=io"}):
        with Console(MEM="2G", CMDLINE="report.poison=on", **hint) as guest:
            guest.command("wait idle 120000", 150)
            before = guest.resident_bytes()
            assert before < 300 * MIB, "an idle guest made its host back memory"
            guest.command("alloc -o 9 -n 512")
            guest.command("fill 1 0x5a", 150)
            assert guest.resident_bytes() > before + 900 * MIB
            guest.command("free 1")
            assert "not done" not in guest.command("wait idle 120000", 150)
            assert abs(guest.resident_bytes() - before) <= SLACK
            stats = guest.stats()
            assert stats["mm.reported_zero_frames"] >= 500 * 512
            guest.command("alloc -o 9 -n 512 -z")
            after = guest.stats("zero.")
            # the stock is full with some frames of one of its areas still dirty
            assert 512 * 511 <= after["zero.hit_frames"] - stats["zero.hit_frames"] <= 512 * 512
            assert after["zero.alloc_frames"] - stats["zero.alloc_frames"] <= 512
            assert abs(guest.resident_bytes() - before) <= SLACK, "nobody has touched it yet"
            assert "verify:" not in guest.command("verify 2 0", 150)
            assert guest.end() == 0


def test_zeroed_memory_leaves_the_host_with_marks():
    dirty_then_free("report.poison=on")


def test_reported_memory_leaves_a_memfd():
    dirty_then_free(QEMUFLAGS="-object memory-backend-memfd,id=ram,share=on")


def test_reported_memory_leaves_a_machine_without_mcfg():
    dirty_then_free(QEMUFLAGS="-machine pc")


def test_without_a_balloon_memory_stays():
    """The counter-proof: the same without reporting, so that the tests above can fail."""
    with Console(MEM="1G", BALLOONDEV="none") as guest:
        guest.command("wait idle 60000", 90)
        before = guest.resident_bytes()
        guest.command("alloc -o 9 -n 200")
        guest.command("fill 1 1", 90)
        guest.command("free 1")
        guest.command("wait idle 60000", 90)
        assert guest.resident_bytes() > before + 300 * MIB


@pytest.mark.parametrize("boot", ["pvh", "efi"])
def test_a_warm_reset_gives_back_what_was_used_before(boot):
    """After a reset the host backs what the guest before has used, which nobody can know: it is fresh, reported once,
    and QEMU is as small as after a cold boot."""
    with Console(MEM="2G", BOOT=boot, CMDLINE="report.delay_ms=3000", QEMUFLAGS="-action reboot=reset") as guest:
        assert guest.stats("mm.")["mm.fresh_frames"] > (2 << 18) * 9 // 10
        guest.command("report now")
        guest.command("wait idle 120000", 150)
        cold = guest.resident_bytes()
        assert "handle 1" in guest.command("alloc -o 9 -n 800")
        guest.command("fill 1 0x5a", 150)
        assert guest.resident_bytes() > cold + 1500 * MIB

        guest.command("reboot", 90)
        stats = guest.stats("mm.")
        assert stats["mm.fresh_frames"] > (2 << 18) * 9 // 10, "it is said to be reported, or was already"
        assert stats["mm.reported_frames"] == 0
        assert guest.resident_bytes() > cold + 1500 * MIB
        guest.command("wait idle 120000", 150)  # by itself
        warm = guest.resident_bytes()
        assert warm < cold + SLACK, f"{cold // MIB} MiB after a cold boot, {warm // MIB} MiB after a warm one"
        stats = guest.stats("mm.")
        assert stats["mm.reported_frames"] > (2 << 18) * 9 // 10
        assert stats["mm.fresh_frames"] < (8 << 20) // 4096
        assert "holds" in guest.command("check")


def test_without_a_reporter_memory_stays_fresh():
    with Console(MEM="256M", BALLOONDEV="none") as guest:
        guest.command("report now")
        guest.command("wait idle 10000")
        stats = guest.stats("mm.")
        assert stats["mm.fresh_frames"] > (256 << 8) * 9 // 10
        assert stats["mm.reported_frames"] == 0
        assert "fresh" in guest.command("mem")


@pytest.mark.parametrize("boot", ["pvh", "efi"])
def test_a_target_that_is_set_while_running_is_said(boot):
    """Once for each change, in the log, as a counter and by `report`; nothing else comes of it."""
    with tempfile.TemporaryDirectory(prefix="nought-test-") as directory:
        path = os.path.join(directory, "qmp")
        with Console(MEM="512M", BOOT=boot, QMP=path) as guest:
            qmp = Qmp(path)
            for mib, frames in ((256, 65536), (128, 98304), (512, 0)):
                qmp.call("balloon", value=mib * MIB)
                guest.wait_for(f"the host asks for {frames or 'no'} frames", 20)
                guest.wait_for(PROMPT, 20)  # again, behind the log's line
                time.sleep(1)
                assert guest.stats("balloon.target")["balloon.target_frames"] == frames
                assert ("asked for" in guest.command("report")) == (frames != 0)
            log = guest.command("log")
            for said in ("asks for 65536 frames", "asks for 98304 frames", "asks for no frames any more"):
                assert log.count(said) == 1, log
            assert guest.stats("mm.managed")["mm.managed_frames"] > 500 << 8
            qmp.close()
            assert guest.end() == 0
