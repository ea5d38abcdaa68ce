"""The ways to run a kernel over rows: plain functions with one signature.

``run(kernel, rows, *, cpus, placement_group=None)``, where *kernel* takes a block of
rows (an array whose first axis is the rows) and returns as many.  Bind further
arguments with ``functools.partial``, once, and pass the same object each time: the
remote function is made once per kernel.  All return what ``serial`` returns, in
order; an array that Ray hands over unchanged may be read-only.

Each Ray task takes one CPU, of the *placement_group* if one is given, else of the
cluster that ``ray.init`` connected to.  An exception in a kernel keeps its type, has a note
that says which rows it came from, and leaves no task behind.  (One that pickle cannot
rebuild arrives as Ray's UnserializableException.)
"""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

Rows = NDArray[Any]
Kernel = Callable[[Rows], Rows]


def serial(
    kernel: Kernel, rows: Rows, *, cpus: int = 1, placement_group: PlacementGroup | None = None
) -> Rows:
    """Call *kernel* on all *rows* in this process; *cpus* and *placement_group* change nothing.

    >>> serial(np.negative, np.arange(3))
    array([ 0, -1, -2])
    """
    try:
        return kernel(rows)
    except Exception as error:
        error.add_note(_origin("block", [rows], 0))
        raise


def ray_whole(
    kernel: Kernel, rows: Rows, *, cpus: int = 1, placement_group: PlacementGroup | None = None
) -> Rows:
    """Run *kernel* on all *rows* in one Ray task: the control, which gains nothing from *cpus*."""
    return _run_tasks(kernel, [rows], "block", placement_group)


def ray_per_row(
    kernel: Kernel, rows: Rows, *, cpus: int = 1, placement_group: PlacementGroup | None = None
) -> Rows:
    """Run *kernel* in one Ray task per row, each row passed by value, as published.

    Costs the driver and the scheduler about 0.5 ms a task.  *cpus* of the tasks run at
    once where the placement group says so.
    """
    blocks = [rows[i : i + 1] for i in range(len(rows))] or [rows]
    return _run_tasks(kernel, blocks, "row", placement_group)


def ray_blocks(
    kernel: Kernel,
    rows: Rows,
    *,
    cpus: int,
    placement_group: PlacementGroup | None = None,
    blocks: int | None = None,
) -> Rows:
    """Run *kernel* in one Ray task per block of adjacent rows.

    *blocks* is their number, by default one per CPU; no block is empty, unless there are
    no rows.  ValueError if it is below 1, TypeError if it is not whole.
    """
    count = cpus if blocks is None else operator.index(blocks)
    if count < 1:
        raise ValueError(f"{count} blocks cannot hold rows; give a whole number, at least 1")
    cut = np.array_split(rows, max(1, min(count, len(rows))))
    return _run_tasks(kernel, cut, "block", placement_group)


@functools.lru_cache(maxsize=128)
def _remote(kernel: Kernel) -> Any:
    """Return the remote function of *kernel*; a retried task would not be a measurement."""

    def run_kernel(block: Rows) -> Rows:
        return kernel(block)

    return ray.remote(num_cpus=1, max_retries=0)(run_kernel)


def _run_tasks(
    kernel: Kernel, blocks: Sequence[Rows], unit: str, placement_group: PlacementGroup | None
) -> Rows:
    """Run one task per block and put the results together, in order."""
    task = _remote(kernel)
    if placement_group is not None:
        strategy = PlacementGroupSchedulingStrategy(placement_group=placement_group)
        task = task.options(scheduling_strategy=strategy)
    references: list[Any] = []
    try:
        references += (task.remote(block) for block in blocks)
        results = ray.get(references)
    except ray.exceptions.RayError:
        place, failure = _first_failure(references)
        _settle(references)
        cause = getattr(failure, "cause", None)
        error = cause if isinstance(cause, Exception) else failure
        error.add_note(_origin(unit, blocks, place))
        raise error from (failure if error is cause else None)
    except BaseException:  # Ctrl-C
        _settle(references)
        raise
    return results[0] if len(results) == 1 else np.concatenate(results)


def _first_failure(references: list[Any]) -> tuple[int, ray.exceptions.RayError]:
    """Return the place of the first task, in order, that failed, and what Ray says of it."""
    for place, reference in enumerate(references):
        try:
            ray.get(reference)
        except ray.exceptions.RayError as failure:
            return place, failure
    raise AssertionError("a task failed and, asked again, did not")


def _settle(references: list[Any]) -> None:
    """Wait for the end of all tasks, so that the next call finds the CPUs free.

    They are not cancelled: in Ray 2.60 a cancel that meets the start or the end of its task
    can abort the driver ("Tried to complete task that was not pending", task_manager.cc; once in
    60 to 660 failing calls here; its sibling was mended in ray-project/ray PR 54798).
    """
    if references:
        ray.wait(references, num_returns=len(references))


def _origin(unit: str, blocks: Sequence[Rows], place: int) -> str:
    """Return where in the rows block number *place* lies, in words.

    >>> _origin("row", [np.zeros((1, 5))] * 3, 1)
    'in row 1 of 3'
    >>> _origin("block", [np.zeros((4, 5)), np.zeros((3, 5))], 1)
    'in block 1 of 2 (rows 4 to 6)'
    """
    if len(blocks[place]) == 0:
        return "in the call without rows"
    if unit == "row":
        return f"in row {place} of {len(blocks)}"
    first = sum(len(block) for block in blocks[:place])
    last = first + len(blocks[place]) - 1
    return f"in block {place} of {len(blocks)} (rows {first} to {last})"
