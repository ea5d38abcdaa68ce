"""So many processes are inside at once: that is how a CPU count is proven."""

import os
import time
from collections.abc import Iterator

import pytest

from rayscale.suite import barrier, placing
from rayscale.suite.cluster import Cluster, SessionCluster


@pytest.fixture
def cluster(rayscale_cluster: SessionCluster) -> Cluster:
    """Return the session's cluster, which runs."""
    return rayscale_cluster.running()


def _visit(word: str) -> Iterator[tuple[str, int]]:
    yield word, os.getpid()


@pytest.mark.ray(cpus=2)
def test_all_are_inside_at_once(cluster: Cluster) -> None:
    """However short a visit is, no process makes two of them: it stays until the other is there."""
    with cluster.grant(2) as group:
        where = placing.on_granted(group, placing.ONE, 2)
        each = [barrier.meet(_visit, ("a",), where, 1, patience=60) for _ in range(10)]

    assert [len(set(visits)) for visits in each] == [2] * 10
    assert {word for visits in each for word, _ in visits} == {"a"}


@pytest.mark.ray(cpus=2)
def test_who_cannot_come_is_given_up(cluster: Cluster) -> None:
    """Three visits on two CPUs never meet: time ends that, and then the CPUs are free again."""
    with cluster.grant(2) as group:
        where = placing.on_granted(group, placing.ONE, 3)
        begun = time.monotonic()
        came = barrier.meet(_visit, ("a",), where, 1, patience=1)

        assert time.monotonic() - begun >= 1
        assert len(came) < 3  # the two, if the machine is not very busy
        assert len(cluster.call_roll(2, group)) == 2


def test_nobody_to_meet_is_met_at_once() -> None:
    """Without a place to ask there is no answer, and no Ray is needed."""
    assert barrier.meet(_visit, ("a",), [], 1, patience=60) == []
