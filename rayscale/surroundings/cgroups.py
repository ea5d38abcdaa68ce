"""Linux control groups: the CPUs and the memory that limits leave to this process.

A process is in a group for each hierarchy, of version 1 or 2, or in some of both.  Limits of the
groups above hold for it, too: a container's, a user's, a service's.  What cannot be read, or is not
of the usual form, says nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

PROCESS = Path("/proc/self")


@dataclass(frozen=True)
class Mount:
    """Where a hierarchy is mounted: at *place*, its group *root* and what is below."""

    place: Path
    root: PurePosixPath
    controllers: frozenset[str]  # none in version 2, which has one hierarchy for all


def quota(process: Path = PROCESS) -> float | None:
    """Return how many CPUs the smallest quota leaves to *process*; None where there is none."""
    folders = _folders(process, "cpu")
    return min((cpus for folder in folders for cpus in _quotas(folder)), default=None)


def held_back(process: Path = PROCESS) -> float:
    """Return the seconds of all CPUs, since some time, that quotas held back."""
    folders = _folders(process, "cpu")
    return sum(seconds for folder in folders for seconds in _held_back(folder))


def memory_left(process: Path = PROCESS) -> int | None:
    """Return how many bytes the limits leave to *process*; None where there is no limit.

    What a group has only read from files is given up for other use, and does not count as used.
    """
    folders = _folders(process, "memory")
    return min((left for folder in folders for left in _memory_left(folder)), default=None)


def _quotas(folder: Path) -> Iterator[float]:
    """Return the quota of the group *folder*: in version 2 in one file, in version 1 in two."""
    if both := re.fullmatch(r"(\d+) (\d*[1-9]\d*)\s*", read(folder / "cpu.max")):
        yield int(both[1]) / int(both[2])
    own = re.fullmatch(r"(\d*[1-9]\d*)\s*", read(folder / "cpu.cfs_quota_us"))  # -1: there is none
    period = re.fullmatch(r"(\d*[1-9]\d*)\s*", read(folder / "cpu.cfs_period_us"))
    if own and period:
        yield int(own[1]) / int(period[1])


def _held_back(folder: Path) -> Iterator[float]:
    text = read(folder / "cpu.stat")
    if newer := re.search(r"^throttled_usec (\d+)$", text, re.MULTILINE):
        yield int(newer[1]) / 1e6
    elif older := re.search(r"^throttled_time (\d+)$", text, re.MULTILINE):
        yield int(older[1]) / 1e9


def _memory_left(folder: Path) -> Iterator[int]:
    """Return what the group *folder* may still take, by the files of version 2 or of version 1."""
    for limit, used, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        numbers = [re.fullmatch(r"(\d+)\s*", read(folder / file)) for file in (limit, used)]
        given_up = re.search(rf"^{cached} (\d+)$", read(folder / "memory.stat"), re.MULTILINE)
        if numbers[0] and numbers[1]:
            taken = int(numbers[1][1]) - (int(given_up[1]) if given_up else 0)
            yield max(0, int(numbers[0][1]) - taken)


@cache
def _folders(process: Path, controller: str) -> tuple[Path, ...]:
    """Return the folders of the groups that *process* is in, and of those above, as far as seen."""
    groups = list(_groups(process))
    return tuple(
        folder
        for mount in _mounts(process, controller)
        for controllers, group in groups
        if controllers == mount.controllers or controller in controllers & mount.controllers
        for folder in _upwards(mount, group)
    )


def _groups(process: Path) -> Iterator[tuple[frozenset[str], PurePosixPath]]:
    """Return each group that *process* is in, with the controllers of its hierarchy."""
    for line in read(process / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, found, group = rest.partition(":")
        if found:
            yield _set(controllers), PurePosixPath(group)


def _mounts(process: Path, controller: str) -> Iterator[Mount]:
    """Return where hierarchies are mounted that can hold a limit of the *controller*."""
    for line in read(process / "mountinfo").splitlines():
        words, _, more = line.partition(" - ")
        fields, kind = words.split(), more.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        controllers = _set(kind[2])
        if kind[0] == "cgroup2" or (kind[0] == "cgroup" and controller in controllers):
            own = frozenset() if kind[0] == "cgroup2" else controllers
            place = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), fields[4])
            yield Mount(Path(place), PurePosixPath(fields[3]), own)


def _upwards(mount: Mount, group: PurePosixPath) -> Iterator[Path]:
    """Return the folder of *group*, and those above it up to the mount.

    In a container the mount may begin at the container's group, or a group may be named from
    outside: then the mount itself is what this process sees of its own.
    """
    inside = group.is_relative_to(mount.root) and ".." not in group.parts
    folder = mount.place / (group.relative_to(mount.root) if inside else ".")
    yield folder
    while folder != mount.place:
        folder = folder.parent
        yield folder


def _set(words: str) -> frozenset[str]:
    return frozenset(filter(None, words.split(",")))


def read(file: Path) -> str:
    """Return what a *file* of the kernel's says: nothing where it is absent, or closed to us."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:  # no Linux, no such controller, a group that has just ended, no permission
        return ""
