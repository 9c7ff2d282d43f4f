"""What every test run shares: the order of tests, settings of property tests, and the list of allowed skips."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import is_hypothesis_test, settings

# Two cores are shared by all workers, so the time of one example says nothing. On a CI machine hypothesis chooses its
# own profile: the same examples in every run.
settings.register_profile("shared", deadline=None)
if "CI" not in os.environ:
    settings.load_profile("shared")

#: Where hypothesis keeps the settings of a test; tests/unit/test_quick.py fails when it keeps them elsewhere.
SETTINGS = "_hypothesis_internal_use_settings"
#: With --quick a property test has one in so many of its examples, and at least so many.
QUICK_SHARE, QUICK_LEAST = 10, 5

LATE = ("acceptance", "browser", "kill", "slow")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes an unexpected skip a failure, and the one for a quick look."""
    parser.addoption(
        "--allowed-skips",
        metavar="FILE",
        type=Path,
        help="fail when a test is skipped for a reason that no line (a regular expression) of FILE matches in full",
    )
    parser.addoption(
        "--quick",
        action="store_true",
        help=f"one in {QUICK_SHARE} of the examples of property tests, for a look before a commit; `make test` has all",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Watch skips in the process that writes the report, not in its workers."""
    path: Path | None = config.getoption("--allowed-skips")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipWatch(allowed_skips(path)), "skip-watch")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the fast tests first, so that a plain mistake shows before the product starts for the first time."""
    items.sort(key=lambda item: any(item.get_closest_marker(name) for name in LATE))
    if config.getoption("--quick"):
        tests = {id(test): test for item in items if (test := getattr(item, "obj", None)) is not None}
        for test in tests.values():  # each once: all parameters of a test share one function
            with_fewer_examples(test)


def with_fewer_examples(test: Callable[..., Any]) -> None:
    """Leave a property test one in QUICK_SHARE of its examples; other tests stay as they are."""
    if is_hypothesis_test(test):
        found: settings = getattr(test, SETTINGS)
        fewer = max(found.max_examples // QUICK_SHARE, min(found.max_examples, QUICK_LEAST))
        setattr(test, SETTINGS, settings(found, max_examples=fewer))


def allowed_skips(path: Path) -> list[re.Pattern[str]]:
    """Read one regular expression a line; empty lines and lines that begin with # say why."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


class SkipWatch:
    """Collects the reasons of skipped tests and fails the run for those that are not allowed."""

    def __init__(self, allowed: Iterable[re.Pattern[str]]) -> None:
        self._allowed = tuple(allowed)
        self._skipped: dict[tuple[str, str], bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skipped test; an expected failure is none."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that skips itself as a whole."""
        if report.skipped:
            self._note(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn success into failure when a skip is not allowed."""
        if session.exitstatus == pytest.ExitCode.OK and not all(self._skipped.values()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List every skip, with a verdict."""
        if not self._skipped:
            return
        terminalreporter.section("skipped")
        for (place, reason), allowed in sorted(self._skipped.items()):
            terminalreporter.line(f"{'allowed' if allowed else 'NOT ALLOWED'}: {place}: {reason}")
        if not all(self._skipped.values()):
            terminalreporter.line(
                "Install what is missing, or add the reason to the list of allowed skips and say why."
            )

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        self._skipped[report.nodeid, reason] = any(pattern.fullmatch(reason) for pattern in self._allowed)
