"""The session: one Ray cluster for all; and no tests where only benchmarks are asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import rayscale

HERE = Path(__file__).parent


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
