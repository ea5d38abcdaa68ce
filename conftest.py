"""The session: one Ray cluster for all; and no tests where only benchmarks are asked for."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import rayscale

HERE = Path(__file__).parent

# The files that need Gymnasium, which users of the plug-in do not.
ROLLOUT = ["kernels/rollout.py", "benchmarks/test_rollout.py", "tests/kernels/test_rollout.py"]
collect_ignore = [] if find_spec("gymnasium") else ROLLOUT  # pytest's own name for such a list


@pytest.fixture(scope="session")
def rayscale_cluster(pytestconfig: pytest.Config) -> Iterator["rayscale.SessionCluster"]:
    """The session's Ray cluster: private, on loopback, started when a case first needs it.

    It has as many CPUs as the neediest case; serial cases share the machine with it.
    """
    with rayscale.session_cluster(pytestconfig) as cluster:
        yield cluster


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave all but benchmarks/ alone where only benchmarks are asked for: tests need more."""
    only = config.getoption("benchmark_only") and collection_path.is_file()
    return True if only and not collection_path.is_relative_to(HERE / "benchmarks") else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what is left out, and what brings it."""
    if collect_ignore:
        terminalreporter.write_line(
            "benchmarks/test_rollout.py is left out: Gymnasium is not installed; pip install "
            "gymnasium==1.2.2"
        )
