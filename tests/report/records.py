"""Entries of a saved run, as pytest-benchmark and rayscale write them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def timed(name: str, seconds: Sequence[float], info: Mapping[str, Any]) -> dict[str, Any]:
    """Return a saved benchmark."""
    stats = {
        "min": min(seconds),
        "median": float(np.median(seconds)),
        "rounds": len(seconds),
        "data": list(seconds),
    }
    return {"name": name, "fullname": name, "extra_info": dict(info), "stats": stats}


def probe(
    name: str,
    implementation: str,
    cpus: int,
    tasks: int,
    moved: int,
    took: float,
    length: float | None = None,
) -> dict[str, Any]:
    """Return a saved probe, whose tasks were to last *length* seconds each."""
    info = {
        "overhead": name,
        "implementation": implementation,
        "cpus": cpus,
        "tasks": tasks,
        "bytes_moved": moved,
        **({"seconds": length} if length else {}),
    }
    return timed(f"{name}[{implementation}-{cpus}-{tasks}-{moved}-{length}]", [took] * 7, info)
