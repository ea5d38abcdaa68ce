"""How long cases take, as far as an earlier run tells: for the live line alone."""

from pathlib import Path

from rayscale.saved.files import NUMBERED
from rayscale.saved.raw import LaunchError, Stats
from rayscale.saved.reading import File, read

SEARCHED = 20  # files, the newest first: a session does not wait for an estimate
MOST = 2**26  # bytes: to read 64 MiB takes half a second


def last_times(folder: Path) -> dict[str, float]:
    """Return the seconds that each case took in the newest run in *folder* that can be read.

    In a run they are its rounds and some calls more: the check, the calibration, the last, and the
    pass that notes the phases.
    """
    for file in _newest(folder):
        try:
            run = read(file, MOST)
        except LaunchError:
            continue  # `rayscale runs` names it
        if not _is_of_a_gate(run):
            return {one.fullname: _seconds(one.stats) for one in run.benchmarks}
    return {}


def _newest(folder: Path) -> list[Path]:
    """Return the files of the last runs in *folder*, the newest first."""
    found = [(int(name[1]), file) for file in _files(folder) if (name := NUMBERED.match(file.name))]
    return [file for _, file in sorted(found, reverse=True)[:SEARCHED]]


def _files(folder: Path) -> list[Path]:
    """Return what is in *folder*; nothing where it cannot be looked into, which saving will say."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_of_a_gate(run: File) -> bool:
    return run.rayscale is not None and run.rayscale.kind == "gate"


def _seconds(stats: Stats) -> float:
    rounds = stats.total or stats.median * (stats.rounds or 1)
    return stats.iterations * rounds + 3 * stats.median
