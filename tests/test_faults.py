"""Which errors are faults of the surroundings, in words, and which are the code's own."""

import errno
from concurrent.futures.process import BrokenProcessPool

import pytest
import ray.exceptions
from joblib.externals.loky.process_executor import TerminatedWorkerError

from rayscale.faults import OF_RAY, FaultError, reason
from rayscale.suite.cluster import GrantError, LostWorkerError


def noted(error: Exception) -> Exception:
    """Return *error* with a note, as rayscale gives one."""
    error.add_note("in block 0 of 2")
    return error


FAULTS = [
    (
        noted(ray.exceptions.WorkerCrashedError()),
        "a worker process of Ray's died (in block 0 of 2)",
    ),
    (
        ray.exceptions.OutOfMemoryError("text"),
        "Ray ended a worker process, because memory was short",
    ),
    (ray.exceptions.ActorDiedError(), "the process of a Ray actor died"),
    (ray.exceptions.ActorUnavailableError("text", None), "a Ray actor could not be reached"),
    (ray.exceptions.ObjectStoreFullError("text"), "Ray's object store was full"),
    (ray.exceptions.OwnerDiedError("00", None, ""), "Ray lost an object"),
    (BrokenProcessPool(), "a process of the pool died"),
    (TerminatedWorkerError(), "a process of the pool died"),
    (OSError(errno.ENOSPC, "No space left", "rows"), "the disk is full (rows)"),
    (GrantError("2 CPUs were not free"), "2 CPUs were not free"),
    (LostWorkerError("a worker ended"), "a worker ended"),
    (FaultError("raylet died"), "raylet died"),
]
OWN = [ValueError("x"), MemoryError(), OSError(errno.ENOENT, "No such file"), KeyboardInterrupt()]


@pytest.mark.parametrize(("error", "words"), FAULTS, ids=lambda one: type(one).__name__)
def test_fault_of_the_surroundings_is_said_in_words(error: Exception, words: str) -> None:
    """A process that died, a store or a disk that is full: a short reason, without Ray's text."""
    assert reason(error) == words


@pytest.mark.parametrize("error", OWN, ids=lambda one: type(one).__name__)
def test_error_of_the_code_is_no_fault_of_the_surroundings(error: BaseException) -> None:
    """A kernel's own exception is not worth a repetition."""
    assert reason(error) is None


@pytest.mark.parametrize("name", OF_RAY)
def test_rays_exception_is_there(name: str) -> None:
    """The names are Ray's own: one that Ray renames is found here."""
    assert issubclass(getattr(ray.exceptions, name), ray.exceptions.RayError)
