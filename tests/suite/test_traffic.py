"""Nodes that send slowly: what crosses the network takes as long as that says, and is said to."""

import json
from collections.abc import Iterator

import pytest

from rayscale.report import contents, page
from rayscale.report.subject import read
from rayscale.saved.launches import read as read_launch
from tests.nodes import Nodes, cluster, may_delay, needs_namespaces
from tests.projects import Run, write

pytestmark = needs_namespaces

RATE = 100e6 / 8  # bytes a second
DELAY = 0.02  # seconds, each way
NBYTES = 4 * 8 * 2**20  # of 4 tasks
DELAYS = may_delay()

OVERHEAD = """
from rayscale.overhead import test_bytes_in, test_empty_tasks

__all__ = ["test_bytes_in", "test_empty_tasks"]
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Return a cluster whose head, where the driver is, has no CPU, and the other node has one."""
    delay = f"{DELAY * 1000:.0f}ms" if DELAYS else ""
    with cluster(0, 0, at_head=0, rate="100mbit", delay=delay) as started:
        write(started.project, {"pytest.ini": "[pytest]\n", "test_overhead.py": OVERHEAD})
        yield started


@pytest.fixture(scope="module")
def timed(nodes: Nodes) -> Run:
    """Return a run of a task that does nothing, and of tasks that get 8 MiB each."""
    return nodes.run_pytest(
        *("--benchmark-only", "--rayscale-cpus=1", "--benchmark-min-rounds=2"),
        *("-k", "empty_tasks and cpus1-1] or bytes_in and 8MiB"),
    )


def test_bytes_that_cross_the_network_take_as_long_as_its_rate_says(timed: Run) -> None:
    """32 MiB at 12.5 MB/s take 2.7 s, however fast the machine is; less a burst of 32 KiB."""
    assert timed.exit_code == 0, timed.output
    moved = timed.cases["ray_per_row-cpus1-8MiB"]

    assert moved["stats"]["min"] > 0.99 * NBYTES / RATE
    assert [(one["cpus"], one["away"]) for one in moved["extra_info"]["on_nodes"]] == [(1, True)]


@pytest.mark.skipif(not DELAYS, reason="this kernel has no netem, which delays what is sent")
def test_task_on_another_node_takes_the_way_there_and_back(timed: Run) -> None:
    """20 ms each way, however fast the machine is."""
    assert timed.cases["ray_per_row-cpus1-1"]["stats"]["min"] > 2 * DELAY


def test_report_says_where_the_cpus_were_and_what_cannot_be_told(timed: Run) -> None:
    """The driver's node had no CPU, so nothing says how much of it is the network's."""
    (file,) = timed.saved
    launch = read_launch(file)
    shown = page.as_markdown(contents.contents(read([launch]), [launch]))

    assert json.loads(file.read_text())["machine_info"]["hardware"]["nodes"] == 2
    assert "What the network costs on 1 CPU on another node cannot be told" in shown
