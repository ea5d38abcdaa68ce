"""The journal of a run: what has finished, on the disk before the next case begins.

A line of JSON each: what the run is of, then what happened.  It is deleted when the run is saved.
A process that ends before that, however it ends, leaves it, and another one can finish the run.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from msgspec import Meta

from rayscale import lines
from rayscale.identity import Identity
from rayscale.lines import BusyError, LineError, Lines
from rayscale.saved.opening import contents
from rayscale.saved.raw import LaunchError
from rayscale.saved.saving import make

PREFIX, SUFFIX = ".unfinished-", ".jsonl"
FORMAT = 1  # of the lines; another one is refused
DEADLY = 3  # processes that ended while they ran a case: it is not run by a fourth


class Begun(msgspec.Struct, tag="run", frozen=True):
    """The first line: what the run is of, when it was begun, and by which command."""

    format: int
    begun: datetime
    command: str
    identity: Identity


class Process(msgspec.Struct, tag="process", frozen=True):
    """Another process begins, the first, second, ... of the run."""

    number: int
    when: str


class Running(msgspec.Struct, tag="running", frozen=True):
    """A case begins; *stacks* is the file that says where it stood, should its time run out."""

    case: str
    stacks: str | None = None


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """What pytest-benchmark knows of a case, but for its timings."""

    name: str
    fullname: str
    group: str | None
    param: str | None
    params: dict[str, Any] | None
    extra_info: dict[str, Any]
    options: dict[str, Any]
    cprofile: list[Any] | None = None


class Finished(msgspec.Struct, tag="finished", frozen=True):
    """A case has passed: what is known of it, and the seconds of its rounds."""

    case: str
    benchmark: Known
    iterations: Annotated[int, Meta(ge=1)]
    seconds: Annotated[tuple[float, ...], Meta(min_length=1)]


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """A case has failed, or was skipped: it is run again."""

    case: str


class Left(msgspec.Struct, tag="left", frozen=True):
    """The process ended in order, before the run did."""

    why: str


Line = Begun | Process | Running | Finished | Failed | Left
_decode = msgspec.json.Decoder(Line).decode


@dataclass(frozen=True)
class Unfinished:
    """A run that was begun and not saved, as its journal tells."""

    file: Path
    first: Begun
    lines: tuple[Line, ...]
    nbytes: int  # of the lines that are whole
    torn: bool = False  # whether there was a piece of a line after them

    @property
    def processes(self) -> int:
        """How many processes have worked on it."""
        return max((one.number for one in self.lines if isinstance(one, Process)), default=0)

    @property
    def history(self) -> list[dict[str, Any]]:
        """Which processes have worked on it, and when each began, as a saved run says it."""
        every = (one for one in self.lines if isinstance(one, Process))
        return [{"process": one.number, "when": one.when} for one in every]

    @property
    def begun(self) -> datetime:
        """When it was begun."""
        return self.first.begun

    @property
    def finished(self) -> dict[str, Finished]:
        """What has passed, by case: the first time, if a later process timed it again."""
        found: dict[str, Finished] = {}
        for one in self.lines:
            if isinstance(one, Finished):
                found.setdefault(one.case, one)
        return found

    @property
    def again(self) -> list[Finished]:
        """What a later process timed again, for its own cases to be compared with."""
        first = set(map(id, self.finished.values()))
        return [one for one in self.lines if isinstance(one, Finished) and id(one) not in first]

    @property
    def deaths(self) -> dict[str, int]:
        """How many processes ended while they ran a case, by case; an end in order is none."""
        found: dict[str, int] = {}
        for one, then in pairwise((*self.lines, None)):
            if isinstance(one, Running) and (then is None or isinstance(then, Process)):
                found[one.case] = found.get(one.case, 0) + 1
        return found

    @property
    def stuck(self) -> dict[str, str]:
        """Cases whose time ran out so that the process had to end: where the stacks are."""
        last = {one.case: one.stacks for one in self.lines if isinstance(one, Running)}
        return {
            case: stacks for case in self.deaths if (stacks := last[case]) and _is_written(stacks)
        }


def _is_written(file: str) -> bool:
    """Tell whether *file*, which a journal names, is there and not empty."""
    try:
        return Path(file).is_file() and Path(file).stat().st_size > 0
    except OSError:  # no file has such a name
        return False


class Journal:
    """A journal that this process writes."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    @property
    def file(self) -> Path:
        """Where it is."""
        return self._lines.file

    def add(self, line: Line) -> None:
        """Write *line* and have it on the disk; OSError where the disk is full, or gone."""
        self._lines.add(msgspec.json.encode(line, enc_hook=_plain))

    def close(self) -> None:
        """Leave the journal to whoever finishes the run."""
        self._lines.close()

    def delete(self) -> None:
        """Delete it: the run is saved."""
        self._lines.delete()


def begin(folder: Path, identity: Identity, command: str) -> Journal:
    """Return a new journal in *folder*, on the disk with its first line."""
    make(folder)
    first = Begun(FORMAT, datetime.now(UTC), command, identity)
    file = folder / f"{PREFIX}{uuid4().hex[:12]}{SUFFIX}"
    return Journal(lines.begin(file, msgspec.json.encode(first)))


def go_on(run: Unfinished) -> Journal:
    """Return the journal of *run*, to be continued; LaunchError where a process writes it."""
    try:
        return Journal(lines.go_on(run.file, run.nbytes))
    except BusyError as error:
        raise LaunchError(run.file, "another process is working on this run") from error


def _plain(value: Any) -> Any:
    """Return what JSON can hold of *value*; what it cannot is named as pytest-benchmark does."""
    for kind in (float, int, str):
        if isinstance(value, kind):
            return kind(value)
    return f"UNSERIALIZABLE[{value!r}]"


def unfinished(results: Path) -> list[Path]:
    """Return the journals of all machines in *results*, those that are being written included."""
    return sorted(results.glob(f"*/{PREFIX}*{SUFFIX}"))


def read_all(results: Path) -> tuple[list[Unfinished], list[LaunchError]]:
    """Return the runs that were begun in *results*, oldest first, and what cannot be read."""
    found, faults = [], []
    for file in unfinished(results):
        try:
            found.append(read(file))
        except LaunchError as error:
            faults.append(error)
    return sorted(found, key=lambda run: run.begun), faults


def read(file: Path) -> Unfinished:
    """Return what a journal tells; LaunchError where a line of it is not one, but the last."""
    try:
        found = lines.read(contents(file), _decode)
    except LineError as error:
        raise LaunchError(file, f"the journal of a run: {error}") from error
    if not found.lines or not isinstance(found.lines[0], Begun):
        raise LaunchError(file, "the journal of a run, of which not even the first line is whole")
    if found.lines[0].format != FORMAT or found.lines[0].begun.tzinfo is None:
        raise LaunchError(
            file,
            f"of the journal's format {found.lines[0].format}, and this version reads {FORMAT}; "
            "use the version that wrote it",
        )
    return Unfinished(file, found.lines[0], found.lines[1:], found.nbytes, found.torn)
