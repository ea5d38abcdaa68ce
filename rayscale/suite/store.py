"""The size of Ray's object store: it must fit into shared memory, or Ray puts it on disk."""

import shutil
from pathlib import Path

SHARED = Path("/dev/shm")  # noqa: S108 - Ray's choice; nothing is written there by us
USUAL = 2**30  # bytes: holds 80 MB in and 80 MB out many times over
LEAST = 75 * 2**20  # bytes: Ray starts with no smaller one (2.60)
SHARE = 0.9  # of what is free: others use it, too


def nbytes(free: int | None) -> int:
    """Return how large the store is to be where so many bytes of shared memory are *free*.

    None: there is no such memory, and Ray has another place.

    >>> nbytes(2**40) == nbytes(None) == USUAL
    True
    >>> nbytes(500_000_000)
    450000000
    """
    if free is None or free * SHARE < LEAST:
        return USUAL
    return min(USUAL, int(SHARE * free))


def warning(free: int | None) -> str | None:
    """Return what the user should know of a store that is on disk; None where it is not.

    >>> warning(64_000_000)[:53]
    "Ray's object store is on disk, where large rows take "
    """
    if free is None or free * SHARE >= LEAST:
        return None
    there, needed = free / 1e6, LEAST / SHARE / 1e6
    return (
        "Ray's object store is on disk, where large rows take longer: /dev/shm has "
        f"{there:.0f} MB free, and {needed:.0f} MB are needed; free some, or give a container more "
        "with --shm-size=2g"
    )


def free() -> int | None:
    """Return how many bytes of shared memory are free; None where there is none."""
    return shutil.disk_usage(SHARED).free if SHARED.is_dir() else None
