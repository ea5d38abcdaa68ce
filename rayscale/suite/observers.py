"""Observers: tasks that take no CPU, on nodes of the cluster that are named, tell of these."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rayscale.suite import witness
from rayscale.suite.environment import Conditions

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
    import ray

    asked = [_task(witness.answer, node).remote("", (), 0.0) for node in nodes]
    answered, _ = ray.wait(asked, num_returns=len(asked), timeout=patience)
    found = []
    for reference in answered:
        with suppress(ray.exceptions.RayError):  # it was lost
            found.append(ray.get(reference).conditions)
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


def _now() -> float:
    return time.perf_counter()
