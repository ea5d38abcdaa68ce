"""A file of lines, each on the disk before the next is written: what a process leaves that ends.

A process that is killed leaves a part of its last line, or what the file system puts in its place.
All before it is whole.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Generic, TypeVar

from filelock import FileLock, Timeout

Line = TypeVar("Line")


class LineError(ValueError):
    """A line that is none, and not the last one; the message says which."""


class BusyError(Exception):
    """A process that lives writes the file."""


@dataclass
class Lines:
    """A file that this process writes, and that no other one does until it is closed."""

    file: Path
    _lock: FileLock
    _out: IO[bytes] = field(repr=False)

    def add(self, line: bytes) -> None:
        """Write a *line* and have it on the disk; OSError where that cannot be done."""
        self._out.write(line + b"\n")
        self._out.flush()
        os.fsync(self._out.fileno())

    def close(self) -> None:
        """Leave the file to whoever goes on with it."""
        self._out.close()
        self._lock.release()

    def delete(self) -> None:
        """Delete the file: it is of no more use."""
        self.file.unlink(missing_ok=True)
        self.close()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def begin(file: Path, first: bytes) -> Lines:
    """Return a new *file*, on the disk with its *first* line; one that was there is replaced.

    BusyError where another process writes it.
    """
    lock = _locked(file)
    lines = Lines(file, lock, file.open("wb"))
    lines.add(first)
    sync_folder(file.parent)
    return lines


def go_on(file: Path, nbytes: int) -> Lines:
    """Return a *file* that is there, to be continued after its first *nbytes*.

    BusyError where another process writes it.
    """
    lock = _locked(file)
    out = file.open("r+b")
    out.truncate(nbytes)
    out.seek(0, os.SEEK_END)
    return Lines(file, lock, out)


def _locked(file: Path) -> FileLock:
    lock = FileLock(f"{file}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise BusyError(str(file)) from error
    except NotImplementedError as error:  # filelock's, on a file system without locks
        raise OSError(f"{file}: {error}") from error
    return lock


def is_being_written(file: Path) -> bool:
    """Tell whether a process that lives writes *file*, or it belongs to another user."""
    try:
        _locked(file).release()
    except (BusyError, OSError):
        return True
    return False


@dataclass(frozen=True)
class Read(Generic[Line]):
    """What a file holds: its lines, how many bytes they are, whether a torn one was dropped."""

    lines: tuple[Line, ...]
    nbytes: int
    torn: bool


def read(every: bytes, decode: Callable[[bytes], Line]) -> Read[Line]:
    """Return the lines of a file; LineError where *decode* raises ValueError, but for the last."""
    *whole, rest = every.split(b"\n")
    found: list[Line] = []
    nbytes = 0
    for number, line in enumerate(whole, start=1):
        try:
            found.append(decode(line))
        except (ValueError, RecursionError) as error:
            if number == len(whole) and not rest:
                break
            raise LineError(f"line {number} is not what rayscale writes ({error})") from error
        nbytes += len(line) + 1
    return Read(tuple(found), nbytes, torn=nbytes < len(every))


def sync_folder(folder: Path) -> None:
    """Write *folder* to the disk, where its file system can: a new name is only then on it.

    Some, such as shared folders of virtual machines, refuse; the file is there all the same.
    """
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
