"""The guard's own process: it waits for the end of a case's time, and acts then.

It reads a line of JSON for each case: what to watch, or null when that is done.  When nobody can
write any more, it ends.
"""

import json
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from rayscale import stacks

WRITING = 1.0  # seconds in which processes write their stacks; some ms are usual
FREEING = 5.0  # seconds in which it must help that the workers are killed; else SIGINT follows
REPEATED = 1.0  # seconds after which SIGINT is sent again: code may swallow it
GRACE = 30  # times that it is sent


@dataclass(frozen=True)
class Watch:
    """What is watched: its name, its limit in seconds, the file for stacks, and their folder."""

    what: str
    limit: float
    file: str
    folder: str

    @property
    def sentence(self) -> str:
        """What the user is told."""
        return (
            f"{self.what} was not done after {self.limit:g} s; where its processes were is in "
            f"{self.file}; --rayscale-case-timeout=SECONDS gives it more time"
        )


@dataclass
class Lines:
    """The lines that come in at a *descriptor*, as long as somebody can write."""

    descriptor: int
    _read: bytes = field(default=b"", init=False)

    def next(self, patience: float | None) -> bytes | None:
        """Return the next line, without its end if nobody can write any more; None if too late."""
        deadline = None if patience is None else time.monotonic() + patience
        while b"\n" not in self._read:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self.descriptor], [], [], left)[0]:
                return None
            if not (more := os.read(self.descriptor, 2**16)):
                return b""
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return line


def main() -> None:
    """Watch the parent process until it ends, or closes our standard input."""
    parent, lines = psutil.Process(os.getppid()), Lines(sys.stdin.fileno())
    print("ready", flush=True)  # noqa: T201 - who has started this waits for it
    watch: Watch | None = None
    while (line := lines.next(watch.limit if watch else None)) != b"":
        if line is None:
            assert watch is not None  # else there is no limit
            act(parent, lines, watch)
            watch = None
            print("no signal comes any more", flush=True)  # noqa: T201 - the same
        else:
            said = json.loads(line)
            watch = Watch(**said) if said else None


def act(parent: psutil.Process, lines: Lines, watch: Watch) -> None:
    """End what *parent* does; where that does not help, end *parent*."""
    workers = _offering(parent, Path(watch.folder))
    _send([*workers, parent], stacks.SIGNAL)
    time.sleep(WRITING)
    stacks.gather(Path(watch.folder), Path(watch.file))
    _send(workers, signal.SIGKILL)
    if workers and lines.next(FREEING) is not None:
        return
    for _ in range(GRACE):
        _send([parent], signal.SIGINT)
        if lines.next(REPEATED) is not None:
            return
    _kill(parent, watch)


def _kill(parent: psutil.Process, watch: Watch) -> None:
    """Kill *parent* and all that it has started, and say so in its place."""
    family = [one for one in _children(parent) if one.pid != os.getpid()]
    _send([parent, *family], signal.SIGKILL)
    print(f"rayscale: {watch.sentence}; the run was ended with it", file=sys.stderr, flush=True)  # noqa: T201 - the process that would say it is gone


def _offering(parent: psutil.Process, folder: Path) -> list[psutil.Process]:
    """Return the processes that *parent* has started and that offer their stacks."""
    names = {one.name for one in folder.iterdir()}
    return [one for one in _children(parent) if str(one.pid) in names]


def _children(parent: psutil.Process) -> list[psutil.Process]:
    try:
        return parent.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _send(processes: Sequence[psutil.Process], number: int) -> None:
    for one in processes:
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            one.send_signal(number)
