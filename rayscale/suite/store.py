"""Ray's object store: how large it is to be, and whether Ray has put objects on disk instead."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

SHARED = Path("/dev/shm")  # noqa: S108 - Ray's choice; nothing is written there by us
PART = 0.3  # of the memory, as Ray itself takes
LEAST = 75 * 2**20  # bytes: Ray starts with no smaller one (2.60)
SHARE = 0.9  # of what is free: others use it, too
SPILLED = "ray_spilled_objects_*"  # folders in that of a Ray session


def nbytes(memory: int, free: int | None) -> int:
    """Return how large the store is to be with so many bytes of *memory*.

    So many of shared memory are *free*; None: there is no such memory, and Ray has another place.

    >>> nbytes(10_000_000_000, None)
    3000000000
    >>> nbytes(10_000_000_000, 500_000_000)
    450000000
    """
    usual = max(LEAST, int(PART * memory))
    if free is None or not _is_enough(free):
        return usual
    return min(usual, int(SHARE * free))


def warning(free: int | None) -> str | None:
    """Return what the user should know of a store that is on disk; None where it is not.

    >>> warning(64_000_000)[:53]
    "Ray's object store is on disk, where large rows take "
    """
    if free is None or _is_enough(free):
        return None
    there, needed = free / 1e6, LEAST / SHARE / 1e6
    return (
        "Ray's object store is on disk, where large rows take longer: /dev/shm has "
        f"{there:.0f} MB free, and {needed:.0f} MB are needed; free some, or give a container more "
        "with --shm-size=2g"
    )


def _is_enough(free: int) -> bool:
    return free * SHARE >= LEAST


def memory() -> int:
    """Return the bytes of memory of this machine."""
    return int(psutil.virtual_memory().total)


def free() -> int | None:
    """Return how many bytes of shared memory are free; None where there is none."""
    return shutil.disk_usage(SHARED).free if SHARED.is_dir() else None


@dataclass(frozen=True)
class Traces:
    """What Ray leaves in its session's folder when it puts objects there, on disk.

    An object that the store has no room for is written to a file in the folder of spilled objects,
    or made as a file in the session's folder, which at once has no name any more (2.60).
    """

    names: frozenset[str]
    changed: int  # when a name in the folder came or went last, in ns
    spilled: frozenset[tuple[str, int]]

    @classmethod
    def of(cls, session: Path) -> "Traces":
        """Return those in the folder *session*; OSError if it is gone."""
        names = frozenset(one.name for one in session.iterdir())
        spilled = frozenset((one.name, one.stat().st_mtime_ns) for one in session.glob(SPILLED))
        return cls(names, session.stat().st_mtime_ns, spilled)

    def show_use(self, later: "Traces") -> bool:
        """Tell whether objects were put on disk between these and the *later* ones."""
        if self.spilled != later.spilled:
            return True
        return self.names == later.names and self.changed != later.changed
