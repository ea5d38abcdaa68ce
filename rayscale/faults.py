"""Faults of the surroundings: what may go wrong around the code that is measured.

A process is killed, a node leaves, a disk is full.  Such a fault says nothing of the code, so it is
worth a repetition.  An exception of the code's own is not.
"""

import errno
from concurrent.futures import BrokenExecutor

# Ray's exceptions, by name: no Ray is imported here.  The first class that is named, in the order
# of an exception's bases, says what has happened.
OF_RAY = {
    "OutOfMemoryError": "Ray ended a worker process, because memory was short",
    "WorkerCrashedError": "a worker process of Ray's died",
    "RayActorError": "the process of a Ray actor died",
    "ActorUnavailableError": "a Ray actor could not be reached",
    "LocalRayletDiedError": "a raylet, Ray's process on each node, died",
    "NodeDiedError": "a node of the Ray cluster died, or left it",
    "ObjectStoreFullError": "Ray's object store was full",
    "OutOfDiskError": "the disk was full where Ray keeps its files",
    "ObjectLostError": "Ray lost an object",
    "TaskPlacementGroupRemoved": "the CPUs of a Ray task were taken away",
    "ActorPlacementGroupRemoved": "the CPUs of a Ray actor were taken away",
    "TaskCancelledError": "somebody cancelled a Ray task",
    "GetTimeoutError": "Ray's processes did not answer in time",
    "RpcError": "Ray's processes could not reach each other",
}
FULL = (errno.ENOSPC, errno.EDQUOT)


class FaultError(Exception):
    """A fault of the surroundings that rayscale has found itself; the message says which."""


def reason(error: BaseException) -> str | None:
    """Return which fault of the surroundings *error* is, in words; None if it is the code's own.

    >>> reason(OSError(errno.ENOSPC, "No space left on device", "/tmp/rows"))
    'the disk is full (/tmp/rows)'
    >>> reason(MemoryError()) is None
    True
    """
    if isinstance(error, FaultError):
        return str(error)
    words = _of_a_pool(error) or _of_a_disk(error) or _of_ray(error)
    notes = getattr(error, "__notes__", [])
    return f"{words} ({notes[0]})" if words and notes else words


def _of_a_pool(error: BaseException) -> str | None:
    return "a process of the pool died" if isinstance(error, BrokenExecutor) else None


def _of_a_disk(error: BaseException) -> str | None:
    if not isinstance(error, OSError) or error.errno not in FULL:
        return None
    return f"the disk is full ({error.filename})" if error.filename else "the disk is full"


def _of_ray(error: BaseException) -> str | None:
    own = (one for one in type(error).__mro__ if one.__module__.startswith("ray."))
    return next((OF_RAY[one.__name__] for one in own if one.__name__ in OF_RAY), None)
