"""Whether the workers of a private cluster fit into memory, known before the first is started."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from rayscale.surroundings import cgroups

FEW = 8  # workers: up to so many take less than 1 GiB, and a look at one takes a second
# A worker has so many bytes beyond what it imports, for its connections and their threads: of 64
# workers each took 60 to 73 MiB of this machine's memory, and its imports 53 (Ray 2.60).
CONNECTED = 10 * 2**20
SPARE = 0.05  # of all memory: where less is free, Ray ends workers (2.60)

# A process that imports what a worker does, and says what it has to itself.
LOOK = """
import importlib, sys
import psutil
for name in sys.argv[1:]:
    importlib.import_module(name)
print(psutil.Process().memory_full_info().uss)
"""
ALWAYS = ("ray", "ray.cloudpickle", "rayscale.suite.witness", "threadpoolctl")


def each(modules: Sequence[str]) -> int:
    """Return how many bytes a worker takes that imports *modules*: measured, in about a second.

    What several processes share, such as compiled code, is not in it.  CalledProcessError if one of
    *modules* cannot be imported.
    """
    path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *ALWAYS, *modules],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) + CONNECTED


def free() -> int:
    """Return how many bytes new processes may take before Ray would end some."""
    memory = psutil.virtual_memory()
    left = cgroups.memory_left()
    there = memory.available if left is None else min(memory.available, left)
    return max(0, there - int(SPARE * memory.total))


def gib(nbytes: int) -> str:
    """Return *nbytes* in GiB.

    >>> gib(4_500_000_000)
    '4.2 GiB'
    """
    return f"{nbytes / 2**30:.1f} GiB"
