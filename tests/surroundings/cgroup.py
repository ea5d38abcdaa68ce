"""Made-up control groups, and a made-up process that is in one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.projects import write


@dataclass(frozen=True)
class Hierarchy:
    """A hierarchy that is mounted, with the group of the process and the files of its groups."""

    controllers: str  # "cpu,cpuacct"; none in version 2
    group: str  # as /proc/self/cgroup names it
    files: Mapping[str, str]  # by their path below the mount
    root: str = "/"  # the group that is mounted


def process(folder: Path, *hierarchies: Hierarchy) -> Path:
    """Return the folder in /proc of a process that is in these *hierarchies*."""
    groups, mounts = [], ["21 1 8:1 / / rw - ext4 /dev/root rw"]
    for number, one in enumerate(hierarchies):
        place = write(folder / f"cgroup {number}", one.files)
        place.mkdir(exist_ok=True)
        version = f"cgroup cgroup rw,{one.controllers}" if one.controllers else "cgroup2 cgroup2 rw"
        shown = str(place).replace(" ", "\\040")
        mounts.append(f"{30 + number} 21 0:{number} {one.root} {shown} rw,nosuid - {version}")
        groups.append(f"{number}:{one.controllers}:{one.group}")
    return write(
        folder / "proc", {"cgroup": "\n".join(groups) + "\n", "mountinfo": "\n".join(mounts) + "\n"}
    )
