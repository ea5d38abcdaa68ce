"""A barrier: tasks are at work all at once, each in a process of its own, before one may leave.

Each gives one thing, and waits until that is taken: Ray has such a brake for generators that are
faster than their reader (2.60).  So the CPU of a task that waits stays taken, on any node; nothing
is polled, and no port is opened.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

GIVE_ONE_AND_WAIT: dict[str, Any] = {
    "num_returns": "streaming",
    "_generator_backpressure_num_objects": 1,
}


def meet(
    visit: Callable[..., Iterator[Any]],
    words: Sequence[Any],
    where: Sequence[Any],
    cpus_each: int,
    patience: float,
) -> list[Any]:
    """Return what ``visit(*words)`` yields in tasks *where* Ray is asked to run them, all at once.

    Each takes *cpus_each* CPUs.  If not all come within *patience* seconds, what those gave that
    did.  The others are forgotten, so that one that comes later need not wait; a cancel can abort
    the driver (see ``failing.py``).  What a visit raises, is raised.
    """
    import ray

    if not where:
        return []
    task: Any = ray.remote(num_cpus=cpus_each, max_retries=0)(visit)
    visitors: list[Any] = [
        task.options(scheduling_strategy=one or "DEFAULT", **GIVE_ONE_AND_WAIT).remote(*words)
        for one in where
    ]
    inside: list[Any]
    inside, _ = ray.wait(visitors, num_returns=len(visitors), timeout=patience)
    given = [next(one) for one in inside]  # what is taken lets them leave
    found: list[Any] = ray.get(given)
    ray.get([one.completed() for one in inside])  # until then their CPUs are not free
    return found
