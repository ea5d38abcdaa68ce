"""What the system counts, read at one moment: who used the CPUs, who took time away from us."""

import mmap
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from rayscale import machine
from rayscale.surroundings import cgroups

PROC = Path("/proc")
# Columns of a CPU in /proc/stat, in ticks: user, nice, system, irq, softirq.  Time of guests is in
# the first two, so it is left out.  See proc_stat(5).
AT_WORK, STOLEN = (0, 1, 2, 5, 6), 7
TICK = 0.01  # seconds; the unit that Linux shows, whatever its own clock


@dataclass(frozen=True)
class Process:
    """What one process has had until now."""

    seconds: float  # of CPUs, with those of its children that have ended
    preempted: int  # how often another program took its CPU


@dataclass(frozen=True)
class Reading:
    """All counters at one moment, in seconds since some time; of the CPUs that we may use."""

    moment: float
    cpus: int
    at_work: float | None  # of all processes; None where the system does not say
    stolen: float  # by the host of a virtual machine
    held_back: float  # by quotas
    swap_moved: int  # bytes, of the whole machine
    swapped: int  # bytes of this process that are swapped out now
    ours: dict[int, Process]  # by id


def read(helpers: Sequence[int] = (), proc: Path = PROC) -> Reading:
    """Return the counters of now.

    Ours are this process and all that it started, and *helpers*: the ids of processes that work for
    it and were started by others, such as the workers of an existing cluster.
    """
    columns = list(_columns(cgroups.read(proc / "stat"), set(machine.affinity())))
    return Reading(
        moment=time.perf_counter(),
        cpus=len(columns),
        at_work=sum(one[at] for one in columns for at in AT_WORK) * TICK if columns else None,
        stolen=sum(one[STOLEN] for one in columns) * TICK,
        held_back=cgroups.held_back(proc / "self"),
        swap_moved=_swap_moved(cgroups.read(proc / "vmstat")),
        swapped=_swapped(cgroups.read(proc / "self" / "status")),
        ours=dict(_ours(helpers, proc)),
    )


def lost(proc: Path = PROC) -> float:
    """Return the seconds of all our CPUs, since some time, that were stolen or held back."""
    columns = _columns(cgroups.read(proc / "stat"), set(machine.affinity()))
    return sum(one[STOLEN] for one in columns) * TICK + cgroups.held_back(proc / "self")


def _columns(text: str, bound: set[int]) -> Iterator[list[int]]:
    """Return the columns of each CPU that this process is *bound* to, or of all.

    psutil has the columns, too, and not which CPU they are of: one may be offline.
    """
    for number, rest in re.findall(r"^cpu(\d+)((?: +\d+){8,})\s*$", text, re.MULTILINE):
        if not bound or int(number) in bound:
            yield [int(word) for word in rest.split()]


def _swap_moved(text: str) -> int:
    """Return the bytes that were swapped in and out; psutil warns where the system counts none."""
    pages = re.findall(r"^pswp(?:in|out) (\d+)$", text, re.MULTILINE)
    return sum(map(int, pages)) * mmap.PAGESIZE


def _swapped(text: str) -> int:
    found = re.search(r"^VmSwap:\s*(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 2**10 if found else 0


def _ours(helpers: Sequence[int], proc: Path) -> Iterator[tuple[int, Process]]:
    for number in {one for root in (psutil.Process().pid, *helpers) for one in _family(root, proc)}:
        try:
            process = psutil.Process(number)
            with process.oneshot():
                spent, switches = process.cpu_times(), process.num_ctx_switches()
        except psutil.Error:  # it has just ended, or is not ours to look at
            continue
        ended = spent.children_user + spent.children_system
        yield number, Process(spent.user + spent.system + ended, switches.involuntary)


def _family(number: int, proc: Path) -> Iterator[int]:
    """Return the process *number* and all that descend from it.

    Linux lists the children of each thread, which costs as much as we have threads; psutil looks at
    all processes of the machine, which can be thousands.
    """
    yield number
    try:
        listed = [_text(f"{folder}/children") for folder in _threads(f"{proc}/{number}/task")]
    except OSError:  # no Linux, or one without such lists, or a process that has just ended
        yield from _descendants(number)
        return
    for child in " ".join(listed).split():
        yield from _family(int(child), proc)


def _threads(folder: str) -> list[str]:
    return [f"{folder}/{name}" for name in os.listdir(folder)]  # noqa: PTH208 - a third of its time


def _text(file: str) -> str:
    with open(file, encoding="ascii") as opened:  # noqa: PTH123 - a third of its time
        return opened.read()


def _descendants(number: int) -> Iterator[int]:
    try:
        yield from (one.pid for one in psutil.Process(number).children(recursive=True))
    except psutil.Error:  # it has just ended
        return
