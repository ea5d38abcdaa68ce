"""Equal conditions in every process: threads, allocator, niceness; and the way back."""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

# Read by the BLAS and OpenMP libraries when NumPy is first imported.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)

# glibc serves a large array from fresh, faulted-in pages until some large array has been
# freed, and from used memory ever after: measured 2.8 against 1.07 ms for one and the same call.
# With these thresholds it is used memory always, in whatever order the cases run.
MMAP_THRESHOLD = 2**30
TRIM_THRESHOLD = 2**31 - 1
FIXED_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(MMAP_THRESHOLD),
    "MALLOC_TRIM_THRESHOLD_": str(TRIM_THRESHOLD),
}
FIXED = "glibc, mmap from 1 GiB, never trimmed"
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from malloc.h
GLIBC_DEFAULT = 2**17  # of both thresholds; glibc moves them by itself until they are set


@dataclass(frozen=True)
class Conditions:
    """What a process works under; equal in all arms, or the run says where not."""

    host: str
    node: str  # the id of Ray's node that it is a process of; none where it is not Ray's
    pid: int
    niceness: int
    blas_threads: int
    allocator: str
    load: float  # of its machine, in the last minute

    @property
    def process(self) -> tuple[str, int]:
        """What no other process of a cluster has: two of its nodes may have one host name."""
        return self.node, self.pid


@dataclass(frozen=True)
class Fixing:
    """Threads and allocator are fixed in this process, and this is what they were before.

    *late*: NumPy had been imported, so what it had allocated until then was not under them.
    """

    late: bool
    before: Mapping[str, str | None]
    limits: Any | None  # threadpoolctl's, where NumPy was there
    allocator_was_free: bool

    def undo(self) -> None:
        """Set back what can be: all but the moving thresholds of glibc, which get its defaults."""
        _set_environment(self.before)
        if self.limits is not None:
            self.limits.restore_original_limits()
        if self.allocator_was_free:
            _set_thresholds(GLIBC_DEFAULT, GLIBC_DEFAULT)


def fix_threads_and_allocator() -> Fixing:
    """Fix both in this process and in what it starts; best before NumPy is first imported."""
    wanted = ONE_THREAD | FIXED_ALLOCATOR
    before = {name: os.environ.get(name) for name in wanted}
    late = "numpy" in sys.modules
    os.environ.update(ONE_THREAD)
    fixed = platform.libc_ver()[0] == "glibc" and _set_thresholds(MMAP_THRESHOLD, TRIM_THRESHOLD)
    if fixed:
        os.environ.update(FIXED_ALLOCATOR)
    return Fixing(late, before, _limit_threads() if late else None, fixed)


def _set_thresholds(mmap: int, trim: int) -> bool:
    """Tell glibc's allocator both; return whether it took them (older ones refuse above 32 MiB)."""
    import ctypes

    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_THRESHOLD, mmap) and mallopt(M_TRIM_THRESHOLD, trim))


def _limit_threads() -> Any:
    import threadpoolctl

    return threadpoolctl.threadpool_limits(1)


def _set_environment(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def variables(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while; then all are as they were, whoever else set some."""
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def conditions() -> Conditions:
    """Return the conditions of this process, driver or worker."""
    from threadpoolctl import threadpool_info

    return Conditions(
        host=platform.node(),
        node=own_node(),
        pid=os.getpid(),
        niceness=own_niceness(),
        blas_threads=max((pool["num_threads"] for pool in threadpool_info()), default=0),
        allocator=_allocator(),
        load=psutil.getloadavg()[0],
    )


def own_node() -> str:
    """Return the id of the node of Ray's that this process is connected to; nothing, if to none."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return ""
    node: str = ray.get_runtime_context().get_node_id()
    return node


def own_niceness() -> int:
    """Return this process's niceness; 0 where the system has no such thing."""
    return os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else 0


@contextmanager
def niceness(wanted: int) -> Iterator[None]:
    """Work at the niceness *wanted* for a while, where this process may."""
    own = own_niceness()
    may_return = hasattr(os, "geteuid") and os.geteuid() == 0
    if wanted != own and (wanted > own or may_return):
        os.setpriority(os.PRIO_PROCESS, 0, wanted)
    try:
        yield
    finally:
        if may_return:
            os.setpriority(os.PRIO_PROCESS, 0, own)


def _allocator() -> str:
    name = platform.libc_ver()[0] or "unknown C library"
    if name != "glibc":
        return f"{name}, as it comes"
    fixed = FIXED_ALLOCATOR.items() <= os.environ.items()
    return FIXED if fixed else "glibc, as it comes"
