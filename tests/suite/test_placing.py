"""Where tasks go, to reach the processes that work on a case's CPUs."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from rayscale.suite import cluster as cluster_room
from rayscale.suite import placing
from rayscale.suite.actors import demand_processes
from rayscale.suite.cluster import Cluster, ClusterError, GrantError
from rayscale.suite.environment import conditions
from rayscale.suite.placing import ONE, on_all_workers, on_granted
from rayscale.suite.witness import Answer, Tally

A, B, C = ("a" * 56, "b" * 56, "c" * 56)  # as Ray's nodes are called
GROUP: Any = SimpleNamespace()  # of Ray's; what asks for it looks at it no closer


@dataclass(frozen=True)
class Group:
    """A placement group, as far as it is looked at."""

    bundle_count: int


@pytest.mark.parametrize(
    ("nodes", "bundles"), [(ONE, [-1, -1]), ((A, A), [-1, -1]), ((A, B), [0, 1])]
)
def test_cpus_on_several_nodes_are_asked_one_by_one(
    nodes: tuple[str, ...], bundles: list[int]
) -> None:
    """On one node Ray chooses among the CPUs: then a free one is asked, whichever it is."""
    where = on_granted(GROUP, nodes, 2)

    assert [one.placement_group_bundle_index for one in where] == bundles


def test_all_workers_on_each_node_are_asked() -> None:
    """As many as are known on each node of the case, and some more; other nodes are left alone."""
    where = on_all_workers((A, B, A), known=[A, A, C], more=1)

    assert [one.node_id for one in where] == [A, A, A, B]
    assert on_all_workers(ONE, known=[A, A], more=1) == [None] * 3


def test_processes_of_one_number_on_two_nodes_are_two() -> None:
    """Two nodes may have one host name, and processes of one number: the node tells them apart."""
    here = conditions()
    twins = [Answer(replace(here, node=node), Tally()) for node in (A, B)]

    demand_processes(twins, 2, "actors")
    with pytest.raises(ClusterError, match="2 actors answered from 1 processes"):
        demand_processes([twins[0], twins[0]], 2, "actors")


@pytest.mark.parametrize(
    ("placement", "nodes", "wanted"), [("pack", (A, B), 1), ("spread", (A, A), 2)]
)
def test_cpus_that_are_elsewhere_are_refused(
    placement: str, nodes: tuple[str, str], wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a cluster of two nodes of two CPUs: a case's name must not say what is not so."""
    monkeypatch.setattr(placing, "cpus_by_node", lambda: {A: 2, B: 2})
    here = conditions()
    workers = [replace(here, node=node) for node in nodes]
    cluster = Cluster(4, is_shared=True, placement=placement)

    with pytest.raises(GrantError, match=f'"{placement}" has them on {wanted}'):
        cluster.demand_placement(workers)
    Cluster(4, is_shared=True).demand_placement(workers)  # nothing was asked for


def test_groups_are_had_again_by_cases_placed_alike_alone() -> None:
    """CPUs that were set aside for a packed case are not those of a case that is spread."""
    group: Any = Group(bundle_count=2)
    cluster = Cluster(4, placement="pack", _placements={group: "pack"})

    assert cluster._fits(group, 2)
    assert not cluster._fits(group, 3)
    cluster.placement = "spread"
    assert not cluster._fits(group, 2)


@pytest.mark.parametrize(("own", "real", "cores"), [(1, 2, 3), (2, 2, 4), (8, 2, 4)])
def test_cores_are_cpus_that_nodes_have(
    own: int, real: int, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray may have been started with more CPUs than a node has, or with fewer: 2 on the other."""
    monkeypatch.setattr(placing, "cpus_by_node", lambda: {A: own, B: 2})
    nodes = {node: {"cpus": real} for node in (A, B)}
    cluster = Cluster(4, is_shared=True, hardware=dict(nodes))

    assert cluster.cores() == cores


def test_cpus_that_are_placed_otherwise_are_given_back_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though enough others are free: spread, a case may need one of the packed one's."""
    packed: Any = Group(bundle_count=2)
    cluster = Cluster(4, placement="spread", _placements={packed: "pack"}, _spare=[packed])
    given_back: list[Any] = []
    monkeypatch.setattr(cluster, "_give_back", given_back.append)
    monkeypatch.setattr(cluster, "_set_aside", lambda cpus: Group(bundle_count=cpus))

    with cluster.reserve(2):
        assert given_back == [packed]


@dataclass(frozen=True)
class Offer:
    """A placement group of one CPU, on *node*."""

    node: str
    bundle_count: int = 1


@pytest.mark.parametrize(
    ("here", "offered", "taken"),
    [
        (A, [B, B, A], A),  # Ray grants other CPUs first, when these were given back just before
        (A, [B] * 9, B),  # something else has them: the case runs there
        (C, [B, A], B),  # no CPU of Ray's is where the driver is
    ],
)
def test_packed_cpus_are_the_drivers_own_if_it_has_enough(
    here: str, offered: list[str], taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a run on a cluster has figures without a network; others are given back meanwhile."""
    offers, homes, held = map(Offer, offered), list[Any](), list[Any]()
    monkeypatch.setattr(placing, "cpus_by_node", lambda: {A: 2, B: 2})
    monkeypatch.setattr(placing, "nodes_of", lambda group: (group.node,))
    monkeypatch.setattr(cluster_room, "own_node", lambda: here)
    monkeypatch.setattr(cluster_room, "BETWEEN_LOOKS", 0)
    cluster = Cluster(4, is_shared=True, placement="pack")

    def ask(cpus: int, how: str, home: str | None) -> Offer:
        homes.append(home)
        held.append(next(offers))
        return held[-1]  # type: ignore[no-any-return]  # an Offer

    monkeypatch.setattr(cluster, "_ask_for", ask)
    monkeypatch.setattr(cluster, "_give_back", held.remove)
    group: Any = cluster._set_aside(1)

    assert group.node == taken
    assert held == [group]
    assert set(homes) == {None if here == C else A}
