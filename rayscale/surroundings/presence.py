"""Timed sessions of one user on one machine know of each other, so that each can say so.

Each has a file in a private folder, and a lock on it as long as it lives.  The system ends the lock
with the process, however that ends, so a file that can be locked is a dead session's, and is
removed.  Whoever looks, enters or leaves has the lock at the door: without it a session's file,
made and not yet locked, would be taken for a dead one's.  Sessions of other users count as load.
"""

import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rayscale.text import count

PATIENCE = 2.0  # seconds at the door: who is inside needs milliseconds, unless it is stopped


class Presence:
    """A session among the others; *met* are all that were there at some time."""

    def __init__(self, folder: Path) -> None:
        """Enter the *folder* of the sessions; OSError or NotImplementedError if it has no locks."""
        self.folder = folder
        self.met: set[str] = set()
        name = f"{os.getpid()}-{secrets.token_hex(4)}.lock"
        self._own = FileLock(folder / name, thread_local=False)
        with self._door():
            self._own.acquire()
        self.look()

    def look(self) -> None:
        """Put down who is there now; nothing, while somebody is stopped at the door."""
        try:
            with self._door():
                self.met |= {file.stem for file in self._others() if _is_alive(file)}
        except Timeout:
            return

    def leave(self) -> None:
        """Be gone for those who look."""
        self._own.release()
        Path(self._own.lock_file).unlink(missing_ok=True)

    @property
    def sentence(self) -> str:
        """Who else was there, for the user; nothing, if nobody was."""
        if not self.met:
            return ""
        sessions = count(len(self.met), "timed session")
        who = ", ".join(sorted(name.partition("-")[0] for name in self.met))
        return f"this machine is shared with {sessions} of yours (process {who})"

    def _door(self) -> FileLock:
        return FileLock(self.folder / "door", timeout=PATIENCE)

    def _others(self) -> Iterator[Path]:
        own = Path(self._own.lock_file)
        yield from (file for file in self.folder.glob("*.lock") if file != own)


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

    None where that folder has no private place, or no locks: then others are seen as load alone.
    """
    try:
        folder = _private(temporary or Path(tempfile.gettempdir()))
        return None if folder is None else Presence(folder)
    except (OSError, NotImplementedError, Timeout):  # read-only, full, or without locks
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
