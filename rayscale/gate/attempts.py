"""A gate that outlives its process: what each case came to, and how often it was attempted.

A case's pairs are never of two sessions: they would be of two states of the machine, and the second
would be begun because of what the first had seen.  So a case that was interrupted is compared anew,
and each attempt at it counts: after k interruptions its share of both error rates is halved k
times.  An infinite number of attempts so err at most twice as often as one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import msgspec
from msgspec import Meta

from rayscale import lines
from rayscale.gate.pairs import Loading
from rayscale.gate.terms import CONFIRMED
from rayscale.identity import Identity, differences
from rayscale.lines import BusyError, LineError, Lines

NAME = "gate.jsonl"  # in the folder of pytest's cache
FORMAT = 1
MOST = 2.0  # times as often as one attempt do all together err


class Begun(msgspec.Struct, tag="gate", frozen=True):
    """The first line: what is compared, and how many cases share the false alarm."""

    format: int
    identity: Identity


class Attempted(msgspec.Struct, tag="attempted", frozen=True):
    """A case begins."""

    case: str


class Decided(msgspec.Struct, tag="decided", frozen=True):
    """What was seen of a case, on its loadings: it has its verdict."""

    seen: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1, max_length=CONFIRMED)]


class Other(TypedDict):
    """What must be in what was seen of a case, for its verdict to be shown again."""

    id: str
    place: str
    number: int
    kind: Literal["new", "changed", "not compared", "failed"]
    why: str
    notes: list[str]
    tolerance: str | None
    reports: list["Report"]


class Compared(Other):
    """The same, of a case that has pairs."""

    kind: Literal["compared"]  # type: ignore[misc]  # the one that the others are not
    loading: Loading


# What pytest makes its report of a test from, as far as it has to be there.
Report = TypedDict(
    "Report",
    {
        "$report_type": Literal["TestReport"],
        "nodeid": str,
        "location": tuple[str, int | None, str],
        "keywords": dict[str, Any],
        "outcome": Literal["passed", "failed", "skipped"],
        "longrepr": str | list[Any] | dict[str, Any] | None,
        "when": Literal["setup", "call", "teardown"],
        "sections": list[tuple[str, str]],
        "duration": float,
        "user_properties": list[tuple[str, Any]],
    },
)

Line = Begun | Attempted | Decided
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def _decode(line: bytes) -> Line:
    """Return what is in a line; msgspec.ValidationError where it is none of ours."""
    own = _decoder.decode(line)
    for one in own.seen if isinstance(own, Decided) else ():
        msgspec.convert(one, Compared if one.get("kind") == "compared" else Other)
    return own


class AttemptsError(Exception):
    """The gate that was begun cannot be finished; the message says why."""


@dataclass
class Attempts:
    """The attempts at each case, of earlier sessions and of this one.

    *file* is None where pytest keeps no cache: then nothing is written.
    """

    file: Path | None
    decided: tuple[Decided, ...] = ()
    begun: Begun | None = None  # by an earlier session, which this one finishes
    before: Mapping[str, int] = field(default_factory=dict)  # attempts that were interrupted
    trouble: str = ""  # why nothing is written, where it should be
    _nbytes: int = 0
    _lines: Lines | None = None

    @property
    def done(self) -> list[tuple[str, str, int]]:
        """The cases that have their verdicts: id, place and number there."""
        first = [one.seen[0] for one in self.decided]
        return [(one["id"], one["place"], one["number"]) for one in first]

    @property
    def sharing(self) -> int:
        """How many cases shared the false alarm in the first session; 0 in the first one."""
        return len(self.begun.identity.cases) if self.begun else 0

    def share(self, case: str) -> float:
        """Return by what the error rates of *case* are multiplied.

        >>> Attempts(None, before={"slow": 2}).share("slow")
        0.25
        """
        return 0.5 ** self.before.get(case, 0)

    def most(self) -> float:
        """Return how many times its rate a session of these attempts may err."""
        return MOST if any(self.before.values()) else 1.0

    def start(self, identity: Identity) -> None:
        """Begin to write, or go on; AttemptsError where the cases are not those of before."""
        if self.file is None:
            return
        if self.begun is not None and (unlike := differences(self.begun.identity, identity)):
            raise AttemptsError("; ".join(unlike))
        try:
            if self.begun is None:
                first = msgspec.json.encode(Begun(FORMAT, identity))
                self._lines = lines.begin(self.file, first)
            else:
                self._lines = lines.go_on(self.file, self._nbytes)
        except BusyError:
            self._give_up("another gate is at work in this project")
        except OSError as error:
            self._give_up(f"{self.file}: {error.strerror}")

    def note(self, line: Attempted | Decided) -> None:
        """Have *line* on the disk."""
        if self._lines is None:
            return
        try:
            self._lines.add(msgspec.json.encode(line, enc_hook=str))
        except OSError as error:
            self._lines.close()
            self._give_up(f"{self.file}: {error.strerror}")

    def _give_up(self, why: str) -> None:
        """Go on without a file, for *why*: then this gate cannot be finished by another session."""
        self._lines, self.trouble = None, why

    def end(self, *, is_done: bool) -> None:
        """Delete what is written where the session is done; else leave it to another one."""
        if self._lines is None:
            return
        if is_done:
            self._lines.delete()
        else:
            self._lines.close()
        self._lines = None


def first(folder: Path | None) -> Attempts:
    """Return the attempts of a session that begins anew."""
    return Attempts(None if folder is None else folder / NAME)


def interrupted(folder: Path | None, identity: Identity) -> Attempts:
    """Return those of the session that was interrupted; AttemptsError if it was of something else.

    Its cases are not compared here: which there are is known after collection.
    """
    if folder is None or not (file := folder / NAME).is_file():
        raise AttemptsError("no gate was begun here and not finished; leave it out")
    try:
        found = lines.read(file.read_bytes(), _decode)
        busy = lines.is_being_written(file)
    except (OSError, LineError) as error:
        raise AttemptsError(f"{file} cannot be read: {error}; remove it") from error
    if busy:
        raise AttemptsError("another process is working on this gate")
    if not found.lines or not isinstance(begun := found.lines[0], Begun) or begun.format != FORMAT:
        raise AttemptsError(f"{file} is not what this version of rayscale writes; remove it")
    of_then = msgspec.structs.replace(begun.identity, cases=())
    if unlike := differences(of_then, identity):
        raise AttemptsError(f"the gate that was begun was another one: {'; '.join(unlike)}")
    decided = tuple(one for one in found.lines if isinstance(one, Decided))
    known = {one.seen[0]["id"] for one in decided}
    every = [one.case for one in found.lines if isinstance(one, Attempted)]
    return Attempts(file, decided, begun, _before(every, known), _nbytes=found.nbytes)


def _before(attempted: Sequence[str], decided: set[str]) -> dict[str, int]:
    """Return how many attempts at each case were interrupted: the last one at *decided* was not."""
    return {case: attempted.count(case) - (case in decided) for case in set(attempted)}
