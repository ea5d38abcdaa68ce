"""The session: one Ray cluster for all; and no tests where only benchmarks are asked for."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from re import findall

import pytest

import rayscale

HERE = Path(__file__).parent

# The files that need Gymnasium, which users of the plug-in do not.
ROLLOUT = [
    *("kernels/rollout.py", "kernels/search.py", "benchmarks/test_rollout.py"),
    *("tests/kernels/test_rollout.py", "tests/suite/test_environments.py"),
]
collect_ignore = [] if find_spec("gymnasium") else ROLLOUT  # pytest's own name for such a list

# Tune and RLlib: minutes, and packages of gigabytes; run where the mark rl is asked for.
LEARNING = [
    HERE / one for one in ("benchmarks/test_search.py", "benchmarks/test_rllib.py", "tests/rl")
]
LEFT_OUT = pytest.StashKey[bool]()  # whether one of them was
LEARNS_WITH = ("gymnasium", "torch", "tree", "tensorboardX")  # tree: of RLlib, tensorboardX of Tune


@pytest.fixture(scope="session")
def rayscale_cluster(pytestconfig: pytest.Config) -> Iterator["rayscale.SessionCluster"]:
    """The session's Ray cluster: private, on loopback, started when a case first needs it.

    It has as many CPUs as the neediest case; serial cases share the machine with it.
    """
    with rayscale.session_cluster(pytestconfig) as cluster:
        yield cluster


def pytest_configure(config: pytest.Config) -> None:
    """Have the mark of Tune and RLlib, and refuse it where they cannot run."""
    config.addinivalue_line("markers", "rl: Ray Tune and RLlib, for minutes; tox run -e rl")
    missing = [name for name in LEARNS_WITH if find_spec(name) is None]
    if _learns(config) and missing:
        raise pytest.UsageError(
            f"-m rl needs the dependency group rl, and {', '.join(missing)} cannot be imported; "
            "python3 -m tox run -e rl installs it"
        )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave all but benchmarks/ alone where only benchmarks are asked for: tests need more.

    What needs Tune and RLlib is left alone, unless it is asked for.
    """
    if collection_path in LEARNING and not _learns(config):
        config.stash[LEFT_OUT] = True
        return True
    only = config.getoption("benchmark_only") and collection_path.is_file()
    return True if only and not collection_path.is_relative_to(HERE / "benchmarks") else None


def _learns(config: pytest.Config) -> bool:
    """Tell whether -m names the mark of Tune and RLlib."""
    return bool(findall(r"(?<!not )\brl\b", config.getoption("markexpr")))


def pytest_terminal_summary(
    terminalreporter: "pytest.TerminalReporter", config: pytest.Config
) -> None:
    """Say what is left out, and what brings it."""
    if collect_ignore:
        terminalreporter.write_line(
            "benchmarks/test_rollout.py is left out: Gymnasium is not installed; pip install "
            "gymnasium==1.2.2"
        )
    if config.stash.get(LEFT_OUT, False):
        terminalreporter.write_line(
            "Ray Tune and RLlib are left out: python3 -m tox run -e rl installs and runs them"
        )
