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
import operator
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rayscale.suite.rows import cut, cut_each, give_whole, join, whole
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
        error.add_note(_origin("block", [whole(rows)], 0))
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
def ray_blocks(
    kernel: Kernel, rows: Any, *, cpus: int, place: Any = None, blocks: int | None = None
) -> Any:
    """Run *kernel* in one Ray task per block of adjacent rows.

    *blocks* is their number, by default one per CPU; no block is empty, unless there are
    no rows.  ValueError if it is below 1, TypeError if it is not whole.
    """
    __tracebackhide__ = True
    count = cpus if blocks is None else operator.index(blocks)
    if count < 1:
        raise ValueError(f"{count} blocks cannot hold rows; give a whole number, at least 1")
    return _run_tasks(kernel, rows, cut(rows, count), "block", place)


@functools.lru_cache(maxsize=128)
def _remote(kernel: Kernel) -> Any:
    """Return the remote function of *kernel*; a retried task would not be a measurement."""
    import ray

    def run_kernel(block: Any) -> Any:
        return kernel(block)

    return ray.remote(num_cpus=1, max_retries=0)(run_kernel)


def forget_remote_functions() -> None:
    """Forget the remote functions: those of a cluster that has ended are of no use to the next."""
    _remote.cache_clear()


def _run_tasks(kernel: Kernel, rows: Any, blocks: Sequence[Any], unit: str, place: Any) -> Any:
    """Run one task per block and put the results together, in order."""
    import ray
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    __tracebackhide__ = True
    task = _remote(kernel)
    if place is not None:
        strategy = PlacementGroupSchedulingStrategy(placement_group=place)
        task = task.options(scheduling_strategy=strategy)
    references: list[Any] = []
    try:
        references += (task.remote(block) for block in blocks)
        results = ray.get(references)
    except ray.exceptions.RayError:
        number, failure = _first_failure(references)
        _settle(references)
    except BaseException:  # Ctrl-C
        _settle(references)
        raise
    else:
        return join(rows, results)
    raise _explained(failure, _origin(unit, blocks, number))


def _first_failure(references: list[Any]) -> tuple[int, Any]:
    """Return the place of the first task, in order, that failed, and Ray's error."""
    import ray

    for place, reference in enumerate(references):
        try:
            ray.get(reference)
        except ray.exceptions.RayError as failure:
            return place, failure
    raise AssertionError("a task failed and, asked again, did not")


def _explained(failure: Any, origin: str) -> BaseException:
    """Return the kernel's own exception, without Ray's frames; with the worker's, as a note."""
    cause = getattr(failure, "cause", None)
    error: BaseException = cause if isinstance(cause, Exception) else failure
    error.__traceback__ = error.__cause__ = None
    error.add_note(origin)
    if error is cause:
        error.add_note(_kernels_frames(str(failure)))
    return error


def _kernels_frames(remote: str) -> str:
    """Return a worker's traceback from where the kernel begins: before are Ray's and our frames."""
    lines = remote.splitlines()
    ours = tuple(f'{Path("rayscale", "suite", one)}", line' for one in ("ways.py", "witness.py"))
    of_ours = (i for i, line in enumerate(lines) if any(one in line for one in ours))
    last = max(of_ours, default=-1)
    frames = [i for i, line in enumerate(lines) if line.startswith("  File ") and i > last]
    return "\n".join(["in the worker:", *lines[frames[0] if frames else -1 :]])


def _settle(references: list[Any]) -> None:
    """Wait for the end of all tasks, so that the next call finds the CPUs free.

    They are not cancelled: in Ray 2.60 a cancel that meets the start or the end of its task
    can abort the driver ("Tried to complete task that was not pending", task_manager.cc; once in
    60 to 660 failing calls here; its sibling was mended in ray-project/ray PR 54798).
    """
    import ray

    if references:
        ray.wait(references, num_returns=len(references))


def _origin(unit: str, blocks: Sequence[Any], place: int) -> str:
    """Return where in the rows block number *place* lies, in words.

    >>> _origin("row", [[0]] * 3, 1)
    'in row 1 of 3'
    >>> _origin("block", [[0] * 4, [0] * 3], 1)
    'in block 1 of 2 (rows 4 to 6)'
    """
    if unit == "row":
        return f"in row {place} of {len(blocks)}"
    if not all(hasattr(block, "__len__") for block in blocks):
        return f"in piece {place} of {len(blocks)}"
    if len(blocks[place]) == 0:
        return "in the call without rows"
    first = sum(len(block) for block in blocks[:place])
    last = first + len(blocks[place]) - 1
    return f"in block {place} of {len(blocks)} (rows {first} to {last})"
