"""Timed sessions of one user on one machine know of each other, so that each can say so.

Each has a file in a private folder, and a lock on it as long as it lives.  The system ends the lock
with the process, however that ends: a file that can be locked is a dead session's, and is removed.
A file gets its name when it is locked, so none is taken for a dead one's before.  Who comes leaves
a note for each one who is there, so that both know, however short they were together.  The last
session removes the folder.  Sessions of other users count as load.
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
    """A session among the others."""

    def __init__(self, folder: Path) -> None:
        """Enter the *folder* of the sessions; OSError where it is gone, or cannot be written to."""
        self.folder = folder
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._lock = FileLock(folder / f"{self._name}.draft", thread_local=False)
        self._lock.acquire()
        self._file = Path(self._lock.lock_file).rename(folder / f"{self._name}.lock")
        others = (file for file in folder.glob("*.lock") if file != self._file)
        self._found = {file.stem for file in others if _is_alive(file)}
        for other in self._found:
            (folder / f"{other}.{self._name}.met").touch()

    @property
    def met(self) -> set[str]:
        """All who have been there at some time until now: found on entering, or come later."""
        came = self.folder.glob(f"{self._name}.*.met")
        return self._found | {note.name.split(".")[1] for note in came}

    def leave(self) -> None:
        """Be gone for those who come."""
        self._found = self.met
        _remove(self._file)
        self._lock.release()
        with suppress(OSError):  # others are there
            self.folder.rmdir()

    @property
    def sentence(self) -> str:
        """Who else was there, for the user; nothing, if nobody was."""
        met = self.met
        if not met:
            return ""
        sessions = count(len(met), "timed session")
        who = ", ".join(sorted(name.partition("-")[0] for name in met))
        return f"this machine is shared with {sessions} of yours (process {who})"


def _is_alive(file: Path) -> bool:
    """Tell whether a session holds *file*; remove a dead one's."""
    try:
        with FileLock(file, timeout=0):
            _remove(file)
    except Timeout:
        return True
    return False


def _remove(file: Path) -> None:
    """Remove a session's *file*, and the notes for whoever has none any more."""
    file.unlink(missing_ok=True)
    for note in file.parent.glob("*.met"):
        if not note.with_name(f"{note.name.partition('.')[0]}.lock").exists():
            note.unlink(missing_ok=True)


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
