"""Observers: tasks that take no CPU, on nodes of the cluster that are named, tell of these."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rayscale import machine
from rayscale.suite import witness
from rayscale.suite.environment import Conditions, own_node

EXCHANGES = 20  # of which the shortest counts: 1 to 3 ms each, a cold worker's first one a second


@dataclass(frozen=True)
class Clock:
    """A node's clock: so many seconds *ahead* of this process's own, *within* so many."""

    ahead: float
    within: float


SAME = Clock(ahead=0.0, within=0.0)  # all processes of a node share one


def clocks(nodes: Iterable[str]) -> dict[str, Clock]:
    """Return the clock of each of *nodes*: the one that ``time.perf_counter`` reads."""
    return {node: _clock(node) for node in nodes}


def conditions_on(nodes: Iterable[str], patience: float) -> list[Conditions]:
    """Return the conditions of a worker on each of *nodes*, of those that answer in time.

    A node that was lost is not known to be so at once (Ray 2.60: after 15 s).
    """
    told = _told(witness.answer, nodes, patience, "", (), 0.0)
    return [answer.conditions for answer in told.values()]


def hardware_on(nodes: Iterable[str], patience: float) -> dict[str, dict[str, Any]]:
    """Return the hardware of each of *nodes* that answers in time; it takes a second."""
    return _told(_hardware, nodes, patience)


def on_nodes(
    workers: Sequence[Conditions], hardware: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return what a run saves of each node that *workers* are on, whose *hardware* is known."""
    here, nodes = own_node(), dict.fromkeys(worker.node for worker in workers)
    return [
        _on_node(node, [one for one in workers if one.node == node], hardware.get(node, {}))
        | {"away": node != here}
        for node in nodes
    ]


def _on_node(
    node: str, workers: Sequence[Conditions], hardware: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the words of ``measured.OnNode``, which loads too much for a worker."""
    return {
        "node": node,
        "cpus": len(workers),
        "cpu": hardware.get("cpu", "unknown"),
        "niceness": max(worker.niceness for worker in workers),
        "blas_threads": max(worker.blas_threads for worker in workers),
        "allocator": " or ".join(sorted({worker.allocator for worker in workers})),
        "load": max(worker.load for worker in workers),
    }


def _told(
    function: Callable[..., Any], nodes: Iterable[str], patience: float, *arguments: Any
) -> dict[str, Any]:
    """Return what *function* returns on each of *nodes*, of those that answer in time."""
    import ray

    asked = {_task(function, node).remote(*arguments): node for node in nodes}
    if not asked:
        return {}
    found = {}
    answered, _ = ray.wait([*asked], num_returns=len(asked), timeout=patience)
    for reference in answered:
        with suppress(ray.exceptions.RayError):  # it was lost
            found[asked[reference]] = ray.get(reference)
    return found


def _task(function: Callable[..., Any], node: str) -> Any:
    """Return what runs *function* on *node*."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(num_cpus=0, max_retries=0)(function).options(scheduling_strategy=there)


def _clock(node: str) -> Clock:
    """Ask *node* for its time again and again; believe the exchange that took least.

    Its clock was read somewhere between question and answer, so the middle is wrong by half the
    exchange at most.  (Mills, Network Time Protocol, RFC 958, 1985, has the same estimate.)
    """
    import ray

    task, exchanges = _task(_now, node), []
    for _ in range(EXCHANGES):
        asked = time.perf_counter()
        theirs = ray.get(task.remote())
        exchanges.append((asked, theirs, time.perf_counter()))
    asked, theirs, answered = min(exchanges, key=lambda one: one[2] - one[0])
    return Clock(theirs - (asked + answered) / 2, (answered - asked) / 2)


def _hardware() -> dict[str, Any]:
    return machine.hardware()


def _now() -> float:
    return time.perf_counter()
