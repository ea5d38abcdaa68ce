"""What hardware and software a run was made on."""

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from rayscale.surroundings import cgroups

PACKAGES = ("ray", "numpy", "pandas", "pytest-benchmark")  # whose versions the timings depend on


def usable_cpus(process: Path = cgroups.PROCESS) -> int:
    """Return how many CPUs this process may use: by affinity, and by the quotas of its cgroups.

    *process* is its folder in /proc.  A quota of 2.5 CPUs counts as 2, of 0.5 as 1.
    """
    count = len(affinity()) or all_cpus()
    quota = cgroups.quota(process)
    return count if quota is None else min(count, max(1, int(quota)))


def all_cpus() -> int:
    """Return how many CPUs the machine has."""
    return psutil.cpu_count() or 1


def affinity() -> list[int]:
    """Return the CPUs that this process is bound to; none where the system has no such thing."""
    process = psutil.Process()
    return list(process.cpu_affinity() or []) if hasattr(process, "cpu_affinity") else []


@cache
def hardware() -> dict[str, Any]:
    """Return what the machine is, stable from run to run."""
    import cpuinfo  # it looks at the processor for a second

    processor = cpuinfo.get_cpu_info()
    return {
        "cpu": processor.get("brand_raw", platform.processor() or "unknown"),
        "cpus": usable_cpus(),
        "memory_gib": round(_usable_memory() / 2**30),
        "architecture": platform.machine(),
        "kernel": f"{platform.system()} {platform.release().split('.')[0]}",
        "virtualised": "hypervisor" in processor.get("flags", ()),
    }


def together(nodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a cluster of these *nodes* is: that of a single one is the machine's own.

    >>> node = {"cpu": "AMD EPYC", "cpus": 2, "memory_gib": 24, "virtualised": True}
    >>> together([node, node | {"cpu": "Intel Xeon"}])["cpu"]
    'AMD EPYC and Intel Xeon'
    """
    first, *others = nodes
    if not others:
        return dict(first)
    either = {
        field: " and ".join(sorted({str(one[field]) for one in nodes}))
        for field in ("cpu", "architecture", "kernel")
        if field in first
    }
    sums = {field: sum(one[field] for one in nodes) for field in ("cpus", "memory_gib")}
    virtualised = any(one["virtualised"] for one in nodes)
    return either | sums | {"virtualised": virtualised, "nodes": len(nodes)}


def _usable_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the bytes that this process may use: the machine's, or the container's limit."""
    total = psutil.virtual_memory().total
    for limit in (cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"):
        if limit.is_file() and (text := limit.read_text().strip()) != "max":
            total = min(total, int(text))
    return total


def software(blas_threads: int, allocator: str) -> dict[str, str]:
    """Return the versions and settings that the timings depend on; what is absent has none."""
    import numpy as np  # not before threads and allocator are fixed

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "python": platform.python_version(),
        **_versions(PACKAGES),
        "blas": f"{blas['name']} {blas['version']}, {blas_threads} thread",
        "allocator": allocator,
    }


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def fingerprint(machine: dict[str, Any]) -> str:
    """Return a readable name of the hardware, good as a folder's name.

    >>> fingerprint({"cpu": "AMD EPYC", "cpus": 2, "memory_gib": 24})
    'amd-epyc-2cpu-24gib'
    >>> fingerprint(
    ...     {"cpu": "Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", "cpus": 8, "memory_gib": 16}
    ... )
    'intel-core-i7-8550u-8cpu-16gib'
    >>> fingerprint({"cpu": "AMD EPYC", "cpus": 8, "memory_gib": 96, "nodes": 4})
    '4nodes-amd-epyc-8cpu-96gib'
    """
    name = re.sub(r"\((r|tm)\)|\bcpu\b|\bprocessor\b|@.*", " ", machine["cpu"].lower())
    slug = "-".join(re.findall(r"[a-z0-9]+", name)) or "unknown"
    cluster = f"{machine['nodes']}nodes-" if "nodes" in machine else ""
    return f"{cluster}{slug}-{machine['cpus']}cpu-{machine['memory_gib']}gib"
