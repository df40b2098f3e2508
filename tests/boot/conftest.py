"""Puts the canary first and counts in the last line, in one process or spread over several (pytest-xdist).

Tests run side by side in any order. Those marked `alone` look at time or at the host's processors: scripts/test runs
them afterwards, one at a time. Those of one xdist_group share a guest, so one process runs them.
"""
counts = {"passed": 0, "failed": 0}


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: nothing else may run meanwhile")
    config.addinivalue_line("markers", "xdist_group(name): one process runs all of a group")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.endswith("[canary]"))


def pytest_runtest_logreport(report):
    if report.failed:
        counts["failed"] += 1
    elif report.when == "call" and report.passed:
        counts["passed"] += 1


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        print(f"{counts['passed']} passed, {counts['failed']} failed")
