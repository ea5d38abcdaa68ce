"""A cluster of two nodes: CPU counts are proven, and code arrives, on both."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.clusters import wait_until
from tests.nodes import NAMESPACES, Nodes, cluster, needs_namespaces
from tests.projects import QUICK, Run, write
from tests.raylets import Raylets, raylets

Several = Nodes | Raylets  # raylets of one machine where no namespaces may be made

AHEAD = 5000  # seconds that the second node's clock is ahead of the first one's

PROJECT = {
    "pytest.ini": "[pytest]\nrayscale = true\npythonpath = lib\n",
    # Only the head has this folder, and pytest alone has it on its path.
    "lib/far.py": """
import time

def double(rows):
    time.sleep(0.002 * len(rows))
    return 2 * rows
""",
    "test_far.py": """
import numpy as np
import rayscale
from far import double

ROWS = np.arange(8.0)
WAYS = [rayscale.serial, rayscale.ray_blocks, rayscale.ray_actors, rayscale.ray_pool]

def triple(rows):
    return 3 * rows

@rayscale.cases({"double": double}, sizes={"few": 8}, ways=WAYS)
def test_double(measure, size):
    measure(ROWS, 2 * ROWS)

@rayscale.cases({"triple": triple}, sizes={"few": 8}, ways=[rayscale.ray_blocks], cpus=[2])
def test_triple(measure, size):
    measure(ROWS, 3 * ROWS)
""",
}

# A kernel that says that it is at work and goes on when it is told that a node is lost.
LINGER = """
import os
import time
from pathlib import Path

import numpy as np
import rayscale

ROWS = np.arange(8.0)
STAGE = Path(os.environ["STAGE"])

def linger(rows):
    (STAGE / f"at-work-{os.getpid()}").touch()
    deadline = time.monotonic() + 100
    while not (STAGE / "lost").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return rows

@rayscale.cases({"linger": linger}, sizes={"few": 8}, ways=[rayscale.ray_blocks], cpus=[2])
def test_two(measure, size):
    measure(ROWS, ROWS)

@rayscale.cases({"linger": linger}, sizes={"few": 8}, ways=[rayscale.ray_blocks], cpus=[1])
def test_one(measure, size):
    measure(ROWS, ROWS)
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Several]:
    """Return a cluster of two nodes, of one CPU and one host name each."""
    with cluster(0, AHEAD) if NAMESPACES else raylets(2) as started:
        write(started.project, PROJECT | {"test_lost.py": LINGER})
        yield started


@pytest.fixture(scope="module")
def timed(nodes: Several) -> Run:
    """Return a run of all cases, timed on one CPU and on two, which are on two nodes."""
    return nodes.run_pytest("test_far.py", "--benchmark-only", "--cpus=1,2", QUICK)


def test_cpus_of_two_nodes_are_proven(timed: Run) -> None:
    """Tasks, actors and Ray's pool: what ran on both nodes was seen, to the last row."""
    assert timed.exit_code == 0, timed.output
    seen = {name: one["extra_info"] for name, one in timed.cases.items()}
    on_ray = {name: info for name, info in seen.items() if "ray" in name}

    assert len(on_ray) == 3 * 2 + 1
    assert all(info["cpus_proven"] for info in seen.values())
    asked = {name: int(name.partition("cpus")[2][0]) for name in on_ray}
    # Each node has one CPU, so on two CPUs a case is on two nodes.
    assert {name: info["workers"] for name, info in on_ray.items()} == asked
    assert {name: info["nodes"] for name, info in on_ray.items()} == asked


@needs_namespaces
def test_clocks_of_two_nodes_are_put_right(timed: Run) -> None:
    """The times that two nodes note by clocks 5,000 s apart are all of the call that they are of.

    Each of 8 rows takes 2 ms, so half of them on each node take 8 ms.
    """
    info = timed.cases["double-ray_blocks-cpus2-few"]["extra_info"]
    phases, within = info["phases"], info["clocks_within"]

    assert 0 < within < 1
    assert phases["executing"] >= 0.008
    assert all(seconds >= -within for seconds in phases.values())
    assert sum(phases.values()) < AHEAD / 100


def test_code_that_only_the_driver_has_reaches_both_nodes(timed: Run) -> None:
    """A module of a folder that the other node does not have, and a function of the test file."""
    routes = {name: one["extra_info"]["code"] for name, one in timed.cases.items()}

    assert routes["double-ray_blocks-cpus2-few"] == "shipped"
    assert routes["triple-ray_blocks-cpus2-few"] == "value"


@contextmanager
def spoilt(nodes: Several, patience: int) -> Iterator[Future[Run]]:
    """Run cases, and lose the second node while a case works on both; wait till that is said."""
    stage = nodes.folder / f"stage{patience}"
    stage.mkdir()
    words = ("test_lost.py", "--benchmark-only", f"--cluster-timeout={patience}", QUICK)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(nodes.run_pytest, *words, STAGE=str(stage))
        try:
            wait_until(
                lambda: len([*stage.glob("at-work-*")]) == 2 or run.done(), "two workers at work"
            )
            nodes.lose(nodes.nodes[1])
        finally:
            (stage / "lost").touch()
        waits = f"waiting up to {patience} s for more (--rayscale-cluster-timeout)"
        wait_until(lambda: waits in nodes.output.read_text() or run.done(), "a word of waiting")
        assert not run.done() or patience < 10, nodes.output.read_text()
        yield run


def test_case_that_lost_a_node_begins_again_when_its_cpus_are_back(nodes: Several) -> None:
    """It says what has happened and what it waits for; the run saves why it was repeated."""
    with spoilt(nodes, patience=60) as running:
        nodes.start(nodes.nodes[1])
        run = running.result()

    assert run.exit_code == 0, run.output
    assert "test_two[linger-ray_blocks-cpus2-few] begins again: " in run.output
    assert len(run.cases["linger-ray_blocks-cpus2-few"]["extra_info"]["repeated"]) == 1
    assert "repeated" not in run.cases["linger-ray_blocks-cpus1-few"]["extra_info"]


def test_case_whose_cpus_are_lost_for_good_fails_and_the_others_go_on(nodes: Several) -> None:
    """What it lacks is said in one sentence; a case that needs no more than is left is timed."""
    with spoilt(nodes, patience=1) as running:
        run = running.result()

    assert run.exit_code == 1, run.output
    assert (
        f'this case needs 2 CPUs and the cluster at "{nodes.address}" has 1; choose cases that '
        "need no more, with -k"
    ) in run.output
    assert list(run.cases) == ["linger-ray_blocks-cpus1-few"]
    assert "Traceback" not in run.output
