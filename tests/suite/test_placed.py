"""A cluster of two nodes of two CPUs: where a case's CPUs are is chosen, proven and saved."""

from collections.abc import Iterator

import pytest

from tests.nodes import Nodes, cluster, needs_namespaces
from tests.projects import QUICK, Run, write

pytestmark = needs_namespaces

PROJECT = {
    "pytest.ini": "[pytest]\nrayscale = true\n",
    "test_double.py": """
import numpy as np
import rayscale

ROWS = np.arange(8.0)
WAYS = [rayscale.serial, rayscale.ray_blocks, rayscale.ray_actors]

def double(rows):
    return 2 * rows

@rayscale.cases({"double": double}, sizes={"few": 8}, ways=WAYS)
def test_double(measure, size):
    measure(ROWS, 2 * ROWS)
""",
    "test_costs.py": "from rayscale.overhead import test_empty_tasks\n",
}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Return a cluster of two nodes, of two CPUs each."""
    with cluster(0, 0, cpus=2) as started:
        write(started.project, PROJECT)
        yield started


@pytest.fixture(scope="module")
def run(nodes: Nodes) -> Run:
    """Return a run of two and of three CPUs, packed and spread."""
    words = ("--benchmark-only", "--cpus=2,3", "--placement=pack,spread", QUICK)
    return nodes.run_pytest(*words)


def test_cpus_are_where_they_are_asked_to_be(run: Run) -> None:
    """Two CPUs fit on one node, three need both; spread, they are on both."""
    assert run.exit_code == 0, run.output
    assert "begins again" not in run.output  # CPUs placed in one way made room for the other
    infos = {name: one["extra_info"] for name, one in run.cases.items()}
    cpus = {
        name: sorted(node["cpus"] for node in info["on_nodes"])
        for name, info in infos.items()
        if "ray_blocks" in name
    }
    assert cpus == {
        "double-ray_blocks-cpus2-pack-few": [2],
        "double-ray_blocks-cpus2-spread-few": [1, 1],
        "double-ray_blocks-cpus3-pack-few": [1, 2],
        "double-ray_blocks-cpus3-spread-few": [1, 2],
    }
    assert infos["double-ray_actors-cpus2-spread-few"]["placement"] == "spread"
    assert "placement" not in infos["double-serial-few"]


def test_probes_are_placed_and_say_which_cpus_are_away(run: Run) -> None:
    """Spread, one of two CPUs is on another node than the driver: its bytes cross the network."""
    info = run.cases["ray_per_row-cpus2-spread-10"]["extra_info"]

    assert info["placement"] == "spread"
    assert sorted(node["away"] for node in info["on_nodes"]) == [False, True]


def test_run_is_kept_under_the_clusters_name(run: Run) -> None:
    """So it is not compared with a single machine's."""
    (saved,) = run.saved

    assert saved.parent.name.startswith("2nodes-")
    assert "-4cpu-" in saved.parent.name


def test_tables_of_two_placements(run: Run) -> None:
    """The summary has one for each."""
    assert "test_double few (8), packed on few nodes" not in run.output
    assert "double few (8), packed on few nodes" in run.output
    assert "double few (8), spread over many nodes" in run.output


def test_conditions_are_saved_of_each_node(run: Run) -> None:
    """Those that may make one node slower than another."""
    (node, _) = run.cases["double-ray_blocks-cpus2-spread-few"]["extra_info"]["on_nodes"]

    assert node.keys() == {
        "node", "cpus", "away", "cpu", "niceness", "blas_threads", "allocator", "load",
    }  # fmt: skip
    assert node["cpu"] != "unknown"
