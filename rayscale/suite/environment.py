"""Equal conditions in every process - threads, allocator, niceness - and the machine's name."""

import ctypes
import os
import platform
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cpuinfo
import psutil
from threadpoolctl import threadpool_info

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


@dataclass(frozen=True)
class Conditions:
    """What a process works under; equal in all arms, or the run says where not."""

    host: str
    pid: int
    niceness: int
    blas_threads: int
    allocator: str


def fix_threads_and_allocator() -> None:
    """Fix both in this process and in what it starts; call it before NumPy is first imported."""
    os.environ.update(ONE_THREAD)
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        done = mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD)  # older glibc refuses above 32 MiB
        if done and mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD):
            os.environ.update(FIXED_ALLOCATOR)


def conditions() -> Conditions:
    """Return the conditions of this process, driver or worker."""
    return Conditions(
        host=platform.node(),
        pid=os.getpid(),
        niceness=os.getpriority(os.PRIO_PROCESS, 0),
        blas_threads=max((pool["num_threads"] for pool in threadpool_info()), default=0),
        allocator=_allocator(),
    )


def take_niceness(niceness: int) -> None:
    """Work at *niceness* from here on, where this process may; ``conditions`` tells if it does."""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    if niceness > own or os.geteuid() == 0:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)


def _allocator() -> str:
    name = platform.libc_ver()[0] or "unknown C library"
    if name != "glibc":
        return f"{name}, as it comes"
    fixed = FIXED_ALLOCATOR.items() <= os.environ.items()
    return FIXED if fixed else "glibc, as it comes"


def usable_cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many CPUs this process may use: by affinity, and by the container's quota.

    *cgroup* is where the quota is read, of version 2 (``cpu.max``) or 1.  A quota of 2.5 CPUs
    counts as 2, of 0.5 as 1.
    """
    count = len(psutil.Process().cpu_affinity() or []) or psutil.cpu_count() or 1
    if (current := cgroup / "cpu.max").is_file():
        quota, period = current.read_text().split()
        if quota != "max":
            count = min(count, max(1, int(quota) // int(period)))
    if (older := cgroup / "cpu" / "cpu.cfs_quota_us").is_file():
        limit = int(older.read_text())
        if limit > 0:
            period_us = int(older.with_name("cpu.cfs_period_us").read_text())
            count = min(count, max(1, limit // period_us))
    return count


@cache
def hardware() -> dict[str, Any]:
    """Return what the machine is, stable from run to run."""
    processor = cpuinfo.get_cpu_info()
    return {
        "cpu": processor.get("brand_raw", platform.processor() or "unknown"),
        "cpus": usable_cpus(),
        "memory_gib": round(_usable_memory() / 2**30),
        "architecture": platform.machine(),
        "kernel": f"{platform.system()} {platform.release().split('.')[0]}",
        "virtualised": "hypervisor" in processor.get("flags", ()),
    }


def _usable_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the bytes that this process may use: the machine's, or the container's limit."""
    total = psutil.virtual_memory().total
    for limit in (cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"):
        if limit.is_file() and (text := limit.read_text().strip()) != "max":
            total = min(total, int(text))
    return total


def software() -> dict[str, str]:
    """Return the versions and settings of what the timings depend on."""
    import numpy as np  # not before threads and allocator are fixed

    packages = ("ray", "numpy", "pandas", "pytest-benchmark")
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "blas": f"{blas['name']} {blas['version']}, {conditions().blas_threads} thread",
        "allocator": _allocator(),
    }


def fingerprint(machine: dict[str, Any]) -> str:
    """Return a readable name of the hardware, good as a folder's name.

    >>> fingerprint({"cpu": "AMD EPYC", "cpus": 2, "memory_gib": 24})
    'amd-epyc-2cpu-24gib'
    >>> fingerprint(
    ...     {"cpu": "Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", "cpus": 8, "memory_gib": 16}
    ... )
    'intel-core-i7-8550u-8cpu-16gib'
    """
    name = re.sub(r"\((r|tm)\)|\bcpu\b|\bprocessor\b|@.*", " ", machine["cpu"].lower())
    slug = "-".join(re.findall(r"[a-z0-9]+", name)) or "unknown"
    return f"{slug}-{machine['cpus']}cpu-{machine['memory_gib']}gib"
