"""Where tasks go, to reach the processes that work on a case's CPUs."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from rayscale.suite.actors import demand_processes
from rayscale.suite.cluster import ClusterError
from rayscale.suite.environment import conditions
from rayscale.suite.placing import ONE, on_all_workers, on_granted
from rayscale.suite.witness import Answer, Tally

A, B, C = ("a" * 56, "b" * 56, "c" * 56)  # as Ray's nodes are called
GROUP: Any = SimpleNamespace()  # of Ray's; what asks for it looks at it no closer


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
