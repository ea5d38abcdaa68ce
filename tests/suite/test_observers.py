"""What is asked of a node of the cluster: its clock."""

from types import SimpleNamespace

import pytest
import ray

from rayscale.suite import observers
from rayscale.suite.cluster import SessionCluster
from rayscale.suite.environment import own_node
from rayscale.suite.observers import Clock


@pytest.mark.ray(cpus=1)
def test_clock_of_this_node_is_this_clock(rayscale_cluster: SessionCluster) -> None:
    """However long the exchanges take, the two differ by no more than is said."""
    rayscale_cluster.running()
    clock = observers.clocks([own_node()])[own_node()]

    assert abs(clock.ahead) <= clock.within


def test_shortest_exchange_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of exchanges of 4, 1 and 3 s with a clock that is 10 s ahead, the second one is it.

    The first one's answer was read 1 s after the question, not 2: its estimate is 9 s.
    """
    times = iter([0.0, 4.0, 5.0, 6.0, 7.0, 10.0])
    answers = iter([11.0, 15.5, 20.0])
    task = SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda: None))
    monkeypatch.setattr(ray, "remote", lambda **_: lambda _: task)
    monkeypatch.setattr(ray, "get", lambda _: next(answers))
    monkeypatch.setattr(observers, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    monkeypatch.setattr(observers, "EXCHANGES", 3)

    assert observers._clock("a" * 56) == Clock(ahead=10.0, within=0.5)
