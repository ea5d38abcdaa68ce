"""What else the machine does while pairs are taken: noted with them; none is dropped for it."""

from collections.abc import Iterator
from pathlib import Path

import psutil

from rayscale.text import share

CGROUP = Path("/sys/fs/cgroup")
# Where a container's quota notes what it held back, and what a second is there: versions 2 and 1.
THROTTLED = {"cpu.stat": ("throttled_usec", 1e6), "cpu/cpu.stat": ("throttled_time", 1e9)}
MUCH = 0.05  # of the CPUs' time


def lost(cgroup: Path = CGROUP) -> float:
    """Return the seconds of all CPUs, since some time, that the host stole or a quota held back."""
    stolen = float(getattr(psutil.cpu_times(), "steal", 0.0))
    return stolen + sum(_throttled(cgroup))


def _throttled(cgroup: Path) -> Iterator[float]:
    for name, (key, second) in THROTTLED.items():
        if (file := cgroup / name).is_file():
            words = dict(line.split(maxsplit=1) for line in file.read_text().splitlines())
            yield float(words.get(key, 0)) / second


def load() -> float:
    """Return how many processes ran, or waited to, on average in the last minute."""
    return psutil.getloadavg()[0]


def notes(lost_seconds: float, spent: float, load: float, cpus: int) -> Iterator[str]:
    """Say what was high while pairs were taken for *spent* seconds on a machine of *cpus* CPUs.

    >>> list(notes(2.0, 10.0, 3.4, cpus=2))
    ['10 % of the CPU time stolen or throttled', 'load 3.4 on 2 CPUs']
    """
    if lost_seconds > MUCH * spent * cpus:
        yield f"{share(lost_seconds / (spent * cpus))} of the CPU time stolen or throttled"
    if load > cpus + 1:
        yield f"load {load:.1f} on {cpus} CPUs"
