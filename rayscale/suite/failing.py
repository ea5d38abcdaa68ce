"""Results of blocks that were sent out, put together; or the first failure, and where it arose.

A kernel's exception keeps its type.  It has a note that says which rows it came from, and one with
the frames of the process that it came from.  It is raised when nothing runs any more.
"""

import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil

from rayscale.suite.ending import is_alive
from rayscale.suite.rows import join

# Whose frames are before the kernel's own, in a worker.
OURS = ("ways.py", "actors.py", "pools.py", "witness.py")

# Seconds: Ray finds a lost node after 15.  The case begins anew, on another connection.
AFTER_A_LOSS = 30
LOOKING = 1  # seconds between two looks whether tasks can still end


def fetch(rows: Any, blocks: Sequence[Any], unit: str, sent: Iterable[Any]) -> Any:
    """Return the results of *blocks* of *rows*, put together, in order.

    *sent* makes Ray's reference of each, and is gone through here, so that none is lost where it is
    interrupted.
    """
    import ray

    __tracebackhide__ = True  # a kernel's failure is about the kernel
    references: list[Any] = []
    try:
        references += sent
        results = ray.get(references)
    except ray.exceptions.RayError as error:
        is_kernels = isinstance(getattr(error, "cause", None), Exception)
        _settle(references, None if is_kernels else AFTER_A_LOSS)
        number, failure = _first_failure(references)
    except BaseException:  # Ctrl-C
        _settle(references)
        raise
    else:
        return join(rows, results)
    cause = getattr(failure, "cause", None)
    if not isinstance(cause, Exception):
        raise noted(failure, origin(unit, blocks, number))
    raise noted(cause, origin(unit, blocks, number), str(failure))


def _first_failure(references: list[Any]) -> tuple[int, Any]:
    """Return the place of the first task, in order, that failed, and Ray's error."""
    import ray

    done, _ = ray.wait(references, num_returns=len(references), timeout=0)
    ended = set(done)
    for place, reference in ((at, one) for at, one in enumerate(references) if one in ended):
        try:
            ray.get(reference)
        except ray.exceptions.RayError as failure:
            return place, failure
    raise AssertionError("a task failed and, asked again, did not")


def _settle(references: list[Any], limit: float | None = None) -> None:
    """Wait for the end of all tasks, so that the next call finds the CPUs free.

    No longer than *limit* seconds, if any: tasks whose node was lost may wait for ever.  So do all,
    where a signal was for all processes, Ray's too, as that of a job's time limit is.

    They are not cancelled: in Ray 2.60 a cancel that meets the start or the end of its task
    can abort the driver ("Tried to complete task that was not pending", task_manager.cc; once in
    60 to 660 failing calls here; its sibling was mended in ray-project/ray PR 54798).
    """
    import ray

    pending, deadline = references, time.monotonic() + (math.inf if limit is None else limit)
    while pending and time.monotonic() < deadline and not _own_raylet_has_ended():
        _, pending = ray.wait(pending, num_returns=len(pending), timeout=LOOKING)


def _own_raylet_has_ended() -> bool:
    """Tell whether a raylet that this process has started is there no more."""
    return any(_is_raylet(one) and not is_alive(one) for one in psutil.Process().children())


def _is_raylet(process: psutil.Process) -> bool:
    try:
        return process.name() == "raylet"
    except psutil.NoSuchProcess:  # it has just ended, and somebody has noticed
        return False


def noted(error: BaseException, where: str, remote: str | None = None) -> BaseException:
    """Return *error* with a note of *where* it arose, and of the kernel's frames in *remote*.

    *remote* is a worker's traceback; the frames of this process say nothing of the kernel then.
    """
    error.__traceback__ = error.__cause__ = None
    error.add_note(where)
    if remote is not None:
        error.add_note(_kernels_frames(remote))
    return error


def _kernels_frames(remote: str) -> str:
    """Return a worker's traceback from where the kernel begins: before are Ray's and our frames."""
    lines = remote.splitlines()
    ours = tuple(f'{Path("rayscale", "suite", one)}", line' for one in OURS)
    of_ours = (i for i, line in enumerate(lines) if any(one in line for one in ours))
    last = max(of_ours, default=-1)
    frames = [i for i, line in enumerate(lines) if line.startswith("  File ") and i > last]
    return "\n".join(["in the worker:", *lines[frames[0] if frames else -1 :]])


def origin(unit: str, blocks: Sequence[Any], place: int) -> str:
    """Return where in the rows block number *place* lies, in words.

    >>> origin("row", [[0]] * 3, 1)
    'in row 1 of 3'
    >>> origin("block", [[0] * 4, [0] * 3], 1)
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
