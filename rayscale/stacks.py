"""The stacks of processes that hang: each writes its own to a file, when it gets a signal.

Python's faulthandler does that without Python's lock: so even code in C that never gives it up is
shown.
"""

import faulthandler
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

FOLDER = "RAYSCALE_STACKS"  # the variable that names the folder of the files
# One that nobody else uses; where there are no such signals, one that is for users' purposes.
SIGNAL = getattr(signal, "SIGRTMAX", signal.SIGUSR2)

_files: dict[int, TextIO] = {}  # of this process, by its id: a fork needs its own


@contextmanager
def gathered_in(folder: Path) -> Iterator[None]:
    """Have the processes that are started meanwhile offer their stacks in *folder*."""
    before = os.environ.get(FOLDER)
    os.environ[FOLDER] = str(folder)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(FOLDER, None)
        else:  # a session that has started this one
            os.environ[FOLDER] = before


def offer() -> None:
    """Have this process write its threads' stacks to its file in the folder at each ``SIGNAL``.

    Without a folder, as on a cluster that somebody else has started, nothing is offered.
    """
    folder, own = os.environ.get(FOLDER), os.getpid()
    if folder is None or own in _files:
        return
    with suppress(OSError):  # stacks are a help; a case does not fail where there is no room
        _files[own] = Path(folder, str(own)).open("a", encoding="utf-8")  # noqa: SIM115 - it stays
        faulthandler.register(SIGNAL, file=_files[own], all_threads=True)


def withdraw() -> None:
    """Take back what ``offer`` has set."""
    if (file := _files.pop(os.getpid(), None)) is not None:
        faulthandler.unregister(SIGNAL)
        file.close()


def gather(folder: Path, file: Path) -> None:
    """Move what processes have written in *folder* into one *file*, which is the user's alone."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as out:
        for one in sorted(folder.iterdir()):
            if text := one.read_text(encoding="utf-8", errors="replace"):
                out.write(f"process {one.name}:\n{text}\n")
            os.truncate(one, 0)
