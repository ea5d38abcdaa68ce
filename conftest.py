"""The session: one Ray cluster for all, and the fixture that every benchmark uses."""

from rayscale.suite.environment import fix_threads_and_allocator

fix_threads_and_allocator()  # before anything imports NumPy

from collections.abc import Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from rayscale.gate.comparing import Comparison
from rayscale.gate.request import GATE
from rayscale.suite import cluster
from rayscale.suite.case import Case
from rayscale.suite.measure import Measure
from rayscale.suite.options import CPUS_NEEDED, OPTIONS, rounds
from rayscale.suite.probe import Probe

pytest_plugins = ["rayscale.plugin"]


@pytest.fixture(scope="session")
def ray_cluster(pytestconfig: pytest.Config) -> Iterator[cluster.Cluster | None]:
    """The session's Ray cluster, with as many CPUs as any case needs; None if none needs it.

    Serial cases share the machine with it too: the same conditions in every arm.
    """
    cpus = pytestconfig.stash[CPUS_NEEDED]
    address = pytestconfig.stash[OPTIONS].ray_address
    if not cpus:
        yield None
    elif address:
        gate = pytestconfig.stash[GATE]
        packages = gate.packages if gate else ()
        with cluster.existing(address, cpus, packages=packages) as running:
            yield running
    else:
        with cluster.private(cpus) as running:
            yield running


@pytest.fixture
def measure(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    ray_cluster: cluster.Cluster | None,
    kernel: str,
    implementation: str,
    cpus: int,
    size: str,
) -> Measure | Comparison:
    """Check and time the case of this test, or compare it: ``measure(rows, expected)``."""
    problem = request.function.__name__.removeprefix("test_")
    benchmark.group = f"{problem} {size}"
    case = Case(problem, kernel, implementation, cpus, size)
    own_cluster = ray_cluster if implementation != "serial" else None
    if gate := request.config.stash[GATE]:
        words = [problem, *request.node.callspec.id.split("-")]
        nodeid = request.node.nodeid
        return Comparison(case, " ".join(words), nodeid, gate, benchmark, own_cluster)
    return Measure(
        case=case,
        oversubscribed=request.node.get_closest_marker("oversubscribed") is not None,
        benchmark=benchmark,
        rounds=rounds(request.node),
        cluster=own_cluster,
    )


@pytest.fixture
def probe(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    ray_cluster: cluster.Cluster | None,
    implementation: str,
    cpus: int,
) -> Probe:
    """Time what a way of running costs by itself: ``probe(kernel, rows)``."""
    name = request.function.__name__.removeprefix("test_")
    benchmark.group = f"overhead {name}"
    return Probe(
        name=name,
        implementation=implementation,
        cpus=cpus,
        benchmark=benchmark,
        rounds=rounds(request.node).fewest,
        cluster=ray_cluster if implementation != "serial" else None,
    )
