"""A folder for temporary files that only its owner enters, and that says whose it is.

A session that is killed leaves its folder behind.  The lock in it is then free, and the next
session removes it: see ``leftovers.py``.
"""

import json
import os
import platform
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil
from filelock import FileLock

PREFIX = "rayscale-"
LOCK = "lock"  # held as long as the session lives
OWNER = "owner.json"
# Set for the processes that a session starts, to its folder: so they are known as its own.
MARK = "RAYSCALE_SESSION"


@dataclass(frozen=True)
class Owner:
    """The process that has made a folder; a process id alone may be another's by now."""

    host: str
    pid: int
    started: float  # as psutil says it

    @classmethod
    def here(cls) -> Self:
        """Return what says that this process is the owner."""
        own = psutil.Process()
        return cls(platform.node(), own.pid, own.create_time())

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Return the owner of *folder*; OSError or ValueError if it does not say."""
        said = json.loads((folder / OWNER).read_text(encoding="utf-8"))
        return cls(str(said["host"]), int(said["pid"]), float(said["started"]))

    def is_gone(self) -> bool:
        """Tell whether the process was on this machine and has ended.

        The lock says so, too.  But a copy of the process, made by a fork, can let go of it.
        """
        if self.host != platform.node():
            return False
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) > 1
        except psutil.NoSuchProcess:
            return True


@contextmanager
def own_folder(kind: str = "", where: str | None = None) -> Iterator[Path]:
    """Make a folder in *where*, by default in that of temporary files; remove it at the end.

    Only this user may enter it.  SIGTERM, which would end this process at once, interrupts it
    meanwhile, as Ctrl-C does; a handler that somebody else has set stays.
    """
    with sigterm_heeded():
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{kind}", dir=where))
        try:
            (folder / OWNER).write_text(json.dumps(asdict(Owner.here())), encoding="utf-8")
            with FileLock(folder / LOCK):
                yield folder
        finally:
            # Who was just killed may still write there.  What stays, the next session removes.
            remove(folder)


def remove(folder: Path) -> None:
    """Remove *folder*: what says whose it is, last, so that the next session can finish it."""
    with suppress(OSError):
        for one in folder.iterdir():
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def sigterm_heeded() -> Iterator[None]:
    """Have SIGTERM raise KeyboardInterrupt, where nobody handles it."""
    unhandled = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not unhandled or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def marked(folder: Path) -> dict[str, str]:
    """Return the variable that marks a process as one of *folder*'s session."""
    return {MARK: str(folder)}


def is_own(folder: Path) -> bool:
    """Tell whether *folder* is a folder, not a link to one, and this user's."""
    user = os.geteuid() if hasattr(os, "geteuid") else None
    return (
        folder.is_dir()
        and not folder.is_symlink()
        and (user is None or folder.lstat().st_uid == user)
    )
