"""What sessions that were killed have left: found by the next one, ended and removed.

Only what is provably such a session's is touched: a folder of this user's, made on this machine,
whose owner is gone and whose lock is free; and processes that have this folder in their
environment.
"""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from rayscale.own_folder import LOCK, MARK, PREFIX, Owner, is_own, remove

ENDING = 15  # seconds that killed processes have to be gone
SHORT = "/tmp"  # noqa: S108 - where a folder is put if the path of the usual one is too long


@dataclass(frozen=True)
class Left:
    """What a killed session had left."""

    folder: Path
    processes: int  # that were ended
    is_removed: bool


def sweep() -> list[str]:
    """End and remove what killed sessions have left; return the sentences that say so."""
    found: dict[Path, Left] = {}
    # Until nothing is found: a session that was started by another one is gone with that one.
    while new := {one.folder: one for one in _round(tuple(found))}:
        found |= new
    return list(_sentences(list(found.values())))


def _sentences(found: list[Left]) -> Iterator[str]:
    removed = sum(left.is_removed for left in found)
    ended = sum(left.processes for left in found)
    if removed or ended:
        yield (
            f"a killed session had left files and processes: {removed} "
            f"{'folder' if removed == 1 else 'folders'} removed, {ended} "
            f"{'process' if ended == 1 else 'processes'} ended"
        )
    for left in found:
        if not left.is_removed:
            yield f'"{left.folder}", of a killed session, cannot be removed; remove it by hand'


def _round(known: tuple[Path, ...]) -> Iterator[Left]:
    for place in dict.fromkeys((Path(tempfile.gettempdir()), Path(SHORT))):
        for folder in place.glob(f"{PREFIX}*"):
            if folder not in known and is_own(folder):
                yield from _cleared(folder)


def _cleared(folder: Path) -> Iterator[Left]:
    """End what belongs to *folder*, and remove it, if its session is gone."""
    # It is no session's, or somebody removes it just now, or its session lives.
    with suppress(OSError, ValueError, KeyError, TypeError, Timeout):
        if Owner.of(folder).is_gone():
            with FileLock(folder / LOCK, timeout=0):
                ended = kill_marked(folder)
                remove(folder)
            yield Left(folder, ended, not folder.exists())


def kill_marked(folder: Path) -> int:
    """Kill the processes that *folder*'s session has started; return how many there were."""
    own = [one for one in psutil.process_iter() if _is_marked(one, folder)]
    for process in own:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(own, timeout=ENDING)
    return len(own)


def _is_marked(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(folder)
    except (psutil.Error, OSError):  # it has ended, or is another user's
        return False
