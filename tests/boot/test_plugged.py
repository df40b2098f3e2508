"""Memory that is in no memory map: in DIMM slots and virtio-mem devices. It isn't used, and that is said."""
import os
import tempfile

import pytest
from machine import Console, Qmp

SLOTS = "-m 256M,slots=4,maxmem=4G "
DIMM = "-object memory-backend-ram,id=m1,size=512M -device pc-dimm,memdev=m1 "
VIRTIO_MEM = "-object memory-backend-ram,id=m2,size=1G -device virtio-mem-pci,memdev=m2,id=vm0,requested-size=256M "


@pytest.mark.parametrize("boot, kind", [("pvh", "q35"), ("pvh", "pc"), ("efi", "q35")])
def test_what_is_plugged_in_is_named(boot, kind):
    """At the start; and what is plugged in later is in what `mem` says."""
    with tempfile.TemporaryDirectory(prefix="nought-test-") as directory:
        path = os.path.join(directory, "qmp")
        with Console(MEM="256M", BOOT=boot, QMP=path,
                     QEMUFLAGS=f"-machine {kind} {SLOTS}{DIMM}{VIRTIO_MEM}") as guest:
            assert "memory: 512 MiB in 1 DIMM slot aren't used" in guest.boot_text
            assert "0 MiB plugged in of 1024 aren't used: there is no driver for it" in guest.boot_text
            assert guest.stats("mm.managed")["mm.managed_frames"] < 256 << 8
            qmp = Qmp(path)
            qmp.call("object-add", **{"qom-type": "memory-backend-ram", "id": "m3", "size": 1 << 30})
            qmp.call("device_add", driver="pc-dimm", id="d3", memdev="m3")
            assert "DIMM slots       1536.0 MiB" in guest.command("mem")
            qmp.close()
            assert guest.end() == 0


@pytest.mark.parametrize("kind", ["q35", "pc", "microvm,acpi=on"])
def test_without_slots_nothing_is_said(kind):
    with Console(MEM="256M", QEMUFLAGS=f"-machine {kind}") as guest:
        assert "DIMM" not in guest.boot_text + guest.command("mem")
        assert guest.end() == 0
