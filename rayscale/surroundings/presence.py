"""Timed sessions of one user on one machine know of each other, so that each can say so.

Each has a file in a private folder, and a lock on it as long as it lives.  The system ends the lock
with the process, however that ends: a file that can be locked is a dead session's, and is removed.
A file gets its name when it is locked, so none is taken for a dead one's before.  The last session
removes the folder.  Sessions of other users count as load.
"""

import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from rayscale.text import count

TRIES = 3  # to enter: the last of the others may remove the folder in between


class Presence:
    """A session among the others; *met* are all that were there at some time."""

    def __init__(self, folder: Path) -> None:
        """Enter the *folder* of the sessions; OSError where it is gone, or cannot be written to."""
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.folder = folder
        self.met: set[str] = set()
        self._lock = FileLock(folder / f"{name}.draft", thread_local=False)
        self._lock.acquire()
        self._file = Path(self._lock.lock_file).rename(folder / f"{name}.lock")
        self.look()

    def look(self) -> None:
        """Put down who is there now."""
        others = (file for file in self.folder.glob("*.lock") if file != self._file)
        self.met |= {file.stem for file in others if _is_alive(file)}

    def leave(self) -> None:
        """Be gone for those who look."""
        self._file.unlink(missing_ok=True)
        self._lock.release()
        with suppress(OSError):  # others are there
            self.folder.rmdir()

    @property
    def sentence(self) -> str:
        """Who else was there, for the user; nothing, if nobody was."""
        if not self.met:
            return ""
        sessions = count(len(self.met), "timed session")
        who = ", ".join(sorted(name.partition("-")[0] for name in self.met))
        return f"this machine is shared with {sessions} of yours (process {who})"


def _is_alive(file: Path) -> bool:
    """Tell whether a session holds *file*; remove a dead one's."""
    try:
        with FileLock(file, timeout=0):
            file.unlink(missing_ok=True)
    except Timeout:
        return True
    return False


def enter(temporary: Path | None = None) -> Presence | None:
    """Enter among the sessions of this user that have one folder for *temporary* files.

    None where that folder has no private place: then others are seen as load alone.
    """
    for _ in range(TRIES):
        try:
            folder = _private(temporary or Path(tempfile.gettempdir()))
            return None if folder is None else Presence(folder)
        except OSError:  # gone just now, or read-only, or full
            continue
    return None


def _private(temporary: Path) -> Path | None:
    """Return this user's own folder; None if somebody else has made one of its name."""
    user = os.getuid() if hasattr(os, "getuid") else "sessions"
    folder = temporary / f"rayscale-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    ours = not hasattr(os, "getuid") or (
        found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
    )
    return folder if stat.S_ISDIR(found.st_mode) and ours else None


@contextmanager
def present(temporary: Path | None = None) -> Iterator[Presence | None]:
    """Be present for a while."""
    own = enter(temporary)
    try:
        yield own
    finally:
        if own is not None:
            own.leave()
