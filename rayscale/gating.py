"""A session that compares two revisions: what the gate does at pytest's hooks.

Registered under --against alone.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rayscale.gate.comparing import Comparison
    from rayscale.gate.request import Gate

WIDTH = 110  # of the table: a case, two times, a ratio with its interval, pairs, a verdict


class Gating:
    """One session's gate, and its hooks."""

    def __init__(self, config: pytest.Config) -> None:
        """Settle the request; UsageError where it cannot be met."""
        from rayscale.gate import request

        self.config = config
        self.gate: Gate = request.settle(config)

    def admit(self, kernels: Mapping[pytest.Item, Callable[..., Any]]) -> None:
        """Fix which cases are compared; UsageError where none can be."""
        from rayscale.gate import request

        request.admit(self.gate, kernels)

    def comparison(self, words: dict[str, Any], item: pytest.Item, benchmark: Any) -> "Comparison":
        """Return what answers the question of a case whose *words* these are."""
        from rayscale.gate.comparing import Comparison

        name = [words["problem"], *item.callspec.id.split("-")]  # type: ignore[attr-defined]  # a case
        return Comparison(words, " ".join(name), item.nodeid, self.gate, benchmark)

    def pytest_report_header(self) -> str:
        """Say what is compared with what."""
        return f"rayscale: against {self.gate.revision}, --pair-seed {self.gate.seed}"

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_benchmark_group_stats(self) -> list[Any]:
        """Leave pytest-benchmark nothing to show: its table has no base."""
        return []

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail where the head lacks what the base has, unless that is meant."""
        passed = session.exitstatus == pytest.ExitCode.OK
        if self.gate.removed and not self.gate.allow_removed and passed:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Show the verdicts, and write them where CI shows them."""
        from rayscale.gate import request
        from rayscale.terminal import width

        if self.gate.cases or self.gate.others:
            terminalreporter.section(f"head against {self.gate.revision}")
            terminalreporter.write(request.report(self.gate, max(width(), WIDTH)))
            request.write_markdown(self.gate, self.config.getoption("rayscale_gate_summary"))
