"""The progress of tests that run in several processes: a line for each file that is finished."""

from __future__ import annotations

from collections import Counter

import pytest

# A test that takes longer is named as soon as it ends.
LONG_SECONDS = 30.0


class Progress:
    """A replacement for dots, which do not show the process of a test; with -v pytest's own lines remain."""

    def __init__(self, config: pytest.Config) -> None:
        self._terminal: pytest.TerminalReporter = config.pluginmanager.getplugin("terminalreporter")
        self._left: Counter[str] = Counter()
        self._total = 0
        self._seconds: Counter[str] = Counter()
        self._outcomes: dict[str, Counter[str]] = {}

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        if not self._total:
            self._left.update(_file(identity) for identity in ids)
            self._total = len(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Return the status without a dot."""
        if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
            return "skipped", "", ""
        return ("passed", "", "") if report.passed and report.when == "call" else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = _file(report.nodeid)
        self._seconds[file] += int(report.duration * 1000)
        outcomes = self._outcomes.setdefault(file, Counter())
        if report.failed:
            outcomes["failed"] += 1
        elif report.when == "call" or report.skipped:
            outcomes[report.outcome] += 1
        if report.duration > LONG_SECONDS:
            self._say(f"{report.nodeid}: {report.when} took {report.duration:.0f} s")
        if report.when == "teardown":
            self._left[file] -= 1
            if not self._left[file]:
                counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
                self._say(f"{file}: {counts} in {self._seconds[file] / 1000:.1f} s")

    def _say(self, line: str) -> None:
        done = 100 * (self._total - self._left.total()) // max(1, self._total)
        self._terminal.write_line(f"[{done:3d}%] {line}")


def _file(identity: str) -> str:
    return identity.split("::", 1)[0]
