"""Puts the canary first and counts in the last line."""
import pytest

counts = {"passed": 0, "failed": 0}


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.endswith("[canary]"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        counts["failed"] += 1
    elif report.when == "call" and report.passed:
        counts["passed"] += 1


def pytest_unconfigure():
    print(f"{counts['passed']} passed, {counts['failed']} failed")
