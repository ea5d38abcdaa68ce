"""CPUs that a cluster does not have yet, or has lost."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from rayscale.suite import awaiting, placing
from rayscale.suite.awaiting import Patience, demand_cpus
from rayscale.suite.cluster import Cluster, ClusterError, GrantError

Totals = Callable[..., None]


@pytest.fixture
def totals(monkeypatch: pytest.MonkeyPatch) -> Totals:
    """Return a function that says how many CPUs the cluster has, second by second."""

    def say(*each: int) -> None:
        seconds: Iterator[int] = iter(range(100))
        left = list(each)
        clock = SimpleNamespace(monotonic=lambda: next(seconds), sleep=lambda _: None)
        monkeypatch.setattr(awaiting, "time", clock)
        monkeypatch.setattr(awaiting, "cpus_there", lambda: left.pop(0) if left[1:] else left[0])

    return say


def test_cpus_that_come_are_waited_for_with_a_word(totals: Totals) -> None:
    """A node that is late, or comes back, is in time."""
    totals(1, 1, 2)
    said: list[str] = []
    demand_cpus("h:1", Patience(60, said.append), 2)

    (word,) = said
    assert word == (
        'this case needs 2 CPUs and the cluster at "h:1" has 1; waiting up to 60 s for more '
        "(--rayscale-cluster-timeout)"
    )


def test_cpus_that_are_there_need_no_word(totals: Totals) -> None:
    """Nothing is said where nothing is waited for."""
    totals(2)
    said: list[str] = []
    demand_cpus("h:1", Patience(60, said.append), 2)

    assert said == []


def test_cpus_that_do_not_come_are_no_fault_to_begin_again_after(totals: Totals) -> None:
    """After the time the case fails at once: to wait twice more would not bring them."""
    totals(1)
    with pytest.raises(ClusterError, match=r"this case needs 2 CPUs .* has 1; choose") as raised:
        demand_cpus("h:1", Patience(60, lambda _: None), 2)

    assert not isinstance(raised.value, GrantError)


def test_node_that_has_left_spoils_what_runs_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A case with CPUs on it is begun again; the loss of any other node is not its concern."""
    cluster = Cluster(2, is_shared=True)
    monkeypatch.setattr(placing, "alive", lambda: ("a", "b"))
    assert cluster.lost is None

    group: Any = "a group of Ray's"
    cluster._nodes[group] = ("a", "b")
    assert cluster.lost is None

    monkeypatch.setattr(placing, "alive", lambda: ("a", "c"))
    assert cluster.lost == "a node of the Ray cluster died, or left it"
