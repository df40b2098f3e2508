"""The layers of the tree: the longest prefix of a path that stands here is its layer.

What a file of each layer may include, by prefixes; names that end in / stand for all below.
"""
LIB = ["lib/"]
ARCH = [*LIB, "arch/x86_64/"]
BASE = [*ARCH, "boot/boot_info.h", "port/mm_port.h", "kernel/firmware/", "kernel/sched/", "kernel/base/"]
MACHINE = [*BASE, "boot/pvh/", "kernel/shell/", "kernel/machine/"]
MEMORY = [*MACHINE, "mm/", "drivers/", "kernel/memory/"]
ALL = [*MEMORY, "boot/", "port/", "kernel/console/"]
TESTS = [*ALL, "tests/"]

MAY_INCLUDE = {
    "lib/": LIB,
    "mm/": [*LIB, "mm/", "port/mm_port.h"],
    "drivers/": [*LIB, "mm/", "drivers/", "port/driver_port.h"],
    "arch/x86_64/": [*ARCH, "boot/boot_info.h", "port/"],
    "kernel/shell/": [*LIB, "kernel/shell/"],
    "kernel/firmware/": [*LIB, "boot/boot_info.h", "kernel/firmware/"],
    "kernel/sched/": [*ARCH, "kernel/sched/"],
    "kernel/base/": BASE,
    "kernel/machine/": MACHINE,
    "kernel/memory/": MEMORY,
    "kernel/console/": [*LIB, "kernel/shell/", "kernel/sched/", "kernel/base/", "kernel/machine/", "kernel/memory/",
                        "kernel/console/"],
    "kernel/commands/": [*ALL, "kernel/commands/"],
    "kernel/": ALL,  # main.c, the boot order
    "boot/": ["boot/"],
    "boot/pvh/": ["boot/boot_info.h", "boot/pvh/", "arch/x86_64/entry.S"],
    "tests/": TESTS,
    "tests/guest/": [*TESTS, "kernel/commands/"],
}


def layer_of(path):
    """The layer's prefix; None: the path lies in none."""
    return max((prefix for prefix in MAY_INCLUDE if path.startswith(prefix)), key=len, default=None)


def may_use(path, name):
    """Whether the file at path may include, or call into, the one of that name."""
    layer = layer_of(path)
    return layer is not None and any(name.startswith(prefix) for prefix in MAY_INCLUDE[layer])
