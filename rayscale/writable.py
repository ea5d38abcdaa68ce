"""Can a file be written?  Found out before anything is measured, and without a trace."""

import os
import tempfile
from pathlib import Path

BLOCK = 4096  # bytes: a disk that is full has no room for one block


def why_no_file(file: Path) -> str | None:
    """Return why *file* cannot be written, in the folder that it is in; None if it can."""
    try:
        if _is_there(file):
            _open(file)
        else:
            _spare(file.parent)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return _reason(error)
    return None


def why_no_folder(folder: Path) -> str | None:
    """Return why *folder* cannot be made or written into; None if it can."""
    try:
        top = next(place for place in (folder, *folder.absolute().parents) if _is_there(place))
        _spare(top)
    except (OSError, ValueError) as error:
        return _reason(error)
    return None


def _is_there(place: Path) -> bool:
    """Tell whether there is anything at *place*; a link that leads nowhere is."""
    try:
        place.lstat()
    except FileNotFoundError:
        return False
    return True


def _open(file: Path) -> None:
    """Open *file* for writing, as it is; a pipe that nobody reads would make it wait."""
    os.close(os.open(file, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NONBLOCK", 0)))


def _spare(folder: Path) -> None:
    """Write one block into *folder*, in a file without a name where the system has those."""
    with tempfile.TemporaryFile(dir=folder) as out:
        out.write(bytes(BLOCK))
        out.flush()


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
