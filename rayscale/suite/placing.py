"""Where a case's CPUs are: on one node of the cluster, or on several that must each be asked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rayscale.suite.environment import own_node
from rayscale.suite.ways import in_group

if TYPE_CHECKING:
    from ray.util.placement_group import PlacementGroup

Nodes = tuple[str, ...]  # their ids
ONE: Nodes = ()  # a cluster of one node: where it is need not be said


def alive() -> Nodes:
    """Return the nodes of the cluster that Ray believes to be there; a lost one for up to 15 s."""
    return tuple(cpus_by_node())


def cpus_by_node() -> dict[str, int]:
    """Return how many CPUs of Ray's each node of the cluster has."""
    import ray

    nodes = [one for one in ray.nodes() if one["Alive"]]
    return {one["NodeID"]: int(one["Resources"].get("CPU", 0)) for one in nodes}


def nodes_of(group: "PlacementGroup") -> Nodes:
    """Return the node of each CPU of *group*, in order; ONE if the cluster has no other."""
    from ray.util.placement_group import placement_group_table

    if len(alive()) < 2:
        return ONE
    nodes = placement_group_table(group)["bundles_to_node_id"]
    return tuple(nodes[bundle] for bundle in range(group.bundle_count))


def share_away(nodes: Nodes, tasks: int) -> float | None:
    """Return the share of so many *tasks*, on CPUs of *nodes* in turn, on others than the driver's.

    None if the cluster has one node.
    """
    if not nodes:
        return None
    here = own_node()
    return sum(nodes[task % len(nodes)] != here for task in range(tasks)) / tasks


def on_granted(group: "PlacementGroup | None", nodes: Nodes, cpus: int) -> list[Any]:
    """Return where *cpus* tasks go, one on each CPU of *group*, which are on these *nodes*.

    Where these are several, each CPU is named: Ray would send all tasks to one node (2.60).
    """
    if group is None:
        return [None] * cpus
    if len(set(nodes)) < 2:
        return [in_group(group)] * cpus
    return [in_group(group, bundle) for bundle in range(cpus)]


def on_all_workers(nodes: Nodes, known: Sequence[str], more: int) -> list[Any]:
    """Return where tasks that take no CPU go, to reach all worker processes on *nodes*.

    *known* has the node of each process that is known: so many are asked, and so many *more*.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    if not nodes:
        return [None] * (len(known) + more)
    return [
        NodeAffinitySchedulingStrategy(node, soft=False)
        for node in sorted(set(nodes))
        for _ in range(known.count(node) + more)
    ]
