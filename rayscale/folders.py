"""Private folders for a session's own files; a killed session's are removed at the next start.

A folder holds a file that its session has locked.  The system ends the lock with the process,
however that ends.  So who can lock the file may remove the folder.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rayscale.text import count

PREFIX = "rayscale-"
HELD, DRAFT = ".held", ".taken"  # the file gets its name when it is locked: before, it is nobody's


@contextmanager
def private(kind: str = "", where: str | None = None) -> Iterator[Path]:
    """Make a folder of mode 0700 *where* temporary files go, for a while."""
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{kind}", dir=where) as name:
        folder = Path(name)
        lock = FileLock(folder / DRAFT, thread_local=False)
        lock.acquire()
        (folder / DRAFT).rename(folder / HELD)
        try:
            yield folder
        finally:
            lock.release()


def clear(where: str | None = None) -> int:
    """Remove the folders that killed sessions of this user have left; return how many."""
    places = Path(where or tempfile.gettempdir()).glob(f"{PREFIX}*")
    return sum(_remove(folder) for folder in places if _is_ours(folder))


def cleared() -> list[str]:
    """Do so, and return what to say of it, if anything."""
    number = clear()
    return [f"removed {count(number, 'folder')} that killed sessions had left"] if number else []


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:  # gone just now
        return False
    is_own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return stat.S_ISDIR(found.st_mode) and is_own and (folder / HELD).is_file()


def _remove(folder: Path) -> bool:
    """Remove *folder*, unless a session that lives holds it; tell whether it is gone."""
    try:
        with FileLock(folder / HELD, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
    except (Timeout, OSError):  # it lives; it is gone just now
        return False
    return not folder.exists()
