"""The ways to run a kernel over rows: plain functions with one signature.

``run(kernel, rows, *, cpus, place)``, where *kernel* takes a block of rows and returns as many.
*rows* is an array whose first axis is the rows, a list of anything, or ``Pieces``.  Bind further
arguments of a kernel with ``functools.partial``, once, and pass the same object each time: the
remote function is made once per kernel.  All return what ``serial`` returns, in order.

*place* is what was set up for the way outside the clock (see ``stage.py``): of a way that runs on
Ray a placement group; its tasks take one CPU each of that or, where it is None, of the cluster that
``ray.init`` connected to.  An exception in a kernel keeps its type, has a note that says which rows
it came from, and leaves no task behind.  (One that pickle cannot rebuild arrives as Ray's
UnserializableException.)
"""

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from rayscale.suite.failing import fetch, origin
from rayscale.suite.rows import cut, cut_each, give_whole, whole
from rayscale.suite.stage import in_process, on_ray, way

Kernel = Callable[[Any], Any]


@way(in_process, cpus=(1,))
def serial(kernel: Kernel, rows: Any, *, cpus: int = 1, place: Any = None) -> Any:
    """Call *kernel* on all *rows* in this process; *cpus* and *place* change nothing.

    >>> import numpy as np
    >>> serial(np.negative, np.arange(3))
    array([ 0, -1, -2])
    """
    __tracebackhide__ = True  # a kernel's failure is about the kernel
    try:
        return kernel(give_whole(rows))
    except Exception as error:
        error.add_note(origin("block", [whole(rows)], 0))
        raise


@on_ray(cpus=(1,))
def ray_whole(kernel: Kernel, rows: Any, *, cpus: int = 1, place: Any = None) -> Any:
    """Run *kernel* on all *rows* in one Ray task: the control, which gains nothing from *cpus*."""
    __tracebackhide__ = True
    return _run_tasks(kernel, rows, [give_whole(rows)], "block", place)


@on_ray()
def ray_per_row(kernel: Kernel, rows: Any, *, cpus: int = 1, place: Any = None) -> Any:
    """Run *kernel* in one Ray task per row, each row passed by value, as published.

    Costs the driver and the scheduler about 0.5 ms a task.  *cpus* of the tasks run at
    once where the placement group says so.
    """
    __tracebackhide__ = True
    return _run_tasks(kernel, rows, cut_each(rows), "row", place)


@on_ray()
def ray_per_row_in_turn(kernel: Kernel, rows: Any, *, cpus: int, place: Any) -> Any:
    """Run *kernel* as ``ray_per_row`` does, with each task on a CPU that is named, in turn.

    So it is known which rows cross a network.  Left to itself, Ray runs all tasks on one of two
    nodes if their rows would have to cross a slow one.
    """
    __tracebackhide__ = True
    task = _remote(kernel, _on_given_block)
    on = [task.options(scheduling_strategy=in_group(place, bundle)) for bundle in range(cpus)]
    blocks = cut_each(rows)
    return fetch(rows, blocks, "row", map(_submit, itertools.cycle(on), blocks))


def _submit(task: Any, block: Any) -> Any:
    return task.remote(block)


@on_ray()
def ray_blocks(
    kernel: Kernel, rows: Any, *, cpus: int, place: Any = None, blocks: int | None = None
) -> Any:
    """Run *kernel* in one Ray task per block of adjacent rows.

    *blocks* is their number, by default one per CPU; no block is empty, unless there are
    no rows.  ValueError if it is below 1, TypeError if it is not whole.
    """
    __tracebackhide__ = True
    return _run_tasks(kernel, rows, cut(rows, number_of(blocks, cpus)), "block", place)


def number_of(blocks: int | None, cpus: int) -> int:
    """Return how many *blocks* are asked for, by default one per CPU.

    ValueError if it is below 1, TypeError if it is not whole.
    """
    number = cpus if blocks is None else operator.index(blocks)
    if number < 1:
        raise ValueError(f"{number} blocks cannot hold rows; give a whole number, at least 1")
    return number


def remote(kernel: Kernel, body: Callable[[Kernel], Callable[..., Any]], group: Any) -> Any:
    """Return the remote function of what *body* makes of *kernel*, to run in *group*, if any."""
    task = _remote(kernel, body)
    return task if group is None else task.options(scheduling_strategy=in_group(group))


@functools.lru_cache(maxsize=128)
def _remote(kernel: Kernel, body: Callable[[Kernel], Callable[..., Any]]) -> Any:
    """Return a remote function, made once; a retried task would not be a measurement."""
    import ray

    return ray.remote(num_cpus=1, max_retries=0)(body(kernel))


def _on_given_block(kernel: Kernel) -> Callable[..., Any]:
    def run_kernel(block: Any) -> Any:
        return kernel(block)

    return run_kernel


def forget_remote_functions() -> None:
    """Forget the remote functions: those of a cluster that has ended are of no use to the next."""
    _remote.cache_clear()


def _run_tasks(kernel: Kernel, rows: Any, blocks: Sequence[Any], unit: str, place: Any) -> Any:
    """Run one task per block and put the results together, in order."""
    __tracebackhide__ = True
    task = remote(kernel, _on_given_block, place)
    return fetch(rows, blocks, unit, (task.remote(block) for block in blocks))


def in_group(group: Any, bundle: int = -1) -> Any:
    """Return what has Ray run a task or an actor in *group*, on any of its bundles or on one."""
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    return PlacementGroupSchedulingStrategy(
        placement_group=group, placement_group_bundle_index=bundle
    )
