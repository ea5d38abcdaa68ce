"""A saved file's bytes, and the JSON in them: of a file that anybody may have put there."""

import json
import os
import stat
from pathlib import Path
from typing import Any

from rayscale.inert import plain_all
from rayscale.saved.raw import LaunchError

MOST = 2**30  # bytes: a run of 200 cases with 100,000 rounds each has 900 MB
WHOLE = 18  # digits of a whole number that is kept as one: longer ones fit nothing that is read
KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def contents(file: Path, most: int = MOST) -> bytes:
    """Return the bytes of *file*; LaunchError where it is not a file of *most* bytes or less.

    It waits for nobody: a pipe is refused, and not read.
    """
    try:
        kind = stat.S_IFMT(file.stat().st_mode)
        if kind != stat.S_IFREG:
            raise LaunchError(file, f"{KINDS.get(kind, 'a device')}, and not a file")
        with open(file, "rb", opener=_at_once) as opened:
            nbytes = os.fstat(opened.fileno()).st_size
            if nbytes > most:
                raise LaunchError(file, f"of {nbytes / 2**20:,.0f} MiB, too large to be a run")
            return opened.read()
    except OSError as error:
        raise LaunchError(file, f"cannot be read ({error.strerror})") from error


def _at_once(name: str, flags: int) -> int:
    """Open a file without waiting for another process, should a pipe have taken its place."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def tolerant(file: Path, data: bytes) -> Any:
    """Return the JSON in *data*, as Python and others write it; LaunchError where it is none.

    It may begin with a byte order mark, be of UTF-16 or UTF-32, and hold NaN and Infinity, which
    are floats then, and halves of a character.  All text in it is fit to be shown.
    """
    text = data.decode(json.detect_encoding(data), "replace")
    try:
        return plain_all(json.loads(text, parse_int=_number))
    except RecursionError as error:
        raise LaunchError(file, "nested too deep to be a run") from error
    except json.JSONDecodeError as error:
        raise LaunchError(file, f"not JSON, or cut off ({error})") from error


def _number(digits: str) -> float:
    """Return a whole number, as a float where it is very large: Python refuses 5,000 digits."""
    return int(digits) if len(digits) <= WHOLE else float(digits)
