"""One live line on a terminal: which case runs, how many are left, about how long they take."""

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from statistics import fmean

import pytest

from rayscale.suite.neighbours import is_noisy


class LiveLine:
    """Rewrites one line, case by case; silent where pytest does not write to a terminal."""

    def __init__(
        self, config: pytest.Config, cases: Sequence[pytest.Item], known: Mapping[str, float]
    ) -> None:
        """Take the *cases* to be run, and the seconds that are *known* of each from before."""
        self.config = config
        self.left = list(cases)
        self.known = known
        self.noisy = 0  # cases, until now
        self.seen: defaultdict[str, list[float]] = defaultdict(list)  # seconds by size

    @property
    def terminal(self) -> "pytest.TerminalReporter | None":
        """Pytest's reporter, if it writes to a terminal, at its usual length."""
        reporter: pytest.TerminalReporter | None = self.config.pluginmanager.get_plugin(
            "terminalreporter"
        )
        usual = self.config.get_verbosity() == 0
        return reporter if reporter is not None and reporter.isatty and usual else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Show the case while it runs."""
        if item not in self.left:
            return (yield)
        if self.terminal:
            noisy = f", {self.noisy} noisy (^)" if self.noisy else ""
            text = f"{item.name}: {len(self.left)} left{self._about()}{noisy}"
            self.terminal.rewrite(text, erase=True)
        done = yield
        self.left.remove(item)
        if self.terminal and not self.left:
            self.terminal.rewrite("", erase=True)
        return done

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Count the cases whose time others disturbed."""
        benchmark = getattr(item, "funcargs", {}).get("benchmark")
        self.noisy += item in self.left and is_noisy(getattr(benchmark, "extra_info", {}))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Learn how long a case takes, once Ray runs."""
        if report.when == "call" and (item := self._case(report)) is not None:
            self.seen[_size(item)].append(report.duration)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Let no dots of cases fall into the live line; failures are shown as ever."""
        shown = self.terminal and report.when == "call" and report.passed
        return ("passed", "", "") if shown and self._case(report) is not None else None

    def _case(self, report: pytest.TestReport) -> pytest.Item | None:
        return next((item for item in self.left if item.nodeid == report.nodeid), None)

    def _about(self) -> str:
        """Return how long the cases left take, in words, if anything is known of each."""
        seconds = [self._expected(item) for item in self.left]
        known = [each for each in seconds if each is not None]
        if len(known) < len(seconds):
            return ""
        total = sum(known)
        return f", about {total / 60:.0f} min" if total >= 90 else f", about {total:.0f} s"

    def _expected(self, item: pytest.Item) -> float | None:
        if item.nodeid in self.known:
            return self.known[item.nodeid]
        alike = self.seen.get(_size(item))
        return fmean(alike) if alike else None


def _size(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("size", "")) if callspec else ""
